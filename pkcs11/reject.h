/*
 * Implicit rejection of PKCS#1 v1.5 decryption: a ciphertext with bad
 * padding decrypts to a message that looks like any other, so that nobody
 * learns from our answers whether the padding was good (Bleichenbacher).
 * After the construction of draft-irtf-cfrg-rsa-guidance, as in OpenSSL 3.2,
 * with a secret of ours in the private exponent's place, because no token
 * tells that. Knows no token; runs in a time that depends on lengths of the
 * ciphertext only.
 */
#ifndef PKCS11_REJECT_H
#define PKCS11_REJECT_H

#include "pkcs11/pub.h"
#include "pkcs11/token.h"

#define REJECT_MAX 1024 /* bytes of a modulus */

struct reject {
	uint8_t message[REJECT_MAX]; /* zeros after len */
	size_t len;                  /* 0 to modulus - 11 */
};

/*
 * The message for this ciphertext, which is as long as the modulus. `key` is
 * struct pub's digest, not a certificate's: a key with two certificates must
 * not give two answers, or who compares them learns of the padding.
 */
int reject_make(struct reject *r, const uint8_t seed[TOKEN_SEED_LEN],
    const uint8_t key[PUB_DIGEST_LEN], const uint8_t *in, size_t inlen);

/*
 * Keeps the token's message, of *len bytes in out[size], if good is 1, or
 * puts the synthetic one in its place if good is 0; without a branch on
 * good, on *len or on the bytes. A *len that no message of this modulus has
 * counts as bad. Zeros follow the message up to size, the modulus' length.
 */
void reject_select(const struct reject *r, unsigned good, uint8_t *out,
    size_t size, size_t *len);

/*
 * The same with a whole padded block, of *len bytes in out[size], as a token
 * leaves it that does not look at the padding: 00 02, at least 8 bytes that
 * are not 0, 00, message. If it is that, its message is kept, else the
 * synthetic one takes its place; without a branch on any of its bytes. A
 * token may leave out zeros at its begin.
 */
void reject_open(
    const struct reject *r, uint8_t *out, size_t size, size_t *len);

void reject_wipe(struct reject *r);

#endif
