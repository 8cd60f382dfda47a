#include "agent/front/lanes.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/*
 * With twice as many in hand as there are sessions, no session waits for the
 * front. A slow token does not notice that wait; there, what waits here can
 * still be put in order, moved to another token, or forgotten.
 */
#define SLOW_US 20000
#define WEIGHT 4u /* of the average: how many of the last count most */

struct lane {
	struct queue *queue;
	unsigned inhand;
	uint32_t service_us; /* average; 0: nothing was measured yet */
	uint64_t served, failovers, last_ms;
};

struct lanes {
	struct lane lane[CONF_TOKENS_MAX];
};

struct lanes *
lanes_new(void)
{
	struct lanes *ls = calloc(1, sizeof(*ls));

	for (unsigned i = 0; ls != NULL && i < CONF_TOKENS_MAX; i++) {
		ls->lane[i].queue = queue_new();
		if (ls->lane[i].queue == NULL) {
			lanes_free(ls);
			return NULL;
		}
	}
	return ls;
}

void
lanes_free(struct lanes *ls)
{
	if (ls == NULL)
		return;
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++)
		queue_free(ls->lane[i].queue);
	free(ls);
}

static struct ticket *
ticket_of(struct queue_item *it)
{
	return it == NULL
		   ? NULL
		   : (struct ticket *)(void *)((char *)it -
					       offsetof(struct ticket, item));
}

/* A connection and a key; no two keys share eight bytes of SHA-256. */
static struct queue_name
name(const struct ticket *k)
{
	struct queue_name n = {
	    .caller = (uint64_t)k->client.slot << 32 | k->client.serial};

	memcpy(&n.key, k->key, sizeof(n.key));
	return n;
}

/* How long n operations take, one after the other in each session. */
static uint64_t
duration_ms(const struct lane *l, const struct conf_token *ct, size_t n)
{
	return (uint64_t)n * l->service_us / ct->sessions / 1000;
}

static unsigned
window(const struct lane *l, const struct conf_token *ct)
{
	return l->service_us > SLOW_US ? ct->sessions : 2 * ct->sessions;
}

int
lanes_enter(struct lanes *ls, const struct conf_token *ct, struct ticket *k,
    uint64_t now, uint32_t *after_ms)
{
	struct lane *l = &ls->lane[k->worker];
	size_t waiting = queue_count(l->queue);
	uint64_t left = k->deadline > now ? k->deadline - now : 0, wait;

	*after_ms = 0;
	/* One that is in nobody's way is tried whatever the average says:
	 * else a token that was slow once would stay so. */
	if (waiting + l->inhand < window(l, ct))
		return queue_put(l->queue, &k->item, name(k));
	wait = duration_ms(l, ct, waiting + l->inhand);
	if (wait >= left)
		wait = duration_ms(
		    l, ct, queue_ahead(l->queue, name(k)) + l->inhand);
	if (wait < left && waiting < ct->queue &&
	    queue_put(l->queue, &k->item, name(k)) == 0)
		return 0;
	*after_ms = (uint32_t)duration_ms(l, ct, ct->sessions) + 1;
	if (wait > left)
		*after_ms += (uint32_t)(wait - left);
	return -1;
}

struct ticket *
lanes_next(struct lanes *ls, unsigned index, const struct conf_token *ct)
{
	struct lane *l = &ls->lane[index];
	struct ticket *k;

	if (l->inhand >= window(l, ct))
		return NULL;
	k = ticket_of(queue_take(l->queue));
	if (k != NULL)
		l->inhand++;
	return k;
}

void
lanes_leave(struct lanes *ls, struct ticket *k)
{
	queue_remove(ls->lane[k->worker].queue, &k->item);
}

bool
lanes_done(struct lanes *ls, const struct ticket *k, bool served,
    uint32_t token_us, uint64_t now)
{
	struct lane *l = &ls->lane[k->worker];
	uint32_t before = l->service_us;

	if (l->inhand > 0)
		l->inhand--;
	if (!served)
		return false;
	l->served++;
	l->last_ms = now;
	if (before == 0)
		l->service_us = token_us;
	else
		l->service_us =
		    (uint32_t)(((uint64_t)before * (WEIGHT - 1) + token_us) /
			       WEIGHT);
	return l->service_us > SLOW_US && l->service_us > before + before / 4;
}

void
lanes_lose(struct lanes *ls, unsigned index)
{
	ls->lane[index].inhand = 0;
}

void
lanes_reset(struct lanes *ls, unsigned index)
{
	ls->lane[index] = (struct lane){.queue = ls->lane[index].queue};
}

void
lanes_failover(struct lanes *ls, unsigned index)
{
	ls->lane[index].failovers++;
}

size_t
lanes_load(const struct lanes *ls, unsigned index)
{
	return queue_count(ls->lane[index].queue) + ls->lane[index].inhand;
}

uint32_t
lanes_service_us(const struct lanes *ls, unsigned index)
{
	return ls->lane[index].service_us;
}

void
lanes_report(const struct lanes *ls, unsigned index, struct client_token *t)
{
	const struct lane *l = &ls->lane[index];

	t->served = l->served;
	t->failovers = l->failovers;
	t->waiting = queue_count(l->queue);
	t->last_ms = l->last_ms;
}
