/*
 * What the service manager is told: systemd's notification protocol, a
 * datagram of NAME=VALUE lines to $NOTIFY_SOCKET. Without one nothing is
 * sent. Knows nothing of what the service does.
 *
 * Source: sd_notify(3), "Notes" on the protocol.
 */
#ifndef AGENT_SUPERVISOR_NOTIFY_H
#define AGENT_SUPERVISOR_NOTIFY_H

#include <stdint.h>

struct notify {
	int fd;               /* -1: nobody listens */
	uint64_t watchdog_ms; /* must be fed more often; 0: no watchdog */
};

/*
 * Takes NOTIFY_SOCKET and WATCHDOG_USEC out of the environment, so that no
 * child speaks for us.
 */
void notify_open(struct notify *n);
void notify_close(struct notify *n);

/* One datagram; what cannot be sent at once is dropped. */
void notify_say(const struct notify *n, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* RELOADING=1 with the time that the protocol wants beside it. */
void notify_reloading(const struct notify *n);

#endif
