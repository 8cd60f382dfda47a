/*
 * Bytes on their way: kept in memory while they are few, in an unlinked
 * temporary file (O_TMPFILE, mode 0600) when they are many, so that a large
 * message takes bounded memory. Written once, then read from the start as
 * often as wanted. Knows nothing of what it holds.
 */
#ifndef MP_SPOOL_H
#define MP_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "mp/error.h"

#define MP_SPOOL_MEMORY (1u << 20) /* bytes before it goes to a file */

struct mp_spool {
	uint8_t *memory;
	size_t used; /* of memory */
	size_t cap;
	const char *dir; /* for the file; borrowed; NULL: /var/tmp, or /tmp */
	int fd;          /* -1 until it overflowed */
	uint64_t size;
	uint64_t max;
	uint64_t at; /* where the next read starts */
};

/* max: more than so many bytes is MP_ELIMIT. */
void mp_spool_init(struct mp_spool *s, uint64_t max);
void mp_spool_release(struct mp_spool *s); /* NULL-safe; wipes memory */

/* Everything written goes to the end. A full disk is MP_ELIMIT's sentence. */
int mp_spool_write(
    struct mp_spool *s, const void *data, size_t len, struct mp_error *e);

/* Reads on from where the last read ended; *len: room, then bytes (0: end). */
int mp_spool_read(
    struct mp_spool *s, void *data, size_t *len, struct mp_error *e);
void mp_spool_rewind(struct mp_spool *s);

#endif
