#include "pkcs11/scan.h"

#include <stdlib.h>
#include <string.h>

#include <p11-kit/pkcs11.h>

#include "pkcs11/proof.h"

#define OBJECTS_MAX 32768 /* of one class; what is beyond refuses the token */
#define OBJECTS_FIRST 256

/* A private key, or a public key object that lends it its public part. */
struct found {
	struct key key;
	struct key_tags tags;
	bool used;
};

struct scan {
	struct module *m;
	unsigned long slot, session;
	struct key_mechs mechs;
	struct index_entry *entries;
	struct key_tags *tags; /* of entry i */
	size_t nentries, nown; /* the token's own first, then the files' */
	const struct certfile *files;
	struct found *keys;
	size_t nkeys, nknown; /* the known ones first, sorted */
	struct found *publics;
	size_t npublics;
	struct rv gap; /* why an object was left out */
};

static struct rv
answer(unsigned long value)
{
	struct rv rv = {value, "C_GetAttributeValue"};

	return rv;
}

/* Whether the scan ends here; else only this object is left out. */
static bool
ends(struct rv rv)
{
	return rv_lost(rv) && rv_class(rv) != RV_KEY;
}

/*
 * Reads each object, and once more if that fails. One that stays unreadable
 * is left out; but if all are, it is not they that are at fault.
 */
static struct rv
each(struct scan *s, const unsigned long *list, size_t n,
    struct rv (*read)(struct scan *s, unsigned long handle))
{
	struct rv rv = answer(CKR_OK);
	size_t failed = 0;

	for (size_t i = 0; i < n; i++) {
		rv = read(s, list[i]);
		if (!rv_ok(rv) && !ends(rv))
			rv = read(s, list[i]);
		if (ends(rv))
			return rv;
		if (rv_ok(rv))
			continue;
		s->gap = rv;
		failed++;
	}
	return n > 0 && failed == n ? s->gap : answer(CKR_OK);
}

/* All handles of one class, malloced. */
static struct rv
handles(struct scan *s, CK_OBJECT_CLASS class, unsigned long **list, size_t *n)
{
	struct module_attr match = {CKA_CLASS, &class, sizeof(class)};
	struct rv rv = answer(CKR_BUFFER_TOO_SMALL);

	*list = NULL;
	*n = 0;
	for (size_t max = OBJECTS_FIRST;
	     rv.value == CKR_BUFFER_TOO_SMALL && max <= OBJECTS_MAX; max *= 2) {
		free(*list);
		*list = calloc(max, sizeof(**list));
		if (*list == NULL)
			return answer(CKR_HOST_MEMORY);
		rv = module_find(s->m, s->session, &match, 1, *list, max, n);
	}
	return rv;
}

/* Whether the object is an X.509 certificate, or does not tell. */
static bool
x509(struct scan *s, unsigned long handle)
{
	CK_CERTIFICATE_TYPE type = CKC_X_509;
	struct module_attr attr = {CKA_CERTIFICATE_TYPE, &type, sizeof(type)};

	return !rv_ok(module_read(s->m, s->session, handle, &attr, 1)) ||
	       attr.len != sizeof(type) || type == CKC_X_509;
}

static struct rv
read_cert(struct scan *s, unsigned long handle)
{
	struct index_entry *e = &s->entries[s->nentries];
	struct module_attr attr = {CKA_VALUE, NULL, 0};
	struct rv rv;
	size_t len;

	rv = module_attr_len(s->m, s->session, handle, CKA_VALUE, &len);
	if (!rv_ok(rv) || len == 0 || len > CERT_DER_MAX || !x509(s, handle))
		return rv;
	attr.value = malloc(len);
	if (attr.value == NULL)
		return answer(CKR_HOST_MEMORY);
	attr.len = len;
	rv = module_read(s->m, s->session, handle, &attr, 1);
	if (!rv_ok(rv) || attr.len == MODULE_ATTR_NONE) {
		free(attr.value);
		return rv;
	}
	if (cert_init(&e->cert, attr.value, attr.len) != 0)
		return rv;
	rv = key_tags_read(&s->tags[s->nentries], s->m, s->session, handle);
	/* It will be read again, and must not stand there twice. */
	if (rv_ok(rv))
		s->nentries++;
	else
		cert_release(&e->cert);
	return rv;
}

static struct rv
read_files(struct scan *s)
{
	s->nown = s->nentries;
	for (size_t i = 0; i < s->files->n; i++) {
		const struct certfile_der *d = &s->files->ders[i];
		uint8_t *der = malloc(d->len);

		if (der == NULL)
			return answer(CKR_HOST_MEMORY);
		memcpy(der, d->bytes, d->len);
		if (cert_init(&s->entries[s->nentries].cert, der, d->len) != 0)
			return answer(CKR_HOST_MEMORY);
		s->tags[s->nentries] = d->tags;
		s->nentries++;
	}
	return answer(CKR_OK);
}

static struct rv
read_certs(struct scan *s)
{
	unsigned long *list;
	struct rv rv;
	size_t n;

	rv = handles(s, CKO_CERTIFICATE, &list, &n);
	if (rv_ok(rv)) {
		size_t room = n + s->files->n + 1;

		s->entries = calloc(room, sizeof(*s->entries));
		s->tags = calloc(room, sizeof(*s->tags));
		if (s->entries == NULL || s->tags == NULL)
			rv = answer(CKR_HOST_MEMORY);
	}
	if (rv_ok(rv))
		rv = each(s, list, n, read_cert);
	if (rv_ok(rv))
		rv = read_files(s);
	free(list);
	return rv;
}

static struct rv
read_key(struct scan *s, unsigned long handle)
{
	struct found *f = &s->keys[s->nkeys];
	struct rv rv;
	bool use;

	rv = key_read(
	    &f->key, &f->tags, s->m, s->session, handle, &s->mechs, &use);
	s->nkeys += rv_ok(rv) && use;
	return rv;
}

static struct rv
read_keys(struct scan *s)
{
	unsigned long *list;
	struct rv rv;
	size_t n;

	rv = handles(s, CKO_PRIVATE_KEY, &list, &n);
	if (rv_ok(rv)) {
		s->keys = calloc(n + 1, sizeof(*s->keys));
		if (s->keys == NULL)
			rv = answer(CKR_HOST_MEMORY);
	}
	if (rv_ok(rv))
		rv = each(s, list, n, read_key);
	free(list);
	return rv;
}

static int
order_tag(const struct key_tag *a, const struct key_tag *b)
{
	if (a->len != b->len)
		return (int)a->len - (int)b->len;
	return memcmp(a->bytes, b->bytes, a->len);
}

static int
by_id(const void *a, const void *b)
{
	return order_tag(&((const struct found *)a)->tags.id,
	    &((const struct found *)b)->tags.id);
}

/* Known ones first, then by public key. */
static int
by_pub(const void *va, const void *vb)
{
	const struct found *a = va, *b = vb;

	if (a->key.known != b->key.known)
		return (int)b->key.known - (int)a->key.known;
	return pub_order(&a->key.pub, &b->key.pub);
}

/* Gives f the public part of the public key objects that share its CKA_ID,
 * if they agree; a key that two of them claim must prove itself. */
static void
lend(struct found *f, const struct found *publics, size_t n)
{
	const struct found *twin;
	size_t i;

	if (f->key.known || f->tags.id.len == 0 || n == 0)
		return;
	twin = bsearch(f, publics, n, sizeof(*publics), by_id);
	if (twin == NULL)
		return;
	for (i = (size_t)(twin - publics); i > 0; i--)
		if (by_id(&publics[i - 1], f) != 0)
			break;
	twin = NULL;
	for (; i < n && by_id(&publics[i], f) == 0; i++) {
		if (publics[i].key.pub.type != f->key.pub.type)
			continue;
		if (twin != NULL &&
		    !pub_same(&twin->key.pub, &publics[i].key.pub))
			return;
		twin = &publics[i];
	}
	if (twin == NULL)
		return;
	f->key.pub = twin->key.pub;
	f->key.known = true;
}

static struct rv
read_public(struct scan *s, unsigned long handle)
{
	struct found *f = &s->publics[s->npublics];
	struct rv rv;
	bool use;

	rv = key_public_read(
	    &f->key.pub, &f->tags, s->m, s->session, handle, &use);
	s->npublics += rv_ok(rv) && use;
	return rv;
}

/* Only if a private key keeps its public part to itself. */
static struct rv
read_publics(struct scan *s)
{
	unsigned long *list = NULL;
	size_t n, hidden = 0;
	struct rv rv = answer(CKR_OK);

	for (size_t i = 0; i < s->nkeys; i++)
		hidden += !s->keys[i].key.known;
	if (hidden == 0)
		return rv;
	rv = handles(s, CKO_PUBLIC_KEY, &list, &n);
	if (rv_ok(rv)) {
		s->publics = calloc(n + 1, sizeof(*s->publics));
		if (s->publics == NULL)
			rv = answer(CKR_HOST_MEMORY);
	}
	if (rv_ok(rv))
		rv = each(s, list, n, read_public);
	if (rv_ok(rv) && s->npublics > 0) {
		qsort(s->publics, s->npublics, sizeof(*s->publics), by_id);
		for (size_t i = 0; i < s->nkeys; i++)
			lend(&s->keys[i], s->publics, s->npublics);
	}
	free(list);
	return rv;
}

static void
join(struct index_entry *e, struct found *f)
{
	if (cert_arm(&e->cert) != 0)
		return;
	e->key = f->key;
	e->key.pub = e->cert.pub;
	e->keyed = true;
	f->used = true;
}

/* Among the keys with the certificate's public key: best with its CKA_ID. */
static void
match_known(struct scan *s, struct index_entry *e, const struct key_tags *t)
{
	struct found want, *best, *f;

	if (s->nknown == 0)
		return;
	memset(&want, 0, sizeof(want));
	want.key.known = true;
	want.key.pub = e->cert.pub;
	f = bsearch(&want, s->keys, s->nknown, sizeof(*s->keys), by_pub);
	if (f == NULL)
		return;
	while (f > s->keys && by_pub(f - 1, &want) == 0)
		f--;
	best = f;
	for (; f < s->keys + s->nknown && by_pub(f, &want) == 0; f++)
		if (key_tag_same(&f->tags.id, &t->id)) {
			best = f;
			break;
		}
	if (pub_same(&best->key.pub, &e->cert.pub))
		join(e, best);
}

/* Keys that must prove themselves: those that share CKA_ID or CKA_LABEL. */
static struct rv
match_hidden(struct scan *s, struct index_entry *e, const struct key_tags *t,
    bool by_label)
{
	struct rv rv = answer(CKR_OK);
	bool fits;

	for (size_t i = s->nknown; i < s->nkeys && !e->keyed; i++) {
		struct found *f = &s->keys[i];
		bool same = by_label ? key_tag_same(&f->tags.label, &t->label)
				     : key_tag_same(&f->tags.id, &t->id);

		if (!same || f->key.always ||
		    f->key.pub.type != e->cert.pub.type)
			continue;
		rv = proof_sign(s->m, s->session, &f->key, &e->cert, &fits);
		if (!rv_ok(rv) && !ends(rv))
			rv = proof_sign(
			    s->m, s->session, &f->key, &e->cert, &fits);
		if (ends(rv))
			return rv;
		if (rv_retry(rv))
			s->gap = rv;
		if (fits)
			join(e, f);
	}
	return answer(CKR_OK);
}

/* A certificate of a file: whoever wrote the file must have got it right. */
static struct rv
prove(struct scan *s, struct index_entry *e)
{
	struct rv rv = answer(CKR_OK);
	bool fits;

	/* Then the public part must do: it was the same. */
	if (!e->keyed || e->key.always)
		return rv;
	rv = proof_sign(s->m, s->session, &e->key, &e->cert, &fits);
	if (!rv_ok(rv) && !ends(rv))
		rv = proof_sign(s->m, s->session, &e->key, &e->cert, &fits);
	if (rv_retry(rv))
		s->gap = rv;
	e->keyed = fits;
	return ends(rv) ? rv : answer(CKR_OK);
}

/* Finds the private key of entry i. */
static struct rv
match_one(struct scan *s, size_t i)
{
	struct index_entry *e = &s->entries[i];
	struct rv rv = answer(CKR_OK);

	if (e->cert.pub.type == 0 ||
	    (i >= s->nown && !s->files->ders[i - s->nown].leaf))
		return rv;
	match_known(s, e, &s->tags[i]);
	if (e->keyed)
		return i < s->nown ? rv : prove(s, e);
	rv = match_hidden(s, e, &s->tags[i], false);
	if (rv_ok(rv) && !e->keyed)
		rv = match_hidden(s, e, &s->tags[i], true);
	return rv;
}

static struct rv
match(struct scan *s)
{
	struct rv rv = answer(CKR_OK);

	if (s->nkeys > 0)
		qsort(s->keys, s->nkeys, sizeof(*s->keys), by_pub);
	while (s->nknown < s->nkeys && s->keys[s->nknown].key.known)
		s->nknown++;
	for (size_t i = 0; rv_ok(rv) && i < s->nentries; i++)
		rv = match_one(s, i);
	return rv;
}

struct rv
scan_token(struct index **ix, struct module *m, unsigned long slot,
    unsigned long session, const struct certfile *files)
{
	struct scan s;
	size_t unused = 0;
	struct rv rv;

	*ix = NULL;
	memset(&s, 0, sizeof(s));
	s.m = m;
	s.slot = slot;
	s.session = session;
	s.files = files;
	s.gap = answer(CKR_OK);
	rv = key_mechs_read(&s.mechs, m, slot);
	if (rv_ok(rv))
		rv = read_certs(&s);
	if (rv_ok(rv))
		rv = read_keys(&s);
	if (rv_ok(rv))
		rv = read_publics(&s);
	if (rv_ok(rv))
		rv = match(&s);
	if (!rv_ok(rv))
		goto out;
	for (size_t i = 0; i < s.nkeys; i++)
		unused += !s.keys[i].used;
	*ix = index_new(s.entries, s.nentries, unused, s.gap);
	s.entries = NULL;
	s.nentries = 0;
	if (*ix == NULL)
		rv = answer(CKR_HOST_MEMORY);
out:
	index_entries_free(s.entries, s.nentries);
	free(s.tags);
	free(s.keys);
	free(s.publics);
	return rv;
}
