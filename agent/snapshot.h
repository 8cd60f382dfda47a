/*
 * The configuration file as it was when the daemon started: checked for who
 * may write it, copied into sealed memory, handed to every process. So all of
 * them follow the same rules, however often one starts again and whatever
 * somebody is writing into the file meanwhile. Knows nothing of its contents.
 */
#ifndef AGENT_SNAPSHOT_H
#define AGENT_SNAPSHOT_H

#include <stddef.h>

#define SNAPSHOT_MAX (1u << 20) /* bytes of the file */

/*
 * A descriptor to read the copy from (close-on-exec), or -1 with a sentence.
 * The file must be regular, owned by root or by us, and writable by its owner
 * alone.
 */
int snapshot_take(const char *path, char *text, size_t textlen);

#endif
