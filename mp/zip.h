/*
 * zlib streams (RFC 1950) as payloads and policies carry them (wire-facts
 * 1.4, 5.4). Expands within a limit of size and of ratio, so that a small
 * body cannot become a huge one. Knows nothing of what is inside.
 */
#ifndef MP_ZIP_H
#define MP_ZIP_H

#include "mp/buf.h"
#include "mp/error.h"

/*
 * Output beyond MP_ZIP_FREE bytes may be at most MP_ZIP_RATIO_MAX times its
 * input. Repetitive UTF-16 XML was seen at less than 40; deflate can do 1032.
 */
#define MP_ZIP_FREE (1u << 20)
#define MP_ZIP_RATIO_MAX 200u

/* Appends a zlib stream of data to out. */
int mp_zip(
    const uint8_t *data, size_t len, struct mp_buf *out, struct mp_error *e);

/*
 * Appends what the stream holds to out, whose max is the limit (MP_ELIMIT).
 * The stream must be whole; only padding (NUL, CR, LF) may follow it.
 */
int mp_unzip(
    const uint8_t *data, size_t len, struct mp_buf *out, struct mp_error *e);

#endif
