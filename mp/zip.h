/*
 * zlib streams (RFC 1950) as payloads and policies carry them (wire-facts
 * 1.4, 5.4). Expands within a limit of size and of ratio, so that a small
 * body cannot become a huge one. Knows nothing of what is inside.
 */
#ifndef MP_ZIP_H
#define MP_ZIP_H

#include "mp/buf.h"
#include "mp/error.h"
#include "mp/packer.h"
#include "mp/sink.h"

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
 * The same a piece at a time. Up to 64 KiB are kept until the end, and packed
 * at once; more are streamed. Where to is borrowed, and so is the packer,
 * which may be NULL.
 */
struct mp_zip_stream;

int mp_zip_open(struct mp_zip_stream **zp, struct mp_packer *packer,
    const struct mp_sink *out, struct mp_error *e);
int mp_zip_add(
    struct mp_zip_stream *z, const void *data, size_t len, struct mp_error *e);
int mp_zip_end(struct mp_zip_stream *z, struct mp_error *e);
void mp_zip_close(struct mp_zip_stream *z); /* NULL-safe; wipes */

/*
 * Appends what the stream holds to out, whose max is the limit (MP_ELIMIT).
 * The stream must be whole; only padding (NUL, CR, LF) may follow it.
 */
int mp_unzip(
    const uint8_t *data, size_t len, struct mp_buf *out, struct mp_error *e);

#endif
