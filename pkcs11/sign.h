/*
 * A signature: what goes to the token for it, and what the token's answer
 * must look like to become one. The plan is made and the answer is read
 * without a token; only sign_run() talks to one.
 */
#ifndef PKCS11_SIGN_H
#define PKCS11_SIGN_H

#include "pkcs11/key.h"
#include "pkcs11/module.h"
#include "pkcs11/token.h"

#define SIGN_RAW_MAX 1024   /* bytes: RSA-8192 */
#define SIGN_INPUT_MAX 1024 /* EMSA-PSS for raw RSA */

struct sign_request {
	enum token_scheme scheme;
	enum token_hash hash;
	unsigned saltlen;
	const uint8_t *digest;
	size_t len;
};

struct sign_plan {
	enum token_scheme scheme;
	uint32_t bits;        /* of the key */
	unsigned long mech;   /* CKM_... */
	unsigned long pss[3]; /* CK_RSA_PKCS_PSS_PARAMS */
	size_t paramslen;
	const uint8_t *in; /* into buf, or the request's */
	size_t inlen;
	size_t rawlen; /* what the token must return, exactly */
	size_t siglen; /* the longest that it can become */
	uint8_t buf[SIGN_INPUT_MAX];
};

/*
 * TOKEN_OK, TOKEN_EMECH or TOKEN_EARG with a clause in *reason. The plan
 * borrows the request's digest.
 */
int sign_prepare(struct sign_plan *plan, const struct key *k,
    const struct sign_request *req, const char **reason);

/*
 * In *len: room, then the bytes that the token returned. permit: NULL unless
 * the key wants one; *err is its error.
 */
struct rv sign_run(struct sign_plan *plan, struct module *m,
    unsigned long session, unsigned long handle,
    const struct key_permit *permit, uint8_t *raw, size_t *len, int *err);

/*
 * Makes the signature out of the token's answer: sig has plan->siglen bytes
 * at least. TOKEN_EDEVICE if the answer can be none.
 */
int sign_finish(const struct sign_plan *plan, const uint8_t *raw, size_t rawlen,
    uint8_t *sig, size_t *siglen);

size_t sign_hash_len(enum token_hash hash); /* 0 if none */

#endif
