#include "agent/front/timer.h"

#include <stdlib.h>
#include <time.h>

#include <event2/event.h>

#include "agent/front/peers.h"
#include "agent/front/route.h"
#include "agent/front/workers.h"

struct timer {
	struct front *front;
	struct event *event;
	uint64_t due; /* ms, monotonic; 0: not armed */
};

uint64_t
front_now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t
front_now(void)
{
	return front_now_us() / 1000;
}

/* 0 is never. */
static uint64_t
sooner(uint64_t a, uint64_t b)
{
	if (a == 0 || b == 0)
		return a + b;
	return a < b ? a : b;
}

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
	struct timer *t = arg;
	uint64_t next;

	(void)fd;
	(void)what;
	t->due = 0;
	next = route_expire(t->front);
	next = sooner(next, peers_expire(t->front->peers));
	next = sooner(next, workers_check(t->front));
	if (next != 0)
		timer_arm(t, next);
}

struct timer *
timer_open(struct front *f)
{
	struct timer *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->front = f;
	t->event = event_new(f->base, -1, 0, on_time, t);
	if (t->event != NULL)
		return t;
	free(t);
	return NULL;
}

void
timer_close(struct timer *t)
{
	if (t == NULL)
		return;
	event_free(t->event);
	free(t);
}

void
timer_arm(struct timer *t, uint64_t ms)
{
	const struct timeval tv = {
	    .tv_sec = (time_t)(ms / 1000),
	    .tv_usec = (suseconds_t)(ms % 1000 * 1000),
	};
	uint64_t due = front_now() + ms;

	if (t->due != 0 && t->due <= due)
		return;
	if (event_add(t->event, &tv) == 0)
		t->due = due;
}
