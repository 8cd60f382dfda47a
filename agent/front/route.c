#include "agent/front/route.h"

#include <stdio.h>

#include "agent/front/ask.h"
#include "agent/front/operation.h"
#include "agent/front/overseer.h"
#include "agent/front/tickets.h"
#include "agent/front/workers.h"

int
route_packet(struct front *f, struct peer *p, const uint8_t *packet, size_t len)
{
	struct ask a = {.f = f, .p = p, .packet = packet, .len = len};

	if (proto_header_parse(&a.r, packet, len, &a.h) != SIGNER_OK ||
	    a.h.reply)
		return -1;
	if (operation_dispatch(&a) != SIGNER_OK)
		ask_refuse(&a, SIGNER_EPROTO, false,
		    "the request (type %u, %zu bytes) "
		    "is malformed",
		    a.h.type, len);
	return 0;
}

/* Takes up a parked request again; its packet was parsed well before. */
static void
resume(struct front *f, struct ticket *k)
{
	struct peer *p = peers_find(f->peers, k->client);
	struct ask a = {
	    .f = f, .p = p, .packet = k->packet, .len = k->len, .k = k};

	if (p == NULL) {
		tickets_release(f->tickets, k);
		return;
	}
	if (proto_header_parse(&a.r, k->packet, k->len, &a.h) != SIGNER_OK ||
	    operation_dispatch(&a) != SIGNER_OK)
		ask_settle(f, k);
}

void
route_wake(struct front *f)
{
	struct ticket *k, *next;

	for (k = tickets_first(f->tickets); k != NULL; k = next) {
		next = k->next;
		if (k->worker == TICKETS_PARKED)
			resume(f, k);
	}
}

void
route_done(struct front *f, uint64_t number, const uint8_t *reply, size_t len)
{
	struct ticket *k = tickets_find(f->tickets, number);
	struct peer *p;

	if (k == NULL || k->worker == TICKETS_PARKED)
		return;
	p = peers_find(f->peers, k->client);
	if (p != NULL && len != 0)
		peer_send(p, reply, len);
	ask_settle(f, k);
}

/* Answers for somebody else, and ends the ticket. */
static void
give_up(struct front *f, struct ticket *k, int err,
    const struct signer_trouble *why)
{
	struct peer *p = peers_find(f->peers, k->client);
	uint8_t reply[1024];

	if (p != NULL)
		peer_send(p, reply,
		    proto_failure_pack(reply, sizeof(reply), k->id,
			(enum proto_type)k->type, err, why));
	ask_settle(f, k);
}

void
route_worker_lost(struct front *f, unsigned index)
{
	bool reported;
	const struct link_state *s = workers_state(f, index, &reported);
	struct ticket *k, *next;

	for (k = tickets_first(f->tickets); k != NULL; k = next) {
		next = k->next;
		if (k->worker == index)
			give_up(f, k, s->err, &s->why);
	}
	route_wake(f);
}

static void
expire(struct front *f, struct ticket *k)
{
	struct signer_trouble why = {.retry = true};
	unsigned index = k->worker;

	if (index == TICKETS_PARKED) {
		(void)snprintf(why.text, sizeof(why.text),
		    "the tokens did not come up within "
		    "the deadline; see 'sealpoint status' and try again");
		give_up(f, k, SIGNER_ETIMEOUT, &why);
		workers_check(f);
		return;
	}
	(void)snprintf(why.text, sizeof(why.text),
	    "token %s did not answer within %u ms; "
	    "see 'sealpoint status' and try again",
	    f->conf->tokens[index].name, f->conf->deadline_ms);
	give_up(f, k, SIGNER_ETIMEOUT, &why);
	/* Slow is one thing; a worker that answers nothing at all hangs. */
	if (workers_silence(f, index) >= f->conf->deadline_ms)
		overseer_kill(f->overseer, index, workers_generation(f, index));
}

uint64_t
route_expire(struct front *f)
{
	struct ticket *k;

	while ((k = tickets_first(f->tickets)) != NULL) {
		uint64_t now = front_now();

		if (k->deadline > now)
			return k->deadline - now;
		expire(f, k);
	}
	return 0;
}
