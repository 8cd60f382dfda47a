#include "pkcs11/proof.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <p11-kit/pkcs11.h>

#include "pkcs11/sign.h"

#define CHALLENGE_LEN 32 /* as long as SHA-256: it passes for a digest */

static bool
verify_message(
    EVP_PKEY *key, const uint8_t *sig, size_t siglen, const uint8_t *message)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	ok = ctx != NULL &&
	     EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
	     EVP_DigestVerify(ctx, sig, siglen, message, CHALLENGE_LEN) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

static bool
verify_digest(EVP_PKEY *key, enum token_scheme scheme, const uint8_t *sig,
    size_t siglen, const uint8_t *digest)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	bool ok;

	ok = ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
	     (scheme != TOKEN_RSA_PSS || EVP_PKEY_CTX_set_rsa_padding(ctx,
					     RSA_PKCS1_PSS_PADDING) == 1) &&
	     EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 &&
	     EVP_PKEY_verify(ctx, sig, siglen, digest, CHALLENGE_LEN) == 1;
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static bool
verified(const struct cert *c, enum token_scheme scheme, const uint8_t *sig,
    size_t siglen, const uint8_t challenge[CHALLENGE_LEN])
{
	const uint8_t *der = c->der;
	X509 *x = d2i_X509(NULL, &der, (long)c->len);
	bool ok = false;

	if (x != NULL && scheme == TOKEN_EDDSA)
		ok =
		    verify_message(X509_get0_pubkey(x), sig, siglen, challenge);
	else if (x != NULL)
		ok = verify_digest(
		    X509_get0_pubkey(x), scheme, sig, siglen, challenge);
	X509_free(x);
	ERR_clear_error();
	return ok;
}

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
    const struct cert *c, bool *fits)
{
	uint8_t challenge[CHALLENGE_LEN], raw[SIGN_RAW_MAX];
	uint8_t sig[SIGN_RAW_MAX];
	struct key assumed = *k;
	struct sign_request req;
	struct sign_plan plan;
	const char *reason;
	size_t len = sizeof(raw), siglen;
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
	rv = sign_run(&plan, m, session, k->handle, raw, &len);
	if (rv_ok(rv) && sign_finish(&plan, raw, len, sig, &siglen) == TOKEN_OK)
		*fits = verified(c, req.scheme, sig, siglen, challenge);
	return rv;
}
