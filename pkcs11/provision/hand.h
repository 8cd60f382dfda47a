/*
 * A hand: signs with a pair, by libp11's pen where it sees the key and by
 * C_Sign where it does not, and believes neither: each signature is verified
 * by libcrypto before it counts.
 */
#ifndef PKCS11_PROVISION_HAND_H
#define PKCS11_PROVISION_HAND_H

#include "pkcs11/provision/pair.h"

#define HAND_SIG_MAX 1024

/* Whether it can sign with that pair; else why not. */
int hand_able(struct desk *d, const struct pair *p, struct token_trouble *why);

/* For a pair that it can sign with: RSA PKCS#1 v1.5 or ECDSA in DER, over a
 * message. In *len: bytes. */
int hand_sign(struct desk *d, const struct pair *p, enum token_hash hash,
    const uint8_t *message, size_t messagelen, uint8_t sig[HAND_SIG_MAX],
    size_t *len, struct token_trouble *why);

#endif
