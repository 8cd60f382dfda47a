#include "agent/front/ask.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/timer.h"
#include "agent/front/workers.h"

void
ask_settle(struct front *f, struct ticket *k)
{
	struct peer *p = peers_find(f->peers, k->client);

	tickets_release(f->tickets, k);
	if (p != NULL)
		peer_settle(p);
}

void
ask_answer(struct ask *a, const uint8_t *reply, size_t len)
{
	peer_send(a->p, reply, len);
	if (a->k != NULL)
		ask_settle(a->f, a->k);
}

void
ask_fail(struct ask *a, int err, const struct signer_trouble *why)
{
	uint8_t reply[1024];
	size_t len = proto_failure_pack(reply, sizeof(reply), a->h.id,
	    (enum proto_type)a->h.type, err, why);

	ask_answer(a, reply, len);
}

void
ask_refuse(struct ask *a, int err, bool retry, const char *fmt, ...)
{
	struct signer_trouble why = {.retry = retry};
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why.text, sizeof(why.text), fmt, ap);
	va_end(ap);
	ask_fail(a, err, &why);
}

/*
 * Nobody's requests may fill more than a quarter of the table. Counted only
 * when so many wait at all.
 */
static bool
greedy(const struct ask *a)
{
	size_t mine = 0;

	if (tickets_count(a->f->tickets) < TICKETS_MAX / 4)
		return false;
	for (const struct ticket *k = tickets_first(a->f->tickets); k != NULL;
	     k = k->next) {
		const struct peer *p = peers_find(a->f->peers, k->client);

		mine += p != NULL && p->who.uid == a->p->who.uid;
	}
	return mine >= TICKETS_MAX / 4;
}

/* The ticket of this request; NULL when refused for want of one. */
static struct ticket *
ticket(struct ask *a)
{
	struct front *f = a->f;
	struct ticket *k = a->k;

	if (k != NULL)
		return k;
	if (!greedy(a))
		k = tickets_take(
		    f->tickets, front_now() + f->conf->deadline_ms);
	if (k == NULL) {
		ask_refuse(a, SIGNER_EBUSY, true,
		    "too many requests wait already; try again later");
		return NULL;
	}
	k->type = a->h.type;
	k->id = a->h.id;
	k->client = a->p->name;
	a->p->inflight++;
	timer_arm(f->timer, f->conf->deadline_ms);
	return k;
}

void
ask_park(struct ask *a, bool rescanned)
{
	struct ticket *k = ticket(a);

	if (k == NULL)
		return;
	if (k->packet == NULL) {
		k->packet = malloc(a->len);
		if (k->packet == NULL) {
			a->k = k;
			ask_refuse(a, SIGNER_ENOMEM, true,
			    "the agent is out of memory");
			return;
		}
		memcpy(k->packet, a->packet, a->len);
		k->len = a->len;
	}
	k->worker = TICKETS_PARKED;
	k->rescanned = k->rescanned || rescanned;
}

void
ask_forward(struct ask *a, unsigned index, const uint8_t *packet, size_t len)
{
	struct ticket *k;

	if (!workers_present(a->f, index)) {
		ask_park(a, false);
		return;
	}
	k = ticket(a);
	if (k == NULL)
		return;
	if (workers_send(a->f, index, k, packet, len) == 0) {
		k->worker = (uint16_t)index;
		free(k->packet);
		k->packet = NULL;
		return;
	}
	a->k = k;
	ask_refuse(a, SIGNER_EBUSY, true,
	    "too much waits for token %s already; try "
	    "again later",
	    a->f->conf->tokens[index].name);
}
