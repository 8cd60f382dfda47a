/*
 * One request on its way through the front: answered, refused, parked or
 * forwarded. Holds the ticket that a waiting request has; decides nothing.
 */
#ifndef AGENT_FRONT_ASK_H
#define AGENT_FRONT_ASK_H

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
	struct ticket *k; /* if it was parked before */
};

/* The ways to end it: a reply, a failure as a worker told it, or our own. */
void ask_answer(struct ask *a, const uint8_t *reply, size_t len);
void ask_fail(struct ask *a, int err, const struct signer_trouble *why);
void ask_refuse(struct ask *a, int err, bool retry, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Keeps a copy of the request until a worker reports. */
void ask_park(struct ask *a, bool rescanned);

/* Sends it to a worker; while a new process starts, it waits for that. */
void ask_forward(
    struct ask *a, unsigned index, const uint8_t *packet, size_t len);

/* The client has its answer: what its ticket held is free again. */
void ask_settle(struct front *f, struct ticket *k);

#endif
