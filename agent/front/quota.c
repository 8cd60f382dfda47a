#include "agent/front/quota.h"

#include <sys/random.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CHAINS 4096 /* a power of two */
#define NONE UINT16_MAX
#define HOUR_NS (UINT64_C(3600) * 1000000000)
#define KEY_LEN 16 /* of a SHA-256: enough to tell keys apart */

struct bucket {
	uint8_t kind;
	uid_t uid;
	uint8_t key[KEY_LEN];
	uint64_t rate;
	uint64_t full; /* when it will be full again: ns, monotonic */
	uint16_t chain;
	uint16_t below;          /* in its chain */
	uint16_t older, younger; /* by the time of the last question */
};

struct quota {
	uint64_t seed; /* so that nobody chooses who shares a chain */
	uint16_t used;
	uint16_t oldest, youngest;
	uint16_t chains[CHAINS];
	struct bucket table[QUOTA_MAX];
};

struct quota *
quota_new(void)
{
	struct quota *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return NULL;
	if (getrandom(&q->seed, sizeof(q->seed), 0) != sizeof(q->seed)) {
		free(q);
		return NULL;
	}
	q->oldest = q->youngest = NONE;
	for (size_t i = 0; i < CHAINS; i++)
		q->chains[i] = NONE;
	return q;
}

void
quota_free(struct quota *q)
{
	free(q);
}

/* FNV-1a from a random start. */
static uint16_t
chain_of(const struct quota *q, const struct bucket *b)
{
	uint64_t h = q->seed;

	h = (h ^ b->kind) * UINT64_C(0x100000001b3);
	h = (h ^ b->uid) * UINT64_C(0x100000001b3);
	h = (h ^ b->rate) * UINT64_C(0x100000001b3);
	for (size_t i = 0; i < KEY_LEN; i++)
		h = (h ^ b->key[i]) * UINT64_C(0x100000001b3);
	return (uint16_t)((h ^ h >> 32) % CHAINS);
}

/* Out of the line of ages. */
static void
unlink_age(struct quota *q, uint16_t n)
{
	struct bucket *b = &q->table[n];

	if (b->older != NONE)
		q->table[b->older].younger = b->younger;
	else
		q->oldest = b->younger;
	if (b->younger != NONE)
		q->table[b->younger].older = b->older;
	else
		q->youngest = b->older;
}

static void
link_youngest(struct quota *q, uint16_t n)
{
	struct bucket *b = &q->table[n];

	b->older = q->youngest;
	b->younger = NONE;
	if (q->youngest != NONE)
		q->table[q->youngest].younger = n;
	else
		q->oldest = n;
	q->youngest = n;
}

/* A free place, if need be that of the oldest. */
static uint16_t
place(struct quota *q)
{
	uint16_t n = q->oldest, *at;

	if (q->used < QUOTA_MAX)
		return q->used++;
	at = &q->chains[q->table[n].chain];
	while (*at != n)
		at = &q->table[*at].below;
	*at = q->table[n].below;
	unlink_age(q, n);
	return n;
}

/* Its bucket, the youngest from now on; a full one if it had none. */
static struct bucket *
bucket(struct quota *q, const struct bucket *name)
{
	uint16_t chain = chain_of(q, name), n = q->chains[chain];

	while (n != NONE) {
		const struct bucket *b = &q->table[n];

		if (b->kind == name->kind && b->uid == name->uid &&
		    b->rate == name->rate &&
		    memcmp(b->key, name->key, KEY_LEN) == 0)
			break;
		n = b->below;
	}
	if (n != NONE) {
		unlink_age(q, n);
	} else {
		n = place(q);
		q->table[n] = *name;
		q->table[n].chain = chain;
		q->table[n].below = q->chains[chain];
		q->chains[chain] = n;
	}
	link_youngest(q, n);
	return &q->table[n];
}

uint32_t
quota_take(struct quota *q, enum quota_kind kind, uid_t uid, const uint8_t *key,
    uint64_t rate_hour, uint64_t now_us)
{
	struct bucket name = {.kind = (uint8_t)kind,
			  .uid = uid,
			  .rate = rate_hour},
		      *b;
	uint64_t now = now_us * 1000, each, room;

	if (rate_hour == 0 || rate_hour > HOUR_NS)
		return 0;
	if (key != NULL)
		memcpy(name.key, key, KEY_LEN);
	b = bucket(q, &name);
	each = HOUR_NS / rate_hour;
	room = rate_hour <= 3600 ? each : rate_hour / 3600 * each;
	if (b->full < now)
		b->full = now;
	if (b->full + each <= now + room) {
		b->full += each;
		return 0;
	}
	return (uint32_t)((b->full + each - now - room + 999999) / 1000000);
}
