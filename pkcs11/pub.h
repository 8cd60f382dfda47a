/*
 * A public key, as far as it takes to tell it from every other: its type,
 * size and one digest that is the same however the key was encoded. Knows
 * nothing of certificates and tokens.
 */
#ifndef PKCS11_PUB_H
#define PKCS11_PUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pkcs11/token.h"

#define PUB_DIGEST_LEN 32
#define PUB_RSA_MIN 1024 /* bits */
#define PUB_RSA_MAX 8192

struct pub {
	enum token_keytype type;
	uint32_t bits;
	uint8_t digest[PUB_DIGEST_LEN];
};

/*
 * Each fills p, or empties it and returns -1 if the key is malformed or of a
 * kind that we have no use for: RSA of 1024 to 8192 bits, P-256, P-384,
 * P-521 and Ed25519 are what we use.
 */
int pub_spki(struct pub *p, const uint8_t *der, size_t len);
int pub_rsa(struct pub *p, const uint8_t *n, size_t nlen, const uint8_t *e,
    size_t elen);

/* CKA_EC_PARAMS and CKA_EC_POINT, the point with or without its DER frame. */
int pub_ec(struct pub *p, const uint8_t *params, size_t paramslen,
    const uint8_t *point, size_t pointlen);
int pub_ed25519(struct pub *p, const uint8_t *point, size_t pointlen);

bool pub_same(const struct pub *a, const struct pub *b);
int pub_order(const struct pub *a, const struct pub *b); /* as memcmp */

/* Bits of the curve that CKA_EC_PARAMS names, or 0 if it is none of ours. */
uint32_t pub_curve_bits(const uint8_t *params, size_t len);

/* Bytes of an RSA modulus, or of one coordinate. */
size_t pub_size(const struct pub *p);

#endif
