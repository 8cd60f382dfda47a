/*
 * The ways to the tokens: in each lane a fair queue, what the worker has in
 * hand, and how long the token takes for one operation; and so whether a
 * request would have its turn in time. Counts what each token did. Has no
 * clock, sends nothing. One thread.
 */
#ifndef AGENT_FRONT_LANES_H
#define AGENT_FRONT_LANES_H

#include "agent/client.h"
#include "agent/conf.h"
#include "agent/front/tickets.h"

struct lanes;

struct lanes *lanes_new(void); /* NULL: no memory */
void lanes_free(struct lanes *ls);

/*
 * Puts the ticket, whose worker and deadline are set, in its lane. 0, or -1:
 * it would not have its turn before its deadline, or the queue is full; then
 * *after_ms is the time after which one more would be taken.
 */
int lanes_enter(struct lanes *ls, const struct conf_token *ct, struct ticket *k,
    uint64_t now, uint32_t *after_ms);

/*
 * The next one for the worker, which has it in hand from now on; NULL if none
 * waits, or the worker has enough to be busy.
 */
struct ticket *lanes_next(
    struct lanes *ls, unsigned index, const struct conf_token *ct);

/* Takes a ticket out that waits in a lane. */
void lanes_leave(struct lanes *ls, struct ticket *k);

/*
 * The worker is done with a ticket of lanes_next(). served: the answer was
 * good, at `now`, and token_us says what it took. True if the token is much
 * slower than was thought: those that wait should be asked again whether they
 * have time.
 */
bool lanes_done(struct lanes *ls, const struct ticket *k, bool served,
    uint32_t token_us, uint64_t now);

/* The worker ended: nothing is in hand. */
void lanes_lose(struct lanes *ls, unsigned index);

/* Another token has that number now: all that was learnt is forgotten. Nothing
 * waits in its lane. */
void lanes_reset(struct lanes *ls, unsigned index);

/* This token took over what another one failed to do. */
void lanes_failover(struct lanes *ls, unsigned index);

size_t lanes_load(const struct lanes *ls, unsigned index); /* all in the lane */
uint32_t lanes_service_us(const struct lanes *ls, unsigned index);

/* Fills in what the front counts; last_ms is of the clock of `now`. */
void lanes_report(
    const struct lanes *ls, unsigned index, struct client_token *t);

#endif
