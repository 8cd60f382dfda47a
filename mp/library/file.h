/*
 * Whole files, read and written. Knows nothing of what they hold.
 */
#ifndef MP_LIBRARY_FILE_H
#define MP_LIBRARY_FILE_H

#include <stddef.h>
#include <stdint.h>

#include <sealpoint/error.h>

#include "mp/buf.h"

/* Is it a file that can be read? Its size now, and its first bytes. */
int file_look(const char *path, size_t *size, uint8_t *start, size_t *len,
    struct sealpoint_failure *why);

/* Appends the file to a buffer that the caller initialised with its limit. */
int file_read(
    const char *path, struct mp_buf *out, struct sealpoint_failure *why);

/* Mode 0600; replaces a file of that name in one step, or leaves it. */
int file_write(const char *path, const uint8_t *data, size_t len,
    struct sealpoint_failure *why);

#endif
