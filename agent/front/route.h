/*
 * The way of requests and answers: in from clients, out to workers, home
 * again; once more to another token if the first one failed, or given up at
 * the deadline. Knows no operation; see operation.h.
 */
#ifndef AGENT_FRONT_ROUTE_H
#define AGENT_FRONT_ROUTE_H

#include "agent/front/front.h"
#include "agent/front/peers.h"
#include "agent/front/tickets.h"
#include "agent/link.h"

/* A client's packet. 0, or -1: it does not speak the protocol; drop it. */
int route_packet(struct front *f, struct peer *p, const struct sender *from,
    const uint8_t *packet, size_t len);

/* Word of the program that a client runs; pidfd is taken over. */
void route_program(struct front *f, const struct link_program *word, int pidfd);

/*
 * A worker is done with a ticket: its client has the reply, or gets this one
 * (len 0: none is needed), unless another token may do better.
 */
void route_done(struct front *f, unsigned index, const struct link_done *d,
    const uint8_t *reply, size_t len);

/* A request that was on its way to a worker was not sent: nobody waits. */
void route_unsent(struct front *f, uint64_t ticket);

/* Sends a worker this one, past any that wait. */
void route_send(struct front *f, struct ticket *k, unsigned index);

/* Sends a worker what waits for it, as long as it has not enough to do. */
void route_pump(struct front *f, unsigned index);

/* What is parked may go on. */
void route_wake(struct front *f);

/* A worker said how its token is. */
void route_worker_told(struct front *f, unsigned index);

/*
 * A worker ended, with requests in hand. Those that have time left are asked
 * once more; the others are answered with the token's trouble, which is set
 * already.
 */
void route_worker_lost(struct front *f, unsigned index);

/*
 * That number is another token's now, or nobody's: what it had in hand or in
 * its queue is parked, until route_wake().
 */
void route_token_changed(struct front *f, unsigned index);

/* A client is gone: what it asked is forgotten, or of no interest. */
void route_forget(struct front *f, struct link_client client);

/* Answers what is past its deadline. Ms until the next one, or 0 for none. */
uint64_t route_expire(struct front *f);

#endif
