#include "pkcs11/proof.h"

#include <openssl/rand.h>
#include <p11-kit/pkcs11.h>

#include "pkcs11/sign.h"

#define CHALLENGE_LEN 32 /* as long as SHA-256: it passes for a digest */

/* A scheme that the key may sign with. */
static enum token_scheme
scheme_of(const struct key *k)
{
	switch (k->pub.type) {
	case TOKEN_RSA:
		return (k->mechs & TOKEN_MECH(TOKEN_RSA_PKCS1)) != 0
			   ? TOKEN_RSA_PKCS1
			   : TOKEN_RSA_PSS;
	case TOKEN_EC:
		return TOKEN_ECDSA;
	case TOKEN_ED25519:
		return TOKEN_EDDSA;
	}
	return TOKEN_ECDSA;
}

struct rv
proof_sign(struct module *m, unsigned long session, const struct key *k,
    struct cert *c, bool *fits)
{
	uint8_t challenge[CHALLENGE_LEN], raw[SIGN_RAW_MAX];
	uint8_t sig[SIGN_RAW_MAX];
	struct key assumed = *k;
	struct sign_request req;
	struct sign_plan plan;
	const char *reason;
	size_t len = sizeof(raw), siglen;
	int err;
	struct rv rv = {CKR_OK, "C_Sign"};

	*fits = false;
	assumed.pub = c->pub;
	req.scheme = scheme_of(k);
	req.hash = req.scheme == TOKEN_EDDSA ? TOKEN_HASH_NONE : TOKEN_SHA256;
	req.saltlen = req.scheme == TOKEN_RSA_PSS ? CHALLENGE_LEN : 0;
	req.digest = challenge;
	req.len = sizeof(challenge);
	if (RAND_bytes(challenge, sizeof(challenge)) != 1 ||
	    sign_prepare(&plan, &assumed, &req, &reason) != TOKEN_OK)
		return rv;
	rv = sign_run(&plan, m, session, k->handle, NULL, raw, &len, &err);
	if (rv_ok(rv) &&
	    sign_finish(&plan, raw, len, sig, &siglen) == TOKEN_OK &&
	    cert_arm(c) == 0)
		*fits = cert_verify(c, req.scheme, req.hash, req.saltlen,
		    challenge, sizeof(challenge), sig, siglen);
	return rv;
}
