/*
 * An attachment as the library keeps it: bytes of its own, or the path of a
 * file. Knows nothing of the message it belongs to.
 */
#ifndef MP_LIBRARY_ATTACHMENT_H
#define MP_LIBRARY_ATTACHMENT_H

#include <sealpoint/attachment.h>

struct sealpoint_attachment {
	char *name;
	char *path; /* NULL: data and len count */
	uint8_t *data;
	size_t len;
};

/* Exactly one of path and data (which may be NULL if len is 0). */
int attachment_new(struct sealpoint_attachment **out, const char *name,
    const char *path, const uint8_t *data, size_t len,
    struct sealpoint_failure *why);
void attachment_free(struct sealpoint_attachment *a); /* NULL-safe */

#endif
