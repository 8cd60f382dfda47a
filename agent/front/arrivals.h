/*
 * Connections to one listening socket, each handed on as it comes. While none
 * can be accepted, as when no descriptor is free, it listens no more and tries
 * again a moment later: the socket would stay readable, and the loop spin.
 * Knows nothing of who connects, or of what is said.
 */
#ifndef AGENT_FRONT_ARRIVALS_H
#define AGENT_FRONT_ARRIVALS_H

struct arrivals;
struct event_base;

/*
 * Listens on fd, which must not block and is taken over. what: its name in the
 * log, which must live as long. take() is given every new descriptor, which is
 * close-on-exec and its to close. NULL with errno: then fd is as it was.
 */
struct arrivals *arrivals_open(struct event_base *base, int fd,
    const char *what, void (*take)(void *arg, int fd), void *arg);
void arrivals_close(struct arrivals *a); /* NULL-safe */

#endif
