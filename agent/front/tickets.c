#include "agent/front/tickets.h"

#include <stdlib.h>
#include <string.h>

struct tickets {
	struct ticket *first, *last; /* in use, by arrival */
	struct ticket *spare;        /* linked by next */
	size_t used;
	size_t bytes;                     /* of large packets */
	struct ticket *heap[TICKETS_MAX]; /* each before its two children */
	uint64_t numbers[TICKETS_MAX];
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

static void
seat(struct tickets *t, struct ticket *k, size_t at)
{
	t->heap[at] = k;
	k->rank = at;
}

/* Moves the place `at`, where k is to be, up or down until it fits. */
static void
sift(struct tickets *t, struct ticket *k, size_t at)
{
	while (at > 0 && t->heap[(at - 1) / 2]->deadline > k->deadline) {
		seat(t, t->heap[(at - 1) / 2], at);
		at = (at - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < t->used &&
		    t->heap[child + 1]->deadline < t->heap[child]->deadline)
			child++;
		if (child >= t->used || t->heap[child]->deadline >= k->deadline)
			break;
		seat(t, t->heap[child], at);
		at = child;
	}
	seat(t, k, at);
}

void
tickets_due(struct tickets *t, struct ticket *k, uint64_t deadline)
{
	k->deadline = deadline;
	sift(t, k, k->rank);
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
	memset(k, 0, offsetof(struct ticket, small));
	k->number = uses * TICKETS_MAX + (uint64_t)(k - t->table);
	k->place = TICKET_PARKED;
	k->deadline = deadline;
	k->prev = t->last;
	if (t->last != NULL)
		t->last->next = k;
	else
		t->first = k;
	t->last = k;
	sift(t, k, t->used++);
	return k;
}

static void
forget_packet(struct tickets *t, struct ticket *k)
{
	if (k->large != NULL) {
		t->bytes -= k->len;
		free(k->large);
	}
	k->large = NULL;
	k->packet = NULL;
	k->len = 0;
}

int
tickets_keep(
    struct tickets *t, struct ticket *k, const uint8_t *packet, size_t len)
{
	uint8_t *to = k->small;

	forget_packet(t, k);
	if (len > TICKETS_INLINE) {
		if (t->bytes + len > TICKETS_BYTES_MAX)
			return -1;
		to = k->large = malloc(len);
		if (to == NULL)
			return -1;
		t->bytes += len;
	}
	memcpy(to, packet, len);
	k->packet = to;
	k->len = len;
	return 0;
}

/* Released tickets keep their number. */
struct ticket *
tickets_find(struct tickets *t, uint64_t number)
{
	struct ticket *k = &t->table[number % TICKETS_MAX];

	return k->place != TICKET_FREE && k->number == number ? k : NULL;
}

void
tickets_release(struct tickets *t, struct ticket *k)
{
	struct ticket *moved = t->heap[--t->used];

	if (moved != k)
		sift(t, moved, k->rank);
	if (k->prev != NULL)
		k->prev->next = k->next;
	else
		t->first = k->next;
	if (k->next != NULL)
		k->next->prev = k->prev;
	else
		t->last = k->prev;
	forget_packet(t, k);
	k->place = TICKET_FREE;
	k->prev = NULL;
	k->next = t->spare;
	t->spare = k;
}

struct ticket *
tickets_soonest(const struct tickets *t)
{
	return t->used > 0 ? t->heap[0] : NULL;
}

struct ticket *
tickets_first(const struct tickets *t)
{
	return t->first;
}

size_t
tickets_numbers(struct tickets *t, const uint64_t **numbers)
{
	size_t n = 0;

	for (const struct ticket *k = t->first; k != NULL; k = k->next)
		t->numbers[n++] = k->number;
	*numbers = t->numbers;
	return n;
}

size_t
tickets_count(const struct tickets *t)
{
	return t->used;
}
