#include "agent/front/arrivals.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "agent/log.h"

#define BURST 8         /* connections before others have their turn */
#define PAUSE_US 100000 /* while none can be accepted */

struct arrivals {
	struct event *acceptable, *timer;
	void (*take)(void *arg, int fd);
	void *arg;
	const char *what;
	int fd;
	bool said; /* that it pauses; until all were accepted */
};

/* Without the timer it could not end: then the loop has to spin. */
static void
rest(struct arrivals *a, int err)
{
	const struct timeval tv = {.tv_usec = PAUSE_US};

	if (!a->said)
		log_line(LOG_LEVEL_WARNING,
		    "no client can be accepted at the %s: %s; those who "
		    "connect wait until that is over",
		    a->what, strerror(err));
	a->said = true;
	if (event_add(a->timer, &tv) == 0)
		(void)event_del(a->acceptable);
}

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
	struct arrivals *a = arg;

	(void)fd;
	(void)what;
	if (event_add(a->acceptable, NULL) != 0)
		rest(a, ENOMEM);
}

static void
on_acceptable(evutil_socket_t listener, short what, void *arg)
{
	struct arrivals *a = arg;

	(void)what;
	for (int i = 0; i < BURST; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd != -1) {
			a->take(a->arg, fd);
		} else if (errno == EAGAIN) {
			a->said = false;
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			rest(a, errno);
			return;
		}
	}
}

struct arrivals *
arrivals_open(struct event_base *base, int fd, const char *what,
    void (*take)(void *arg, int fd), void *arg)
{
	struct arrivals *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->take = take;
	a->arg = arg;
	a->what = what;
	a->fd = -1;
	a->timer = event_new(base, -1, 0, on_time, a);
	a->acceptable =
	    event_new(base, fd, EV_READ | EV_PERSIST, on_acceptable, a);
	if (a->timer != NULL && a->acceptable != NULL &&
	    event_add(a->acceptable, NULL) == 0) {
		a->fd = fd;
		return a;
	}
	arrivals_close(a);
	return NULL;
}

void
arrivals_close(struct arrivals *a)
{
	if (a == NULL)
		return;
	if (a->acceptable != NULL)
		event_free(a->acceptable);
	if (a->timer != NULL)
		event_free(a->timer);
	if (a->fd != -1)
		(void)close(a->fd);
	free(a);
}
