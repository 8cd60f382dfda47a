#include "pkcs11/provision/hand.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "pkcs11/sign.h"
#include "pkcs11/trouble.h"

static const EVP_MD *
md(enum token_hash hash)
{
	switch (hash) {
	case TOKEN_SHA1:
		return EVP_sha1();
	case TOKEN_SHA256:
		return EVP_sha256();
	case TOKEN_SHA384:
		return EVP_sha384();
	case TOKEN_SHA512:
		return EVP_sha512();
	case TOKEN_HASH_NONE:
		break;
	}
	return NULL;
}

/* By C_SignInit and C_Sign, in our own session. */
static int
direct(struct desk *d, const struct pair *p, enum token_hash hash,
    const uint8_t *message, size_t messagelen, uint8_t *sig, size_t *len,
    struct token_trouble *why)
{
	uint8_t digest[EVP_MAX_MD_SIZE], raw[SIGN_RAW_MAX];
	struct sign_request req = {.hash = hash, .digest = digest};
	const char *reason, *name = desk_slot(d)->name;
	size_t rawlen = sizeof(raw);
	struct sign_plan plan;
	unsigned n = 0;
	struct rv rv;
	int r, err;

	req.scheme =
	    p->key.pub.type == TOKEN_RSA ? TOKEN_RSA_PKCS1 : TOKEN_ECDSA;
	if (EVP_Digest(message, messagelen, digest, &n, md(hash), NULL) != 1)
		return trouble_say(why, TOKEN_EMECH, false,
		    "OpenSSL refuses this hash; choose another");
	req.len = n;
	r = sign_prepare(&plan, &p->key, &req, &reason);
	if (r != TOKEN_OK)
		return trouble_say(
		    why, r, false, "%s: cannot sign: %s", name, reason);
	rv = sign_run(&plan, desk_module(d), desk_session(d), p->key.handle,
	    NULL, raw, &rawlen, &err);
	if (!rv_ok(rv))
		return trouble_rv(why, name, "cannot sign", rv);
	if (sign_finish(&plan, raw, rawlen, sig, len) == TOKEN_OK)
		return TOKEN_OK;
	return trouble_say(why, TOKEN_EDEVICE, false,
	    "%s: returned what can be no signature; ask its vendor", name);
}

static bool
verified(const struct pair *p, enum token_hash hash, const uint8_t *message,
    size_t messagelen, const uint8_t *sig, size_t len)
{
	const uint8_t *at = p->spki;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)p->spkilen);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	ok = key != NULL && ctx != NULL &&
	     EVP_DigestVerifyInit(ctx, NULL, md(hash), NULL, key) == 1 &&
	     EVP_DigestVerify(ctx, sig, len, message, messagelen) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return ok;
}

int
hand_able(struct desk *d, const struct pair *p, struct token_trouble *why)
{
	char name[PAIR_NAME_MAX];

	pair_name(p, name);
	if (p->key.always)
		return trouble_say(why, TOKEN_EMECH, false,
		    "%s: %s must be given its PIN for each use, which is not "
		    "supported; use a key without CKA_ALWAYS_AUTHENTICATE",
		    desk_slot(d)->name, name);
	if (p->spkilen == 0)
		return trouble_say(why, TOKEN_EMECH, false,
		    "%s: the public part of %s cannot be read; store its "
		    "public key object with the same id",
		    desk_slot(d)->name, name);
	if (p->key.pub.type == TOKEN_RSA || p->key.pub.type == TOKEN_EC)
		return TOKEN_OK;
	return trouble_say(why, TOKEN_EMECH, false,
	    "%s: %s is neither RSA nor ECDSA; choose another key",
	    desk_slot(d)->name, name);
}

int
hand_sign(struct desk *d, const struct pair *p, enum token_hash hash,
    const uint8_t *message, size_t messagelen, uint8_t sig[HAND_SIG_MAX],
    size_t *len, struct token_trouble *why)
{
	int r;

	*len = HAND_SIG_MAX;
	r = pen_sign(desk_pen(d), p->spki, p->spkilen, hash, message,
	    messagelen, sig, len, why);
	if (r == PEN_BLIND) {
		*len = HAND_SIG_MAX;
		r = direct(d, p, hash, message, messagelen, sig, len, why);
	}
	if (r == TOKEN_OK && !verified(p, hash, message, messagelen, sig, *len))
		r = trouble_say(why, TOKEN_EDEVICE, false,
		    "%s: made a signature that its own public key does not "
		    "verify; nothing was made of it",
		    desk_slot(d)->name);
	if (r != TOKEN_OK)
		*len = 0;
	return r;
}
