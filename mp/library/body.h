/*
 * A message's body as the library keeps it: bytes, and, once somebody asks,
 * the text that they are. Knows no XML.
 */
#ifndef MP_LIBRARY_BODY_H
#define MP_LIBRARY_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sealpoint/error.h>

#include "mp/buf.h"

struct body {
	uint8_t *data; /* followed by a NUL that len does not count */
	size_t len;
	char *text; /* UTF-8 without declaration; NULL: not asked for yet */
};

/* Copies; on failure the body stays as it was. */
int body_set(struct body *b, const uint8_t *data, size_t len,
    struct sealpoint_failure *why);
void body_release(struct body *b); /* wipes */

/*
 * The body as UTF-8 text without an XML declaration that names an encoding,
 * in a buffer that is made here: mp_buf_release() in any case.
 * SEALPOINT_ERR_DATATYPE_MISMATCH if it is no text.
 */
int body_utf8(
    const struct body *b, struct mp_buf *text, struct sealpoint_failure *why);

/*
 * The same, which lives until the body is set again.
 */
int body_text(struct body *b, const char **text, struct sealpoint_failure *why);

#endif
