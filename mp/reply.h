/*
 * A reply as the MP sent it: taken apart, bounded, not believed. Parses
 * bytes only; trust.h decides what they are worth (wire-facts 1.5, 6.3).
 */
#ifndef MP_REPLY_H
#define MP_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "mp/buf.h"
#include "mp/error.h"

#define MP_REPLY_MAX (64u << 20)    /* bytes of an HTTP body */
#define MP_CONTENT_MAX (256u << 20) /* bytes after decompression */

struct mp_reply {
	uint8_t *payload; /* as sent: what a signature covers */
	size_t payload_len;
	size_t body_length; /* Body/@Length; 0 if it said none */
	bool compressed;    /* Hook3 zlib-compress */
	bool signed_;       /* Hook authenticate was there */
	uint8_t *signature; /* its Signature, decoded: DER CMS */
	size_t signature_len;
	char *site_code; /* its MPSiteCode */
	char *senders;   /* its AuthSenderMachine, "MP1;mp1.dom;" */
	char *msg_id;    /* <ID>; NULL if none */
};

/*
 * content_type is the HTTP field (its boundary counts; NULL if none was
 * sent). The reply owns what it points to: mp_reply_release. An empty body
 * is MP_EREPLY ("nothing to say"), told apart in the sentence.
 */
int mp_reply_parse(struct mp_reply *r, const char *content_type,
    const uint8_t *body, size_t len, struct mp_error *e);

/* The payload, decompressed, as UTF-8 XML text. */
int mp_reply_body(
    const struct mp_reply *r, struct mp_buf *xml, struct mp_error *e);

void mp_reply_release(struct mp_reply *r); /* NULL-safe */

#endif
