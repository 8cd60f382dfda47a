/*
 * CMS EnvelopedData for management points, made while its content passes by
 * (wire-facts 7): one key, told to each recipient by RSA PKCS#1 v1.5, 3DES-CBC
 * or AES-256-CBC, DER with definite lengths. What stands before the content
 * is made at the end, when its length is known. Proves nobody's origin.
 */
#ifndef MP_ENVELOPE_H
#define MP_ENVELOPE_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "mp/buf.h"
#include "mp/error.h"
#include "mp/message.h"

#define MP_RECIPIENTS_MAX 64

/* Certificates of every management point that may receive the message. */
struct mp_recipients {
	X509 *const *certs; /* borrowed */
	size_t n;
	enum mp_cipher cipher;
};

struct mp_envelope {
	EVP_CIPHER_CTX *ctx;
	struct mp_buf infos;     /* RecipientInfos, their SET's content */
	struct mp_buf algorithm; /* of the content, with its IV */
	bool all_by_issuer;      /* no recipient is named by its key id */
	uint64_t size;           /* of the encrypted content so far */
};

/* Makes a key, encrypts it to each recipient, and forgets it. */
int mp_envelope_open(
    struct mp_envelope *v, const struct mp_recipients *to, struct mp_error *e);
void mp_envelope_close(struct mp_envelope *v);

#define MP_ENVELOPE_BLOCK 16 /* bytes that may come on top of what went in */

/* len bytes in; at most len + MP_ENVELOPE_BLOCK out. */
int mp_envelope_add(struct mp_envelope *v, const uint8_t *data, size_t len,
    uint8_t *out, size_t *outlen, struct mp_error *e);
int mp_envelope_end(struct mp_envelope *v, uint8_t out[MP_ENVELOPE_BLOCK],
    size_t *outlen, struct mp_error *e);

/* Appends all DER that stands before the encrypted content; none follows. */
int mp_envelope_head(
    const struct mp_envelope *v, struct mp_buf *der, struct mp_error *e);

#endif
