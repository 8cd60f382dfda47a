/*
 * The door where a person brings the PIN of one token: a thread that accepts
 * connections of root and of our own user, one after the other, each for
 * DOOR_WAIT_MS at most, and hands what they bring to the warden. Also ends the
 * PIN's time. The packets are in agent/control.h.
 */
#ifndef AGENT_WORKER_DOOR_H
#define AGENT_WORKER_DOOR_H

#include "agent/worker/warden.h"

#define DOOR_WAIT_MS 10000 /* for one caller to say all */

/* Starts the thread; fd listens. ttl_ms: 0 for no end. 0, or -1 with errno. */
int door_open(struct warden *w, int fd, unsigned ttl_ms);

#endif
