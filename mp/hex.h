/*
 * Hexadecimal text, as certificates, keys and signatures travel in messages
 * (wire-facts 3.1, 3.5). Knows nothing of what the bytes mean.
 */
#ifndef MP_HEX_H
#define MP_HEX_H

#include "mp/buf.h"

/* Upper case, as every sender that was seen writes it. */
void mp_hex_add(struct mp_buf *out, const uint8_t *data, size_t len);

/* The same, last byte first: the byte order of CryptoAPI. */
void mp_hex_add_reversed(struct mp_buf *out, const uint8_t *data, size_t len);

/*
 * Reads hexadecimal of either case; white space between bytes is skipped.
 * False, and nothing added, if it is anything else or does not fit out.
 */
bool mp_hex_decode(const char *text, size_t len, struct mp_buf *out);

#endif
