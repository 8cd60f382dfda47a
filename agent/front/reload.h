/*
 * Another configuration while the front runs: who may do what changes at
 * once, for those who are connected too; tokens that are gone, or described
 * anew, are forgotten. Clients and the other tokens notice nothing.
 */
#ifndef AGENT_FRONT_RELOAD_H
#define AGENT_FRONT_RELOAD_H

#include "agent/front/front.h"

/*
 * Reads the snapshot, whose tokens the supervisor aligned with ours. 0, or -1
 * if it cannot be read: then the front is to end, since rules that were taken
 * back would hold.
 */
int reload_from(struct front *f, int fd);

#endif
