#include "agent/front/queue.h"

#include <stdlib.h>

#define BUCKETS 512 /* a power of two */

struct queue_flow {
	struct queue_name name;
	struct queue_item *first, *last;
	size_t count;
	struct queue_flow *prev, *next; /* in the round */
	struct queue_flow *chain;       /* same bucket, or spare */
};

/* No more flows than things: so all are here, and none is allocated. */
struct queue {
	size_t count;
	struct queue_flow *first, *last; /* the round; the turn is first's */
	struct queue_flow *spare;
	size_t fresh; /* flows[fresh...] were never used */
	struct queue_flow *buckets[BUCKETS];
	struct queue_flow flows[QUEUE_MAX];
};

struct queue *
queue_new(void)
{
	return calloc(1, sizeof(struct queue));
}

void
queue_free(struct queue *q)
{
	free(q);
}

size_t
queue_count(const struct queue *q)
{
	return q->count;
}

static size_t
bucket(struct queue_name n)
{
	uint64_t h = (n.caller ^ n.key) * UINT64_C(0x9e3779b97f4a7c15);

	return (size_t)(h >> 32) % BUCKETS;
}

static struct queue_flow *
find(const struct queue *q, struct queue_name n)
{
	struct queue_flow *f = q->buckets[bucket(n)];

	while (
	    f != NULL && (f->name.caller != n.caller || f->name.key != n.key))
		f = f->chain;
	return f;
}

/* Last in the round. */
static void
join(struct queue *q, struct queue_flow *f)
{
	f->prev = q->last;
	f->next = NULL;
	if (q->last != NULL)
		q->last->next = f;
	else
		q->first = f;
	q->last = f;
}

static void
leave(struct queue *q, struct queue_flow *f)
{
	if (f->prev != NULL)
		f->prev->next = f->next;
	else
		q->first = f->next;
	if (f->next != NULL)
		f->next->prev = f->prev;
	else
		q->last = f->prev;
}

static struct queue_flow *
open_flow(struct queue *q, struct queue_name name)
{
	struct queue_flow *f = q->spare;
	size_t b = bucket(name);

	if (f != NULL)
		q->spare = f->chain;
	else
		f = &q->flows[q->fresh++];
	*f = (struct queue_flow){.name = name, .chain = q->buckets[b]};
	q->buckets[b] = f;
	join(q, f);
	return f;
}

static void
close_flow(struct queue *q, struct queue_flow *f)
{
	struct queue_flow **at = &q->buckets[bucket(f->name)];

	while (*at != f)
		at = &(*at)->chain;
	*at = f->chain;
	leave(q, f);
	f->chain = q->spare;
	q->spare = f;
}

int
queue_put(struct queue *q, struct queue_item *it, struct queue_name name)
{
	struct queue_flow *f;

	if (q->count == QUEUE_MAX)
		return -1;
	f = find(q, name);
	if (f == NULL)
		f = open_flow(q, name);
	*it = (struct queue_item){.flow = f, .prev = f->last};
	if (f->last != NULL)
		f->last->next = it;
	else
		f->first = it;
	f->last = it;
	f->count++;
	q->count++;
	return 0;
}

void
queue_remove(struct queue *q, struct queue_item *it)
{
	struct queue_flow *f = it->flow;

	if (it->prev != NULL)
		it->prev->next = it->next;
	else
		f->first = it->next;
	if (it->next != NULL)
		it->next->prev = it->prev;
	else
		f->last = it->prev;
	*it = (struct queue_item){0};
	f->count--;
	q->count--;
	if (f->count == 0)
		close_flow(q, f);
}

struct queue_item *
queue_take(struct queue *q)
{
	struct queue_flow *f = q->first;
	struct queue_item *it;

	if (f == NULL)
		return NULL;
	it = f->first;
	if (f->count > 1) {
		leave(q, f);
		join(q, f);
	}
	queue_remove(q, it);
	return it;
}

size_t
queue_ahead(const struct queue *q, struct queue_name name)
{
	const struct queue_flow *mine = find(q, name);
	/* A flow has its turn so often before the new one is taken: once
	 * more if it stands before ours in the round. */
	size_t turns = mine != NULL ? mine->count : 0, n = turns;
	size_t sooner = 1;

	for (const struct queue_flow *f = q->first; f != NULL; f = f->next) {
		if (f == mine)
			sooner = 0;
		else
			n += f->count < turns + sooner ? f->count
						       : turns + sooner;
	}
	return n;
}
