#include "agent/front/catalogue.h"

#include <stdlib.h>
#include <string.h>

struct catalogue {
	struct catalogue_entry *list; /* sorted by SHA-256 */
	uint32_t *by_sha1;            /* numbers in list, sorted by SHA-1 */
	size_t n;
};

struct catalogue *
catalogue_new(void)
{
	return calloc(1, sizeof(struct catalogue));
}

void
catalogue_free(struct catalogue *c)
{
	if (c == NULL)
		return;
	free(c->list);
	free(c->by_sha1);
	free(c);
}

static int
by_sha256(const void *a, const void *b)
{
	const struct catalogue_entry *x = a, *y = b;

	return memcmp(x->id.sha256, y->id.sha256, SIGNER_SHA256_LEN);
}

static int
by_sha1(const void *a, const void *b, void *arg)
{
	const struct catalogue_entry *list = arg;
	const uint32_t *x = a, *y = b;

	return memcmp(list[*x].id.sha1, list[*y].id.sha1, SIGNER_SHA1_LEN);
}

/* One entry for each certificate, whoever holds it. */
static size_t
merge(struct catalogue_entry *list, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (kept > 0 && by_sha256(&list[kept - 1], &list[i]) == 0)
			list[kept - 1].tokens |= list[i].tokens;
		else
			list[kept++] = list[i];
	}
	return kept;
}

int
catalogue_replace(struct catalogue *c, unsigned token,
    const struct signer_identity *ids, size_t n)
{
	size_t room = c->n + n, kept = 0;
	struct catalogue_entry *list = calloc(room + 1, sizeof(*list));
	uint32_t *order = calloc(room + 1, sizeof(*order));

	if (list == NULL || order == NULL) {
		free(list);
		free(order);
		return -1;
	}
	for (size_t i = 0; i < c->n; i++) {
		list[kept] = c->list[i];
		list[kept].tokens &= ~(UINT32_C(1) << token);
		if (list[kept].tokens != 0)
			kept++;
	}
	for (size_t i = 0; i < n; i++) {
		list[kept].id = ids[i];
		list[kept].id.uses = 0;
		list[kept++].tokens = UINT32_C(1) << token;
	}
	qsort(list, kept, sizeof(*list), by_sha256);
	kept = merge(list, kept);
	for (size_t i = 0; i < kept; i++)
		order[i] = (uint32_t)i;
	qsort_r(order, kept, sizeof(*order), by_sha1, list);
	free(c->list);
	free(c->by_sha1);
	c->list = list;
	c->by_sha1 = order;
	c->n = kept;
	return 0;
}

const struct catalogue_entry *
catalogue_at(const struct catalogue *c, size_t i)
{
	return i < c->n ? &c->list[i] : NULL;
}

const struct catalogue_entry *
catalogue_by_sha256(
    const struct catalogue *c, const uint8_t thumb[SIGNER_SHA256_LEN])
{
	struct catalogue_entry key;

	if (c->n == 0)
		return NULL;
	memcpy(key.id.sha256, thumb, SIGNER_SHA256_LEN);
	return bsearch(&key, c->list, c->n, sizeof(*c->list), by_sha256);
}

const struct catalogue_entry *
catalogue_by_sha1(const struct catalogue *c,
    const uint8_t thumb[SIGNER_SHA1_LEN], size_t *others)
{
	const struct catalogue_entry *first;
	size_t low = 0, high = c->n, end;

	*others = 0;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (memcmp(c->list[c->by_sha1[mid]].id.sha1, thumb,
			SIGNER_SHA1_LEN) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (end = low; end < c->n; end++)
		if (memcmp(c->list[c->by_sha1[end]].id.sha1, thumb,
			SIGNER_SHA1_LEN) != 0)
			break;
	if (end == low)
		return NULL;
	first = &c->list[c->by_sha1[low]];
	*others = end - low - 1;
	return first;
}

const struct catalogue_entry *
catalogue_twin(const struct catalogue *c, const struct catalogue_entry *e)
{
	for (size_t i = 0; i < c->n; i++)
		if (&c->list[i] != e && memcmp(c->list[i].id.sha1, e->id.sha1,
					    SIGNER_SHA1_LEN) == 0)
			return &c->list[i];
	return NULL;
}
