/*
 * The bytes of an attachment: from memory or from a file, XML as UTF-16 with
 * a BOM, all else as it is (wire-facts 8.1). Knows not where they stand.
 */
#ifndef MP_ATTACHMENT_H
#define MP_ATTACHMENT_H

#include <stdint.h>

#include "mp/message.h"
#include "mp/sink.h"

/*
 * *len: bytes that went to out, of no worth after a failure. A missing or
 * empty one is MP_EARG, and XML that is not well-formed or too deep.
 */
int mp_attachment_put(const struct mp_attachment *a, const struct mp_sink *out,
    uint64_t *len, struct mp_error *e);

#endif
