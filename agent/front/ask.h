/*
 * One request on its way through the front: answered, refused, parked or
 * forwarded. Holds the ticket that a waiting request has; decides nothing.
 */
#ifndef AGENT_FRONT_ASK_H
#define AGENT_FRONT_ASK_H

#include "agent/front/catalogue.h"
#include "agent/front/front.h"
#include "agent/front/peers.h"
#include "agent/front/tickets.h"

struct ask {
	struct front *f;
	struct peer *p;
	struct proto_header h;
	struct wire_reader r;
	const uint8_t *packet;
	size_t len;
	struct ticket *k; /* if it has one */
	uint64_t record;  /* of the audit log: it was allowed; or 0 */
	pid_t sender;
	bool early;        /* it came before it was known which program asks */
	bool charged;      /* its use was counted */
	uint64_t sections; /* those about the caller and its program */
};

/* The ways to end it: a reply, a failure as a worker told it, or our own. */
void ask_answer(struct ask *a, const uint8_t *reply, size_t len);
void ask_fail(struct ask *a, int err, const struct signer_trouble *why);
void ask_refuse(struct ask *a, int err, bool retry, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Keeps a copy of the request until a worker reports. */
void ask_park(struct ask *a, bool rescanned);

/*
 * To a token that has the key: at once, in its turn, or when its new worker is
 * up. use: SIGNER_USE... if it is work for the token, else 0.
 */
void ask_forward(struct ask *a, const struct catalogue_entry *e, uint32_t use,
    const uint8_t *packet, size_t len);

/* To this very worker, past any queue. */
void ask_deliver(
    struct ask *a, unsigned index, const uint8_t *packet, size_t len);

/* The client has its answer: what its ticket held is free again. */
void ask_settle(struct front *f, struct ticket *k);

#endif
