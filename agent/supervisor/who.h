/*
 * Which program a client's process runs, for rules that name programs: the
 * front may open no file, and asks. The file is what counts, not its name: the
 * executable must be, by device and inode, what the configured path names at
 * this moment.
 */
#ifndef AGENT_SUPERVISOR_WHO_H
#define AGENT_SUPERVISOR_WHO_H

#include "agent/conf.h"
#include "agent/link.h"

/*
 * Looks at the process. *pidfd is a descriptor of the very process that *g
 * tells of, to be closed by the caller, or -1 if it is gone; then *g grants
 * nothing and says why.
 */
void who_look(const struct conf *c, const struct link_who *who,
    struct link_program *g, int *pidfd);

/* Can only root and this user put a file there? Else no rule may name it. */
bool who_guards(const char *path);

#endif
