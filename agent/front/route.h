/*
 * The way of requests and answers: in from clients, out to workers, home
 * again, or given up at the deadline. Knows no operation; see operation.h.
 */
#ifndef AGENT_FRONT_ROUTE_H
#define AGENT_FRONT_ROUTE_H

#include "agent/front/front.h"
#include "agent/front/peers.h"

/* A client's packet. 0, or -1: it does not speak the protocol; drop it. */
int route_packet(
    struct front *f, struct peer *p, const uint8_t *packet, size_t len);

/*
 * A worker is done with that ticket: its client has the reply, or gets this
 * one (NULL: none is needed).
 */
void route_done(
    struct front *f, uint64_t ticket, const uint8_t *reply, size_t len);

/* Some worker reported: what is parked may go on. */
void route_wake(struct front *f);

/*
 * A worker ended, with these requests in hand: they are answered with the
 * token's trouble, which is set already.
 */
void route_worker_lost(struct front *f, unsigned index);

/* Answers what is past its deadline. Ms until the next one, or 0 for none. */
uint64_t route_expire(struct front *f);

#endif
