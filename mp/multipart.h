/*
 * The multipart/mixed frame of a reply: finds its parts, copies nothing.
 * Knows the framing of RFC 2046 as far as management points use it
 * (wire-facts 1.3, 1.5), and nothing of what the parts hold.
 */
#ifndef MP_MULTIPART_H
#define MP_MULTIPART_H

#include <stddef.h>
#include <stdint.h>

#include "mp/error.h"

#define MP_PARTS_MAX 2        /* header and payload */
#define MP_PART_HEAD_MAX 4096 /* bytes of one part's header fields */
#define MP_BOUNDARY_MAX 70    /* characters (RFC 2046, 5.1.1) */

struct mp_part {
	const uint8_t *data; /* borrowed from the body */
	size_t len;
};

struct mp_parts {
	struct mp_part list[MP_PARTS_MAX];
	size_t count;
};

/*
 * content_type names the boundary, quoted or not; NULL stands for the usual
 * one. Another content type, a frame that does not end or a part too many is
 * MP_EREPLY.
 */
int mp_multipart_parse(const char *content_type, const uint8_t *body,
    size_t len, struct mp_parts *parts, struct mp_error *e);

#endif
