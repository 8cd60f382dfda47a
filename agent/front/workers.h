/*
 * The workers as the front sees them: a socket each, how their token is, and
 * the packets that wait for room. Carries requests out and answers home.
 */
#ifndef AGENT_FRONT_WORKERS_H
#define AGENT_FRONT_WORKERS_H

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
/* Is there a process; and did it say how its token is? */
bool workers_present(const struct front *f, unsigned index);
bool workers_up(const struct front *f, unsigned index);
uint32_t workers_generation(const struct front *f, unsigned index);

/* Of the tokens in this set the one to ask: a ready one if there is. */
unsigned workers_choose(const struct front *f, uint32_t tokens);

/*
 * Hands a request to a worker, whose answer goes to the ticket's client. 0,
 * or -1: too much waits there already, or no process is there.
 */
int workers_send(struct front *f, unsigned index, const struct ticket *k,
    const uint8_t *packet, size_t len);

/* Asks every worker that is not at it to look at its token again. */
void workers_rescan(struct front *f);
bool workers_scanning(const struct front *f);

/* A client is gone: no worker needs its descriptor. */
void workers_forget(struct front *f, const struct peer *p);

/*
 * Requests waited in vain for workers to report: ends those that hang, in
 * their start or in a scan.
 */
void workers_check(struct front *f);

/* Ms since it last answered anything; a request just timed out. */
uint64_t workers_silence(const struct front *f, unsigned index);

#endif
