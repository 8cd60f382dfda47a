#include "pkcs11/index.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct index {
	atomic_uint held;
	struct index_counts counts;
	struct rv gap;
	size_t n;
	struct index_entry *entries;    /* sorted by SHA-256 */
	const struct index_entry **ids; /* those with a key, same order */
};

void
index_entries_free(struct index_entry *entries, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cert_release(&entries[i].cert);
	free(entries);
}

/* By SHA-256; of two copies, the one with a key first. */
static int
order(const void *va, const void *vb)
{
	const struct index_entry *a = va, *b = vb;
	int d = memcmp(a->cert.sha256, b->cert.sha256, TOKEN_SHA256_LEN);

	return d != 0 ? d : (int)b->keyed - (int)a->keyed;
}

/* Some tokens list a certificate twice. Returns how many are left. */
static size_t
unite(struct index_entry *entries, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (kept > 0 &&
		    memcmp(entries[kept - 1].cert.sha256,
			entries[i].cert.sha256, TOKEN_SHA256_LEN) == 0)
			cert_release(&entries[i].cert);
		else
			entries[kept++] = entries[i];
	}
	return kept;
}

struct index *
index_new(struct index_entry *entries, size_t n, size_t keys_without_cert,
    struct rv gap)
{
	struct index *ix = calloc(1, sizeof(*ix));

	if (ix == NULL) {
		index_entries_free(entries, n);
		return NULL;
	}
	ix->held = 1;
	ix->gap = gap;
	ix->entries = entries;
	if (n > 0)
		qsort(entries, n, sizeof(*entries), order);
	ix->n = unite(entries, n);
	ix->ids = calloc(ix->n + 1, sizeof(*ix->ids));
	if (ix->ids == NULL) {
		index_drop(ix);
		return NULL;
	}
	for (size_t i = 0; i < ix->n; i++)
		if (entries[i].keyed)
			ix->ids[ix->counts.identities++] = &entries[i];
	ix->counts.certs_without_key = ix->n - ix->counts.identities;
	ix->counts.keys_without_cert = keys_without_cert;
	return ix;
}

struct index *
index_hold(struct index *ix)
{
	if (ix != NULL)
		ix->held++;
	return ix;
}

void
index_drop(struct index *ix)
{
	if (ix == NULL || --ix->held > 0)
		return;
	index_entries_free(ix->entries, ix->n);
	free(ix->ids);
	free(ix);
}

static int
seek(const void *sha256, const void *entry)
{
	const struct index_entry *e = entry;

	return memcmp(sha256, e->cert.sha256, TOKEN_SHA256_LEN);
}

const struct index_entry *
index_find(const struct index *ix, const uint8_t sha256[TOKEN_SHA256_LEN])
{
	if (ix->n == 0)
		return NULL;
	return bsearch(sha256, ix->entries, ix->n, sizeof(*ix->entries), seek);
}

const struct index_entry *
index_identity(const struct index *ix, size_t i)
{
	return i < ix->counts.identities ? ix->ids[i] : NULL;
}

static const struct cert *
issuer(const struct index *ix, const struct cert *c)
{
	for (size_t i = 0; i < ix->n; i++)
		if (cert_issued(c, &ix->entries[i].cert))
			return &ix->entries[i].cert;
	return NULL;
}

const struct cert *
index_chain(
    const struct index *ix, const struct index_entry *leaf, unsigned depth)
{
	const struct cert *seen[INDEX_CHAIN_MAX];
	const struct cert *c = &leaf->cert;
	unsigned n = 0;

	if (depth >= INDEX_CHAIN_MAX)
		return NULL;
	while (n < depth) {
		seen[n++] = c;
		c = issuer(ix, c);
		/* A root issued itself, and hostile ones issue each other. */
		for (unsigned i = 0; c != NULL && i < n; i++)
			if (seen[i] == c)
				return NULL;
		if (c == NULL)
			return NULL;
	}
	return c;
}

struct index_counts
index_counts(const struct index *ix)
{
	return ix->counts;
}

struct rv
index_gap(const struct index *ix)
{
	return ix->gap;
}
