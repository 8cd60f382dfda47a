/*
 * A fair queue: things that wait, each in a flow, and a turn that goes round
 * the flows and takes one of each. So a caller with much to ask waits longer
 * for its last, not others for their first. Knows nothing of what waits, and
 * has no clock. One thread.
 */
#ifndef AGENT_FRONT_QUEUE_H
#define AGENT_FRONT_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#define QUEUE_MAX 4096 /* things in one queue */

struct queue;
struct queue_flow;

/* Part of the thing that waits; all zero while it does not. */
struct queue_item {
	struct queue_flow *flow;
	struct queue_item *prev, *next; /* within the flow */
};

/* Whose it is, and what for: things with the same name are one flow. */
struct queue_name {
	uint64_t caller;
	uint64_t key;
};

struct queue *queue_new(void);    /* NULL: no memory */
void queue_free(struct queue *q); /* NULL-safe; leaves the items alone */

/* Last of its flow. 0, or -1: QUEUE_MAX wait already. Borrows the item until
 * it leaves by one of the two below. */
int queue_put(struct queue *q, struct queue_item *it, struct queue_name name);

/* Takes out the first of the flow whose turn it is; NULL if none waits. */
struct queue_item *queue_take(struct queue *q);

/* Takes this one out, which waits here. */
void queue_remove(struct queue *q, struct queue_item *it);

size_t queue_count(const struct queue *q);

/* How many of those that wait would be taken before a new one of that name. */
size_t queue_ahead(const struct queue *q, struct queue_name name);

#endif
