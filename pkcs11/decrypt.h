/*
 * A decryption by an RSA key. PKCS#1 v1.5 never tells whether the padding
 * was good; OAEP tells with one error that says no more. Where a token can
 * decrypt without a look at the padding, it is asked to, and the padding is
 * taken off here, in a time that does not depend on it: tokens have a way of
 * their own for bad padding, and its time tells (SoftHSM writes to a log).
 */
#ifndef PKCS11_DECRYPT_H
#define PKCS11_DECRYPT_H

#include "pkcs11/key.h"
#include "pkcs11/module.h"
#include "pkcs11/reject.h"
#include "pkcs11/token.h"

struct decrypt_plan {
	enum token_scheme scheme;
	enum token_hash hash;
	const uint8_t *in;
	size_t len; /* of the ciphertext, and of the modulus */
	bool raw;   /* PKCS#1 v1.5: the padding is for us to take off */
	struct reject reject;
};

/* TOKEN_OK, or an error with a clause in *reason. Borrows `in`. */
int decrypt_prepare(struct decrypt_plan *plan, const struct key *k,
    const uint8_t seed[TOKEN_SEED_LEN], enum token_scheme scheme,
    enum token_hash hash, const uint8_t *in, size_t inlen, const char **reason);

/*
 * out has plan->len bytes. rv tells what the token said only where that
 * tells nothing of the padding; otherwise it is CKR_OK. *err is TOKEN_OK,
 * TOKEN_EDATA for an OAEP ciphertext that was refused, or the permit's error;
 * permit: NULL unless the key wants one.
 */
struct rv decrypt_run(struct decrypt_plan *plan, struct module *m,
    unsigned long session, unsigned long handle,
    const struct key_permit *permit, uint8_t *out, size_t *outlen, int *err);

void decrypt_wipe(struct decrypt_plan *plan);

#endif
