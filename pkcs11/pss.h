/*
 * EMSA-PSS (RFC 8017, section 9.1.1) with MGF1 over the same hash, for
 * tokens that offer raw RSA only. Knows no key and no token.
 */
#ifndef PKCS11_PSS_H
#define PKCS11_PSS_H

#include "pkcs11/token.h"

/*
 * Encodes a digest for a modulus of modbits bits, with a fresh random salt
 * of saltlen bytes, into em, whose length is that of the modulus. 0, or -1:
 * the modulus is too short for hash and salt, or libcrypto failed.
 */
int pss_encode(enum token_hash hash, const uint8_t *digest, size_t len,
    unsigned saltlen, uint32_t modbits, uint8_t *em, size_t emlen);

/* Whether it fits at all. */
bool pss_fits(size_t hashlen, unsigned saltlen, uint32_t modbits);

#endif
