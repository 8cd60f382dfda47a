/*
 * What every request must pass before anybody reads its body: it comes from
 * the user who connected, not more often than the rules foresee, and from a
 * program that is known, where a rule asks which one it is. Knows no
 * operation.
 */
#ifndef AGENT_FRONT_GATE_H
#define AGENT_FRONT_GATE_H

#include "agent/front/ask.h"
#include "agent/front/sender.h"

/*
 * A request that just came; its header is parsed. True: go on, a->sections is
 * set. False: it was answered, or waits until its program is known.
 */
bool gate_pass(struct ask *a, const struct sender *from);

/* The same for one that waited. */
bool gate_pass_again(struct ask *a);

#endif
