#include "agent/front/route.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/front/ask.h"
#include "agent/front/auditor.h"
#include "agent/front/auditseal.h"
#include "agent/front/catalogue.h"
#include "agent/front/gate.h"
#include "agent/front/lanes.h"
#include "agent/front/metrics.h"
#include "agent/front/operation.h"
#include "agent/front/overseer.h"
#include "agent/front/workers.h"

/* A worker that answers others, but not this one for so many times its
 * patience, has a thread that hangs. */
#define PATIENCES 3

static void
malformed(struct ask *a)
{
	ask_refuse(a, SIGNER_EPROTO, false,
	    "the request (type %u, %zu bytes) "
	    "is malformed",
	    a->h.type, a->len);
}

int
route_packet(struct front *f, struct peer *p, const struct sender *from,
    const uint8_t *packet, size_t len)
{
	struct ask a = {.f = f,
	    .p = p,
	    .packet = packet,
	    .len = len,
	    .sender = from->pid,
	    .early = program_early(&p->program, len)};

	if (proto_header_parse(&a.r, packet, len, &a.h) != SIGNER_OK ||
	    a.h.reply)
		return -1;
	if (!gate_pass(&a, from))
		return 0;
	if (operation_dispatch(&a) != SIGNER_OK)
		malformed(&a);
	return 0;
}

/* Takes up a parked request again. */
static void
resume(struct front *f, struct ticket *k)
{
	struct peer *p = peers_find(f->peers, k->client);
	struct ask a = {.f = f,
	    .p = p,
	    .packet = k->packet,
	    .len = k->len,
	    .k = k,
	    .sender = k->sender,
	    .early = k->early,
	    .charged = k->charged};

	if (p == NULL) {
		ask_settle(f, k);
		return;
	}
	/* It could be parsed when it came. */
	(void)proto_header_parse(&a.r, k->packet, k->len, &a.h);
	if (gate_pass_again(&a) && operation_dispatch(&a) != SIGNER_OK)
		malformed(&a);
}

/* Shows every ticket; what is done with one may end others. Never nested. */
static void
each(struct front *f,
    void (*visit)(struct front *f, struct ticket *k, unsigned index),
    unsigned index)
{
	const uint64_t *numbers;
	size_t n = tickets_numbers(f->tickets, &numbers);

	for (size_t i = 0; i < n; i++) {
		struct ticket *k = tickets_find(f->tickets, numbers[i]);

		if (k != NULL)
			visit(f, k, index);
	}
}

static void
rouse(struct front *f, struct ticket *k, unsigned index)
{
	(void)index;
	if (k->place == TICKET_PARKED)
		resume(f, k);
}

/* Out of the queue of this token, to be put where it is best now. */
static void
call_back(struct front *f, struct ticket *k, unsigned index)
{
	if (k->place != TICKET_QUEUED || k->worker != index)
		return;
	lanes_leave(f->lanes, k);
	k->place = TICKET_PARKED;
}

void
route_wake(struct front *f)
{
	each(f, rouse, 0);
}

void
route_program(struct front *f, const struct link_program *word, int pidfd)
{
	struct peer *p = peers_find(f->peers, word->who.client);

	if (p == NULL) {
		if (pidfd != -1)
			(void)close(pidfd);
		return;
	}
	if (program_told(&p->program, word, pidfd, sender_pending(p->fd)))
		route_wake(f);
}

void
route_worker_told(struct front *f, unsigned index)
{
	if (workers_health(f, index) != CHOICE_READY)
		each(f, call_back, index);
	route_wake(f);
	route_pump(f, index);
	auditseal_tend(f);
}

static void
count(struct front *f, const struct ticket *k, int err, uint32_t token_us)
{
	metrics_done(
	    f->metrics, k, err, front_now_us() - k->arrived_us, token_us);
}

static void
answer(struct front *f, const struct ticket *k, int err,
    const struct signer_trouble *why)
{
	struct peer *p = peers_find(f->peers, k->client);
	uint8_t reply[1024];

	count(f, k, err, 0);
	if (p != NULL)
		peer_send(p, reply,
		    proto_failure_pack(reply, sizeof(reply), k->id,
			(enum proto_type)k->type, err, why));
}

/* Answers for somebody else, and ends the ticket. */
static void
give_up(struct front *f, struct ticket *k, int err,
    const struct signer_trouble *why)
{
	auditor_end(f, k, err, why->ckr, 0);
	answer(f, k, err, why);
	ask_settle(f, k);
}

/*
 * The end of one that a worker had. True if the token is much slower than was
 * thought.
 */
static bool
take_back(struct front *f, struct ticket *k, bool served, uint32_t token_us)
{
	k->place = TICKET_PARKED;
	if (k->use == 0)
		return false;
	return lanes_done(f->lanes, k, served, token_us, front_now());
}

void
route_send(struct front *f, struct ticket *k, unsigned index)
{
	const struct conf_token *ct = &f->conf->tokens[index];
	uint64_t now = front_now();
	/* What has its turn in time gets the time that it takes. */
	uint64_t need = lanes_service_us(f->lanes, index) * UINT64_C(3) / 2000;
	struct signer_trouble why = {.retry = true};

	if (need > ct->deadline_ms)
		need = ct->deadline_ms;
	if (k->use != 0 && k->deadline < now + need)
		tickets_due(f->tickets, k, now + need);
	k->place = TICKET_SENT;
	k->unsent = false;
	k->sent = now;
	if (workers_send(f, index, k) == 0)
		return;
	(void)take_back(f, k, false, 0);
	(void)signer_fail(&why, 0,
	    "the agent has no memory left for a request to token %s; try "
	    "again later",
	    ct->name);
	give_up(f, k, SIGNER_ENOMEM, &why);
}

void
route_pump(struct front *f, unsigned index)
{
	const struct conf_token *ct = &f->conf->tokens[index];
	struct ticket *k;

	while (workers_up(f, index) &&
	       (k = lanes_next(f->lanes, index, ct)) != NULL)
		route_send(f, k, index);
}

void
route_unsent(struct front *f, uint64_t number)
{
	struct ticket *k = tickets_find(f->tickets, number);

	if (k == NULL || k->place != TICKET_SENT)
		return;
	(void)take_back(f, k, false, 0);
	ask_settle(f, k);
}

/*
 * May another token do what this one could not? Only if the fault is the
 * token's own, and the other one is well.
 */
static bool
elsewhere(struct front *f, const struct ticket *k, int err)
{
	const struct catalogue_entry *e =
	    catalogue_by_sha256(f->catalogue, k->key);
	int i;

	if (err != SIGNER_EABSENT && err != SIGNER_EPIN &&
	    err != SIGNER_EPINLOCKED && err != SIGNER_EBUSY &&
	    err != SIGNER_EDEVICE)
		return false;
	if (e == NULL || k->repeated || k->deadline <= front_now())
		return false;
	i = workers_choose(f, e->tokens & ~(UINT32_C(1) << k->worker));
	return i >= 0 && workers_health(f, (unsigned)i) == CHOICE_READY;
}

/* What the front adds to a worker's report on its token. */
static size_t
amend(struct front *f, const struct ticket *k, const uint8_t *reply, size_t len)
{
	struct client_token t;
	struct proto_header h;
	struct wire_reader r;

	memset(&t, 0, sizeof(t));
	if (proto_header_parse(&r, reply, len, &h) != SIGNER_OK ||
	    proto_status_reply_parse(&r, &t) != SIGNER_OK)
		return 0;
	operation_report(f, k->worker, &t);
	return proto_status_reply_pack(f->out, sizeof(f->out), k->id, &t);
}

/* The CKR value in a worker's failure. */
static uint32_t
code(const uint8_t *reply, size_t len, int err)
{
	struct signer_trouble why = {0};
	struct proto_header h;
	struct wire_reader r;

	if (err == SIGNER_OK || reply == NULL ||
	    proto_header_parse(&r, reply, len, &h) != SIGNER_OK ||
	    proto_failure_parse(&r, &why) != SIGNER_OK)
		return 0;
	return why.ckr;
}

/* Passes the worker's answer on, if it did not give it itself. */
static void
hand_over(struct front *f, struct ticket *k, const struct link_done *d,
    const uint8_t *reply, size_t len)
{
	struct peer *p = peers_find(f->peers, k->client);
	int err = -(int)d->status;

	count(f, k, err, d->token_us);
	if (k->ours)
		auditseal_done(f, k, err, reply, len);
	if (p != NULL && len != 0) {
		if (k->type == PROTO_STATUS && err == SIGNER_OK) {
			len = amend(f, k, reply, len);
			reply = f->out;
		}
		peer_send(p, reply, len);
	}
	ask_settle(f, k);
}

void
route_done(struct front *f, unsigned index, const struct link_done *d,
    const uint8_t *reply, size_t len)
{
	struct ticket *k = tickets_find(f->tickets, d->ticket);
	int err = -(int)d->status;
	bool slower;

	/* Late news of one that was answered, or went elsewhere. */
	if (k == NULL || k->place != TICKET_SENT || k->worker != index)
		return;
	slower = take_back(f, k, err == SIGNER_OK, d->token_us);
	if (k->answered) {
		/* The client may have read its answer before this notice. */
		if (k->gone)
			count(f, k, err, d->token_us);
		auditor_end(f, k, err, code(reply, len, err), d->token_us);
		ask_settle(f, k);
	} else if (err != SIGNER_OK && elsewhere(f, k, err)) {
		k->failed |= UINT32_C(1) << index;
		k->repeated = true;
		resume(f, k);
	} else {
		auditor_end(f, k, err, code(reply, len, err), d->token_us);
		hand_over(f, k, d, reply, len);
	}
	if (slower) {
		each(f, call_back, index);
		each(f, rouse, index);
	}
	route_pump(f, index);
}

static void
bereave(struct front *f, struct ticket *k, unsigned index)
{
	bool reported;
	const struct link_state *s = workers_state(f, index, &reported);

	call_back(f, k, index);
	if (k->place != TICKET_SENT || k->worker != index)
		return;
	k->place = TICKET_PARKED;
	if (k->answered)
		ask_settle(f, k);
	else if (!k->unsent && (k->repeated || k->deadline <= front_now()))
		give_up(f, k, s->err, &s->why);
	else
		k->repeated = k->repeated || !k->unsent;
}

void
route_worker_lost(struct front *f, unsigned index)
{
	lanes_lose(f->lanes, index);
	each(f, bereave, index);
	route_wake(f);
}

/* That was no failure, of it or of the token: it may be asked again. */
static void
move_on(struct front *f, struct ticket *k, unsigned index)
{
	k->failed &= ~(UINT32_C(1) << index);
	call_back(f, k, index);
	if (k->place != TICKET_SENT || k->worker != index)
		return;
	k->place = TICKET_PARKED;
	if (k->answered)
		ask_settle(f, k);
}

void
route_token_changed(struct front *f, unsigned index)
{
	each(f, move_on, index);
}

void
route_forget(struct front *f, struct link_client client)
{
	struct ticket *k, *next;

	for (k = tickets_first(f->tickets); k != NULL; k = next) {
		next = k->next;
		if (k->client.slot != client.slot ||
		    k->client.serial != client.serial)
			continue;
		if (k->place == TICKET_SENT) {
			k->gone = !k->answered;
			k->answered = true;
			continue;
		}
		if (k->place == TICKET_QUEUED)
			lanes_leave(f->lanes, k);
		auditor_lose(f, k);
		tickets_release(f->tickets, k);
	}
}

/* The worker has it for too long already: ends it if it hangs, and says when
 * to look again. */
static void
suspect(struct front *f, struct ticket *k)
{
	uint64_t patience = workers_patience(f, k->worker), now = front_now();
	uint64_t quiet = workers_heard(f, k->worker);
	uint64_t due, last = k->sent + PATIENCES * patience;

	due = (quiet > k->sent ? quiet : k->sent) + patience;
	if (due > last)
		due = last;
	if (due <= now) {
		workers_end(f, k->worker);
		due = now + patience;
	}
	tickets_due(f->tickets, k, due);
}

static void
expire(struct front *f, struct ticket *k)
{
	const struct conf_token *ct = &f->conf->tokens[k->worker];
	struct signer_trouble why = {.retry = true};

	switch (k->place) {
	case TICKET_FREE:
		break;
	case TICKET_PARKED:
		(void)signer_fail(&why, 0,
		    "the tokens did not come up within "
		    "the deadline; see 'sealpoint status' and try again");
		give_up(f, k, SIGNER_ETIMEOUT, &why);
		break;
	case TICKET_QUEUED:
		lanes_leave(f->lanes, k);
		why.after_ms = lanes_service_us(f->lanes, k->worker) / 1000;
		(void)signer_fail(&why, 0,
		    "token %s was busy with others for all of %u s; try again",
		    ct->name, ct->deadline_ms / 1000);
		give_up(f, k, SIGNER_EBUSY, &why);
		break;
	case TICKET_SENT:
		if (!k->answered) {
			struct peer *p = peers_find(f->peers, k->client);

			(void)signer_fail(&why, 0,
			    "token %s did not answer within %u ms; "
			    "see 'sealpoint status' and try again",
			    ct->name, ct->deadline_ms);
			answer(f, k, SIGNER_ETIMEOUT, &why);
			k->answered = true;
			if (p != NULL)
				peer_settle(p);
		}
		suspect(f, k);
		break;
	}
}

uint64_t
route_expire(struct front *f)
{
	struct ticket *k;

	while ((k = tickets_soonest(f->tickets)) != NULL) {
		uint64_t now = front_now();

		if (k->deadline > now)
			return k->deadline - now;
		expire(f, k);
	}
	return 0;
}
