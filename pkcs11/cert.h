/*
 * A certificate of a token: its DER and what it takes to find it, to fit a
 * key to it and to build a chain. Opinions about validity are not its
 * business.
 */
#ifndef PKCS11_CERT_H
#define PKCS11_CERT_H

#include "pkcs11/pub.h"
#include "pkcs11/token.h"

#define CERT_DER_MAX 32768
#define CERT_NAME_LEN 32 /* SHA-256 of a DER name */

struct cert {
	uint8_t sha1[TOKEN_SHA1_LEN];
	uint8_t sha256[TOKEN_SHA256_LEN];
	uint8_t subject[CERT_NAME_LEN];
	uint8_t issuer[CERT_NAME_LEN];
	uint64_t not_after; /* UNIX time; 0: it says none that we can read */
	struct pub pub;     /* type 0: a key that we have no use for */
	uint8_t *der;       /* its own */
	size_t len;
	void *key; /* libcrypto's, its own; NULL before cert_arm() */
};

/* Takes der, which is malloced, over; frees it if it is no certificate. */
int cert_init(struct cert *c, uint8_t *der, size_t len);
void cert_release(struct cert *c);

/* Makes it ready for cert_verify(); -1 if memory is out. */
int cert_arm(struct cert *c);

/*
 * Whether its key made the signature over the digest; for EdDSA, over the
 * message. False too if it was not armed.
 */
bool cert_verify(const struct cert *c, enum token_scheme scheme,
    enum token_hash hash, unsigned saltlen, const uint8_t *digest, size_t len,
    const uint8_t *sig, size_t siglen);

/* Whether ca issued c: names, key identifiers, key usage and signature. */
bool cert_issued(const struct cert *c, const struct cert *ca);

#endif
