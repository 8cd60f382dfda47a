/*
 * The marks of locked tokens: an empty file locked.NAME in the state
 * directory for each, so that a restart of anything leaves it locked. Knows
 * nothing of what a lock does.
 */
#ifndef AGENT_MARK_H
#define AGENT_MARK_H

#include <stdbool.h>

/*
 * Makes the mark and has it on the disk, or takes it away. What is so already
 * is well. 0, or -1 with errno.
 */
int mark_set(const char *state, const char *name);
int mark_clear(const char *state, const char *name);

/* Is it there? If that cannot be found out: yes. */
bool mark_is_set(const char *state, const char *name);

#endif
