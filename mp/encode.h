/*
 * Plain data to exact bytes: the <Msg> header, the clear payload, and the
 * multipart frame around both (wire-facts 1.3, 1.4, 2). Knows nothing of
 * keys; signatures come to it as finished text.
 */
#ifndef MP_ENCODE_H
#define MP_ENCODE_H

#include "mp/buf.h"
#include "mp/error.h"
#include "mp/message.h"

/* Fixed in every sender that was seen (wire-facts 1.3). */
#define MP_BOUNDARY "aAbBcCdDv1234567890VxXyYzZ"

/* Hook2 clientauth: all NULL means no such hook. */
struct mp_clientauth {
	const char *public_key;
	const char *client_id_signature;
	const char *payload_signature;
	const char *hash_algorithm; /* OID; NULL for SHA-1: no property */
};

/* CLEAR: UTF-16LE body, NUL, CR LF. *body_len: what Body/@Length says. */
int mp_encode_payload(const struct mp_message *m, struct mp_buf *clear,
    size_t *body_len, struct mp_error *e);

/* The <Msg> element, UTF-8; the frame makes it UTF-16. */
int mp_encode_header(const struct mp_message *m,
    const struct mp_clientauth *auth, size_t body_len, struct mp_buf *xml,
    struct mp_error *e);

/* What stands before the payload in the HTTP body, and what after it. */
int mp_encode_head(
    const struct mp_buf *header_xml, struct mp_buf *out, struct mp_error *e);
void mp_encode_tail(struct mp_buf *out);

#endif
