/*
 * Plain data to exact bytes: the <Msg> header, the clear payload, and the
 * multipart frame around both (wire-facts 1.3, 1.4, 2, 8.1). Knows nothing of
 * keys; signatures come to it as finished text.
 */
#ifndef MP_ENCODE_H
#define MP_ENCODE_H

#include "mp/buf.h"
#include "mp/error.h"
#include "mp/message.h"
#include "mp/sink.h"

/* Fixed in every sender that was seen (wire-facts 1.3). */
#define MP_BOUNDARY "aAbBcCdDv1234567890VxXyYzZ"

/* Hook2 clientauth: all NULL means no such hook. */
struct mp_clientauth {
	const char *public_key;
	const char *client_id_signature;
	const char *payload_signature;
	const char *hash_algorithm; /* OID; NULL for SHA-1: no property */
};

#define MP_ATTACHMENTS_MAX 1000

/* Where things are in the clear payload: the body, then each attachment. */
struct mp_layout {
	uint64_t body_len;
	uint64_t *lengths; /* of the attachments, in the message's order */
};

/*
 * CLEAR: UTF-16LE body, NUL, the attachments, CR LF; all goes to out. The
 * layout is initialised in any case, and yours.
 */
int mp_encode_payload(const struct mp_message *m, const struct mp_sink *out,
    struct mp_layout *layout, struct mp_error *e);
void mp_layout_release(struct mp_layout *l);

/* The <Msg> element, UTF-8; the frame makes it UTF-16. */
int mp_encode_header(const struct mp_message *m,
    const struct mp_clientauth *auth, const struct mp_layout *layout,
    struct mp_buf *xml, struct mp_error *e);

/* What stands before the payload in the HTTP body, and what after it. */
int mp_encode_head(
    const struct mp_buf *header_xml, struct mp_buf *out, struct mp_error *e);
void mp_encode_tail(struct mp_buf *out);

#endif
