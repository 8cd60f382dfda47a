/*
 * The workers as the front sees them: a socket each, how their token is, and
 * the packets that wait for room. Carries requests out and answers home.
 */
#ifndef AGENT_FRONT_WORKERS_H
#define AGENT_FRONT_WORKERS_H

#include "agent/front/choice.h"
#include "agent/front/front.h"
#include "agent/front/peers.h"
#include "agent/front/tickets.h"

struct workers *workers_open(struct front *f); /* NULL: no memory */
void workers_close(struct workers *ws);

/* A new process for token `index`; takes fd over. */
void workers_attach(
    struct front *f, unsigned index, uint32_t generation, int fd);

/* Another token has that number now, or none: all of it is forgotten. */
void workers_reset(struct front *f, unsigned index);

/* How the token is. reported: did its present worker say so? Borrowed. */
const struct link_state *workers_state(
    const struct front *f, unsigned index, bool *reported);
/* Is there a process that said how its token is? */
bool workers_up(const struct front *f, unsigned index);
uint32_t workers_generation(const struct front *f, unsigned index);

enum choice_health workers_health(const struct front *f, unsigned index);

/* Of the tokens in this set the one to ask; -1 if the set is empty. */
int workers_choose(const struct front *f, uint32_t among);

/*
 * Hands a ticket's packet to a worker. 0, or -1: no process, or no memory. If
 * the process has just ended, route_worker_lost() will be told so; then
 * k->unsent says that this was not even sent.
 */
int workers_send(struct front *f, unsigned index, struct ticket *k);

/* Gives it an order that is about its token as a whole; see link.h. It keeps
 * the last LOCK or UNLOCK for a worker that cannot take it now. */
void workers_order(
    struct front *f, unsigned index, enum link_kind kind, uint32_t id);

/* Asks every worker that is not at it to look at its token again. */
void workers_rescan(struct front *f);
bool workers_scanning(const struct front *f);

/* A client is gone: no worker needs its descriptor. */
void workers_forget(struct front *f, const struct peer *p);

/*
 * Ends those that hang in their start or in a scan. Ms until it is to be
 * called again, or 0: no worker is at either.
 */
uint64_t workers_check(struct front *f);

/* When it last answered anything; ms, monotonic. */
uint64_t workers_heard(const struct front *f, unsigned index);

/* For how long it may answer nothing. */
uint64_t workers_patience(const struct front *f, unsigned index);

/* Has a worker that hangs ended, once. */
void workers_end(struct front *f, unsigned index);

#endif
