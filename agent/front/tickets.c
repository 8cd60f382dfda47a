#include "agent/front/tickets.h"

#include <stdlib.h>

struct tickets {
	struct ticket *first, *last; /* in use */
	struct ticket *spare;        /* linked by next */
	size_t used;
	struct ticket table[TICKETS_MAX];
};

struct tickets *
tickets_new(void)
{
	struct tickets *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	for (size_t i = TICKETS_MAX; i-- > 0;) {
		t->table[i].next = t->spare;
		t->spare = &t->table[i];
	}
	return t;
}

void
tickets_free(struct tickets *t)
{
	if (t == NULL)
		return;
	while (t->first != NULL)
		tickets_release(t, t->first);
	free(t);
}

/*
 * A number is the place in the table below, and above how often that place
 * was used: an old number never fits a new ticket.
 */
struct ticket *
tickets_take(struct tickets *t, uint64_t deadline)
{
	struct ticket *k = t->spare;
	uint64_t uses;

	if (k == NULL)
		return NULL;
	t->spare = k->next;
	uses = k->number / TICKETS_MAX + 1;
	*k = (struct ticket){.deadline = deadline, .prev = t->last};
	k->number = uses * TICKETS_MAX + (uint64_t)(k - t->table);
	if (t->last != NULL)
		t->last->next = k;
	else
		t->first = k;
	t->last = k;
	t->used++;
	return k;
}

/* Released tickets keep their number, so being in use is told by type. */
struct ticket *
tickets_find(struct tickets *t, uint64_t number)
{
	struct ticket *k = &t->table[number % TICKETS_MAX];

	return k->type != 0 && k->number == number ? k : NULL;
}

void
tickets_release(struct tickets *t, struct ticket *k)
{
	if (k->prev != NULL)
		k->prev->next = k->next;
	else
		t->first = k->next;
	if (k->next != NULL)
		k->next->prev = k->prev;
	else
		t->last = k->prev;
	free(k->packet);
	k->packet = NULL;
	k->type = 0;
	k->prev = NULL;
	k->next = t->spare;
	t->spare = k;
	t->used--;
}

struct ticket *
tickets_first(const struct tickets *t)
{
	return t->first;
}

size_t
tickets_count(const struct tickets *t)
{
	return t->used;
}
