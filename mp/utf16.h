/*
 * Text between UTF-8, which we think in, and UTF-16LE, which management
 * points speak. Strict: what is not well-formed is refused, never repaired.
 * Knows nothing of XML but its declaration.
 */
#ifndef MP_UTF16_H
#define MP_UTF16_H

#include "mp/buf.h"
#include "mp/error.h"

/* Appends UTF-16LE: no BOM, no NUL. */
int mp_utf16_add(
    struct mp_buf *out, const char *text, size_t len, struct mp_error *e);

/*
 * The same of a piece that may end within a character: returns how many
 * bytes it took, all before the first that is no whole UTF-8. out may fail.
 */
size_t mp_utf16_put(struct mp_buf *out, const char *text, size_t len);

/* Appends the UTF-8 form of UTF-16LE text that has no BOM. */
int mp_utf16_to_utf8(
    const uint8_t *data, size_t len, struct mp_buf *out, struct mp_error *e);

/*
 * Appends the UTF-8 form of XML text as peers send it: UTF-16LE or UTF-8,
 * each with or without BOM, with or without final NUL (after which only NUL,
 * CR and LF may follow). An XML declaration that names an encoding is
 * dropped: it would not be true any more.
 */
int mp_text_to_utf8(
    const uint8_t *data, size_t len, struct mp_buf *out, struct mp_error *e);

#endif
