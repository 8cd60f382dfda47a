#include "agent/front/timer.h"

#include <stdlib.h>
#include <time.h>

#include <event2/event.h>

#include "agent/front/peers.h"
#include "agent/front/route.h"

struct timer {
	struct front *front;
	struct event *event;
	bool armed;
};

uint64_t
front_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
	struct timer *t = arg;
	uint64_t next, unread;

	(void)fd;
	(void)what;
	t->armed = false;
	next = route_expire(t->front);
	unread = peers_expire(t->front->peers);
	if (next == 0 || (unread != 0 && unread < next))
		next = unread;
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

	if (t->armed)
		return;
	t->armed = event_add(t->event, &tv) == 0;
}
