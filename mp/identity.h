/*
 * The identity that messages are made with: one signer's key, its parsed
 * certificate and the forms of it that the wire wants. Holds no private key.
 */
#ifndef MP_IDENTITY_H
#define MP_IDENTITY_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "agent/evp.h"
#include "agent/signer.h"
#include "mp/buf.h"
#include "mp/error.h"
#include "mp/message.h"

struct mp_identity {
	struct signer signer; /* borrowed */
	struct signer_identity id;
	X509 *cert;
	X509 *chain[SIGNER_CHAIN_MAX]; /* issuers, leaf's first */
	unsigned nchain;
	EVP_PKEY *key;   /* of agent/evp */
	struct evp *evp; /* borrowed */
	bool self_signed;
	char thumbprint[2 * SIGNER_SHA1_LEN + 1];
	char *cert_hex;           /* DER, upper-case hex, NUL-terminated */
	char *public_hex;         /* CryptoAPI PUBLICKEYBLOB, likewise */
	struct mp_idcache *cache; /* client-id signatures; NULL: none kept */
	struct mp_packer *packer; /* its messages are packed with; or NULL */
};

/*
 * Fetches certificate and chain and makes the key. RSA only: the protocol
 * has no room for another (wire-facts 11). evp and signer are borrowed.
 */
int mp_identity_open(struct mp_identity *me, struct evp *evp,
    const struct signer *s, const uint8_t *thumb, size_t thumblen,
    struct mp_error *e);
void mp_identity_close(struct mp_identity *me); /* NULL-safe */

/*
 * -1 not yet valid, 0 valid, 1 expired, at time `now`.
 */
int mp_identity_validity(const struct mp_identity *me, int64_t now);

/*
 * Signs data with RSA PKCS#1 v1.5 and appends the wire form: byte order
 * reversed, upper-case hex (wire-facts 3.1).
 */
int mp_identity_sign(const struct mp_identity *me, enum mp_hash hash,
    const uint8_t *data, size_t len, struct mp_buf *hex, struct mp_error *e);

/* The same of data that were hashed already. */
int mp_identity_sign_digest(const struct mp_identity *me, enum mp_hash hash,
    const uint8_t *digest, size_t len, struct mp_buf *hex, struct mp_error *e);

/*
 * The same over UTF-16LE `text` and its NUL: how client ids, time stamps and
 * tokens are signed (wire-facts 3.1).
 */
int mp_identity_sign_text(const struct mp_identity *me, enum mp_hash hash,
    const char *text, struct mp_buf *hex, struct mp_error *e);

/*
 * The same for a client id. Its signature never changes, so the last few are
 * kept; any number of threads may ask at once.
 */
int mp_identity_sign_id(const struct mp_identity *me, enum mp_hash hash,
    const char *smsid, struct mp_buf *hex, struct mp_error *e);

#endif
