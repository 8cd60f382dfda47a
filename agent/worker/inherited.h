/*
 * A PIN from a descriptor that sealpointd inherited: a file, or memory with
 * what a pipe had brought. Read from its beginning each time, since workers
 * come and go. Knows nothing of tokens.
 */
#ifndef AGENT_WORKER_INHERITED_H
#define AGENT_WORKER_INHERITED_H

#include "agent/secret.h"

/* number: what the configuration calls it. 0, or -1 with a clause. */
int inherited_read(
    struct secret *s, int fd, const char *number, char *text, size_t textlen);

#endif
