/*
 * Has the audit log's head signed by a key on a token: at the start, in each
 * new file, and whenever so many records were written. Asks the worker like a
 * client would, with a ticket that is the agent's own. Knows the chain's end,
 * and nothing of the file.
 */
#ifndef AGENT_FRONT_AUDITSEAL_H
#define AGENT_FRONT_AUDITSEAL_H

#include "agent/audit.h"
#include "agent/front/front.h"
#include "agent/front/tickets.h"

struct auditseal;

struct auditseal *auditseal_open(void); /* NULL: no memory */
void auditseal_close(struct auditseal *s);

/* The next one is due now. */
void auditseal_due(struct front *f);

/* The configuration changed: perhaps the key. */
void auditseal_reload(struct front *f);

/* Starts one if it is due, and a token can do it. Not from within a walk over
 * the tickets. */
void auditseal_tend(struct front *f);

/* The ticket k, which is ours, came to its end; reply as a worker gives it. */
void auditseal_done(struct front *f, const struct ticket *k, int err,
    const uint8_t *reply, size_t len);

#endif
