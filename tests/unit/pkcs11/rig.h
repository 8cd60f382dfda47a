/*
 * What the tests of a whole token share: a SoftHSM token behind the counting
 * module, a configuration for it, and signatures checked by libcrypto.
 */
#ifndef TESTS_UNIT_PKCS11_RIG_H
#define TESTS_UNIT_PKCS11_RIG_H

#include "pkcs11/token.h"
#include "tests/fake/countmod.h"
#include "tests/fake/softhsm.h"

struct rig {
	struct softhsm hsm;
	struct countmod *mod;
	struct token_config cfg;
	const char *pin;        /* what the PIN source lends */
	unsigned lent, wiped;   /* how often */
	enum token_pin_use use; /* what for, last */
	struct token *token;    /* of rig_open() */
	struct token_trouble why;
};

/* Group setup and teardown. Exits with 77 where SoftHSM is absent. */
int rig_make(void **state);
int rig_make_plain(void **state);  /* without an Ed25519 key */
int rig_make_always(void **state); /* the RSA key wants its PIN each time */
int rig_make_bare(void **state);   /* without certificates */
int rig_remove(void **state);

/* Test setup and teardown: opens a token and clears all faults; closes it. */
int rig_open(void **state);
int rig_close(void **state);

/* The same, without opening. */
int rig_clear(void **state);

/* Fails the test, with the sentence, unless r is TOKEN_OK. */
void rig_ok(struct rig *rig, int r);

/* Whether libcrypto takes the signature for what the certificate's key made
 * over a digest (for EdDSA: the message). */
int rig_verify(const struct softhsm_cert *c, enum token_scheme scheme,
    enum token_hash hash, unsigned saltlen, const uint8_t *digest,
    size_t digestlen, const uint8_t *sig, size_t siglen);

/* Encrypts to the certificate's RSA key; padding as libcrypto counts. */
size_t rig_encrypt(const struct softhsm_cert *c, int padding,
    enum token_hash hash, const uint8_t *in, size_t inlen, uint8_t *out,
    size_t room);

/* One PKCS#1 SHA-256 signature with the RSA key, verified. Returns its error.
 */
int rig_sign(struct rig *rig);

#endif
