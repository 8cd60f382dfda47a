/*
 * What each operation of the protocol means: what the front knows it answers
 * itself, the rest goes to a worker, if policy allows.
 */
#ifndef AGENT_FRONT_OPERATION_H
#define AGENT_FRONT_OPERATION_H

#include "agent/front/ask.h"

/*
 * Parses the body that a->r stands at, and acts on it. SIGNER_EPROTO if it
 * cannot be parsed: then nothing was answered.
 */
int operation_dispatch(struct ask *a);

/* Adds what the front counts of a token to a report on it. */
void operation_report(
    const struct front *f, unsigned index, struct client_token *t);

#endif
