/*
 * What did not fit into a worker's socket, in its order: a request, whose
 * packet is in its ticket, or, with ticket 0, the news that its client is
 * gone. Sends nothing.
 */
#ifndef AGENT_FRONT_ERRANDS_H
#define AGENT_FRONT_ERRANDS_H

#include "agent/link.h"

struct errand;

/* All zero: empty. */
struct errands {
	struct errand *first, *last;
};

/* Behind the others. 0, or -1: no memory. */
int errands_put(struct errands *es, const struct link_request *q);

/* The first one, borrowed until it is dropped; NULL if there is none. */
const struct link_request *errands_first(const struct errands *es);

/* Forgets the first one; there must be one. */
void errands_drop(struct errands *es);

#endif
