#include "agent/front/ask.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/auditor.h"
#include "agent/front/auditseal.h"
#include "agent/front/lanes.h"
#include "agent/front/locks.h"
#include "agent/front/metrics.h"
#include "agent/front/route.h"
#include "agent/front/timer.h"
#include "agent/front/workers.h"

void
ask_settle(struct front *f, struct ticket *k)
{
	struct peer *p = peers_find(f->peers, k->client);
	bool answered = k->answered;

	auditor_lose(f, k);
	if (k->ours)
		auditseal_done(f, k, SIGNER_ETIMEOUT, NULL, 0);
	tickets_release(f->tickets, k);
	if (p != NULL && !answered)
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
	size_t len;

	if (a->k != NULL)
		auditor_end(a->f, a->k, err, why->ckr, 0);
	else
		auditor_drop(a, err);
	len = proto_failure_pack(reply, sizeof(reply), a->h.id,
	    (enum proto_type)a->h.type, err, why);

	if (a->k == NULL)
		metrics_refused(a->f->metrics, err);
	else
		metrics_done(a->f->metrics, a->k, err,
		    front_now_us() - a->k->arrived_us, 0);
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
	uint64_t now = front_now_us();

	if (k != NULL)
		return k;
	if (!greedy(a))
		k = tickets_take(f->tickets, now / 1000 + f->conf->deadline_ms);
	if (k == NULL) {
		ask_refuse(a, SIGNER_EBUSY, true,
		    "too many requests wait already; try again later");
		return NULL;
	}
	k->type = a->h.type;
	k->id = a->h.id;
	k->client = a->p->name;
	k->arrived_us = now;
	k->sender = a->sender;
	k->record = a->record;
	k->early = a->early;
	k->charged = a->charged;
	a->p->inflight++;
	a->k = k;
	timer_arm(f->timer, f->conf->deadline_ms);
	return k;
}

/* The same with a copy of the packet in it, for as often as it is sent. */
static struct ticket *
ticket_with(struct ask *a, const uint8_t *packet, size_t len)
{
	struct ticket *k = ticket(a);

	if (k == NULL || k->packet != NULL)
		return k;
	if (tickets_keep(a->f->tickets, k, packet, len) == 0)
		return k;
	ask_refuse(a, SIGNER_ENOMEM, true,
	    "the agent has no memory left for the request; try again later");
	return NULL;
}

void
ask_park(struct ask *a, bool rescanned)
{
	struct ticket *k = ticket_with(a, a->packet, a->len);

	if (k == NULL)
		return;
	k->place = TICKET_PARKED;
	k->rescanned = k->rescanned || rescanned;
}

/* Now it is known by whose deadline it is to be done. */
static void
set_deadline(struct front *f, struct ticket *k, unsigned index)
{
	uint64_t now = front_now();
	uint64_t deadline =
	    k->arrived_us / 1000 + f->conf->tokens[index].deadline_ms;

	if (deadline == k->deadline)
		return;
	tickets_due(f->tickets, k, deadline);
	timer_arm(f->timer, deadline > now ? deadline - now : 1);
}

static void
assign(struct front *f, struct ticket *k, unsigned index)
{
	if (k->repeated && k->worker != index)
		lanes_failover(f->lanes, index);
	k->worker = (uint16_t)index;
	set_deadline(f, k, index);
}

static void
busy(struct ask *a, unsigned index, uint32_t after_ms)
{
	struct signer_trouble why = {.retry = true, .after_ms = after_ms};
	size_t n = lanes_load(a->f->lanes, index);

	(void)snprintf(why.text, sizeof(why.text),
	    "token %s is busy: %zu requests are before this one, more than it "
	    "can do within %u s; try again in %u s",
	    a->f->conf->tokens[index].name, n,
	    a->f->conf->tokens[index].deadline_ms / 1000,
	    (after_ms + 999) / 1000);
	ask_fail(a, SIGNER_EBUSY, &why);
}

/* The token's trouble, as its last worker told it. */
static void
blame(struct ask *a, unsigned index)
{
	struct signer_trouble why;
	bool reported;
	const struct link_state *s = workers_state(a->f, index, &reported);

	if (locks_on(a->f, index))
		ask_fail(a, locks_explain(a->f, index, &why), &why);
	else
		ask_fail(a, s->err, &s->why);
}

/*
 * To the best token that has time for it. One that is ready but has not is no
 * reason to ask one in trouble.
 */
static void
place(struct ask *a, struct ticket *k, uint32_t among)
{
	struct front *f = a->f;
	uint32_t after_ms, soonest = 0;
	int i, busiest = -1;

	for (; (i = workers_choose(f, among)) >= 0; among &= ~(1u << i)) {
		unsigned index = (unsigned)i;
		enum choice_health h = workers_health(f, index);

		if (h != CHOICE_READY && busiest >= 0)
			break;
		if (h == CHOICE_STARTING) {
			set_deadline(f, k, index);
			ask_park(a, false);
			return;
		}
		if (h == CHOICE_DOWN) {
			blame(a, index);
			return;
		}
		assign(f, k, index);
		if (k->use == 0) {
			route_send(f, k, index);
			return;
		}
		if (lanes_enter(f->lanes, &f->conf->tokens[index], k,
			front_now(), &after_ms) == 0) {
			k->place = TICKET_QUEUED;
			route_pump(f, index);
			return;
		}
		if (busiest < 0 || after_ms < soonest) {
			busiest = i;
			soonest = after_ms;
		}
	}
	if (busiest < 0)
		ask_refuse(a, SIGNER_ENOKEY, false,
		    "no token that the agent is configured for has this key");
	else
		busy(a, (unsigned)busiest, soonest);
}

void
ask_forward(struct ask *a, const struct catalogue_entry *e, uint32_t use,
    const uint8_t *packet, size_t len)
{
	struct ticket *k = ticket_with(a, packet, len);
	uint32_t among = e->tokens;

	if (k == NULL)
		return;
	k->use = use;
	memcpy(k->key, e->id.sha256, sizeof(k->key));
	if ((among & ~k->failed) != 0)
		among &= ~k->failed;
	place(a, k, among);
}

void
ask_deliver(struct ask *a, unsigned index, const uint8_t *packet, size_t len)
{
	struct ticket *k = ticket_with(a, packet, len);

	if (k == NULL)
		return;
	assign(a->f, k, index);
	route_send(a->f, k, index);
}
