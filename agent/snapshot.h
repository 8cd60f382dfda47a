/*
 * The configuration as it was when the file was read: the file is checked
 * for who may write it, read once, and what it says is sealed in memory that
 * every process is handed. So all of them follow the same rules, however
 * often one starts again, whatever somebody is writing into the file
 * meanwhile, and none of them needs the file, or the names of users, again.
 */
#ifndef AGENT_SNAPSHOT_H
#define AGENT_SNAPSHOT_H

#include <stddef.h>

#include "agent/conf.h"

#define SNAPSHOT_MAX (1u << 20) /* bytes of the file */

/*
 * Reads and checks the file. 0, or -1 with a sentence. Like conf_read() not
 * for several threads at once.
 */
int snapshot_take(const char *path, struct conf *c, char *text, size_t textlen);

/* The sealed copy for other processes: a descriptor, or -1 with errno. */
int snapshot_seal(const struct conf *c);

/*
 * What was sealed; by another process of the same build. 0, or -1 if this is
 * no such descriptor.
 */
int snapshot_read(int fd, struct conf *c);

#endif
