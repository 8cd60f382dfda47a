/*
 * The operator's end of the front: a socket for root and the agent's own user,
 * on which tokens are locked and unlocked, probed and counted. The packets
 * are in agent/control.h. No PIN comes here: see agent/worker/door.h.
 */
#ifndef AGENT_FRONT_CONTROL_H
#define AGENT_FRONT_CONTROL_H

#include "agent/front/front.h"
#include "agent/wire.h"

struct control;

/* Takes fd over; -1: there is no socket. NULL: no memory. */
struct control *control_open(struct front *f, int fd);
void control_close(struct control *c); /* NULL-safe */

/* What a worker says that is about its token as a whole; r stands behind the
 * packet's kind. */
void control_told(
    struct front *f, unsigned index, uint8_t kind, struct wire_reader *r);

/* What became of the mark of a lock: 0 or errno. */
void control_marked(struct front *f, unsigned index, int err);

#endif
