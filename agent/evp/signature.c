#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/proverr.h>
#include <openssl/rsa.h>

#include "agent/evp/internal.h"

static OSSL_FUNC_signature_newctx_fn make;
static OSSL_FUNC_signature_freectx_fn release;
static OSSL_FUNC_signature_dupctx_fn duplicate;
static OSSL_FUNC_signature_sign_init_fn sign_init;
static OSSL_FUNC_signature_sign_fn sign;
static OSSL_FUNC_signature_digest_sign_init_fn digest_init, ed25519_init;
static OSSL_FUNC_signature_digest_sign_update_fn digest_update;
static OSSL_FUNC_signature_digest_sign_final_fn digest_final;
static OSSL_FUNC_signature_digest_sign_fn digest_sign, ed25519_sign;

static void *
make(void *provctx, const char *propq)
{
	(void)provctx;
	(void)propq;
	return calloc(1, sizeof(struct evpsig));
}

static void
release(void *vctx)
{
	struct evpsig *c = vctx;

	if (c == NULL)
		return;
	EVP_MD_CTX_free(c->running);
	evpkey_free(c->key);
	free(c);
}

/* EVP_DigestSignFinal() signs on a copy, so that updates may go on. */
static void *
duplicate(void *vctx)
{
	const struct evpsig *c = vctx;
	struct evpsig *copy = malloc(sizeof(*copy));

	if (copy == NULL)
		return NULL;
	*copy = *c;
	copy->running = NULL;
	if (copy->key != NULL)
		(void)evpkey_ref(copy->key);
	if (c->running == NULL)
		return copy;
	copy->running = EVP_MD_CTX_new();
	if (copy->running != NULL &&
	    EVP_MD_CTX_copy_ex(copy->running, c->running) == 1)
		return copy;
	release(copy);
	return NULL;
}

/* A new key brings its own defaults; without one, the old settings stay. */
static void
adopt(struct evpsig *c, struct evpkey *key)
{
	(void)evpkey_ref(key);
	evpkey_free(c->key);
	c->key = key;
	c->hash = key->pss_hash;
	c->mgf1 = SIGNER_HASH_NONE;
	/*
	 * OpenSSL's default is the longest salt; ours is as long as the hash,
	 * which is what tokens can do (FIPS 186-4, 5.5 allows no longer).
	 */
	c->salt = key->pss_hash != SIGNER_HASH_NONE ? key->pss_salt
						    : RSA_PSS_SALTLEN_DIGEST;
	switch (key->kind) {
	case EVPKEY_RSA:
		c->scheme = SIGNER_RSA_PKCS1;
		break;
	case EVPKEY_RSA_PSS:
		c->scheme = SIGNER_RSA_PSS;
		break;
	case EVPKEY_EC:
		c->scheme = SIGNER_ECDSA;
		break;
	case EVPKEY_ED25519:
		c->scheme = SIGNER_EDDSA;
		break;
	}
}

/* Starts over, with another key if there is one; never asks the signer. */
static int
begin(struct evpsig *c, const struct evpref *ref)
{
	evptrouble_clear();
	EVP_MD_CTX_free(c->running);
	c->running = NULL;
	c->spent = false;
	c->whole = false;
	if (ref != NULL && ref->key != NULL)
		adopt(c, ref->key);
	if (c->key == NULL)
		return evpkey_refuse(
		    NULL, PROV_R_NO_KEY_SET, "a signature needs a key");
	return 1;
}

static int
sign_init(void *vctx, void *key, const OSSL_PARAM params[])
{
	return begin(vctx, key) && evpsig_set(vctx, params);
}

static int
digest_init(void *vctx, const char *name, void *key, const OSSL_PARAM params[])
{
	struct evpsig *c = vctx;

	if (!begin(c, key))
		return 0;
	if (name != NULL && name[0] != '\0' && !evpsig_set_hash(c, name))
		return 0;
	if (c->hash == SIGNER_HASH_NONE)
		c->hash = SIGNER_SHA256;
	c->whole = true;
	return evpsig_set(c, params);
}

static int
ed25519_init(void *vctx, const char *name, void *key, const OSSL_PARAM params[])
{
	struct evpsig *c = vctx;

	(void)params;
	if (!begin(c, key))
		return 0;
	if (name != NULL && name[0] != '\0')
		return evpkey_refuse(c->key, PROV_R_INVALID_DIGEST,
		    "Ed25519 takes no hash, so not %.32s either", name);
	c->whole = true;
	return 1;
}

/* The answer to how long a signature may be: not the signer's business. */
static int
measure(const struct evpsig *c, size_t *siglen)
{
	if (c->key == NULL)
		return 0;
	*siglen = c->key->size;
	return 1;
}

/* Asks the signer, with all settings resolved. */
static int
ask(const struct evpsig *c, bool digest, const uint8_t *data, size_t len,
    uint8_t *sig, size_t *siglen, size_t room)
{
	struct signer_sign what;
	int salt = 0;

	if (c->scheme == SIGNER_RSA_PSS) {
		if (c->mgf1 != SIGNER_HASH_NONE && c->mgf1 != c->hash)
			return evpkey_refuse(c->key, PROV_R_INVALID_MGF1_MD,
			    "PSS needs the same hash for the message and for "
			    "MGF1");
		salt = evpsig_saltlen(c);
		if (salt < 0)
			return 0;
	}
	memset(&what, 0, sizeof(what));
	what.scheme = c->scheme;
	what.hash = c->hash;
	what.digest = digest;
	what.saltlen = (uint16_t)salt;
	what.data = data;
	what.len = len;
	return evpkey_sign(c->key, &what, sig, siglen, room);
}

/* ECDSA signs what it is given; its length tells the hash well enough. */
static enum signer_hash
guess(size_t len)
{
	for (int i = SIGNER_SHA1; i < EVPMD_COUNT; i++)
		if (signer_hash_len((enum signer_hash)i) == len)
			return (enum signer_hash)i;
	return SIGNER_HASH_NONE;
}

/* EVP_PKEY_sign(): a digest, whose hash was set. */
static int
sign(void *vctx, unsigned char *sig, size_t *siglen, size_t room,
    const unsigned char *tbs, size_t tbslen)
{
	struct evpsig c = *(struct evpsig *)vctx; /* borrows, and may guess */

	if (sig == NULL || c.key == NULL)
		return measure(&c, siglen);
	if (c.hash == SIGNER_HASH_NONE && c.scheme == SIGNER_ECDSA)
		c.hash = guess(tbslen);
	if (c.hash == SIGNER_HASH_NONE)
		return evpkey_refuse(c.key, PROV_R_INVALID_DIGEST,
		    "a digest cannot be signed before its hash is set to "
		    "SHA-1, SHA-256, SHA-384 or SHA-512");
	if (tbslen != signer_hash_len(c.hash))
		return evpkey_refuse(c.key, PROV_R_INVALID_DIGEST_LENGTH,
		    "a digest of %zu bytes is not of the hash that was set",
		    tbslen);
	return ask(&c, true, tbs, tbslen, sig, siglen, room);
}

static int
digest_update(void *vctx, const unsigned char *data, size_t len)
{
	struct evpsig *c = vctx;

	if (c->key == NULL || !c->whole || c->spent)
		return evpkey_refuse(c->key, PROV_R_NO_KEY_SET,
		    "a message can be added only between the start of a "
		    "signature and its end");
	if (c->running == NULL) {
		c->running = EVP_MD_CTX_new();
		if (c->running == NULL ||
		    EVP_DigestInit_ex2(
			c->running, c->key->evp->md[c->hash], NULL) != 1)
			return 0;
	}
	return EVP_DigestUpdate(c->running, data, len);
}

static int
digest_final(void *vctx, unsigned char *sig, size_t *siglen, size_t room)
{
	struct evpsig *c = vctx;
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (sig == NULL || c->key == NULL)
		return measure(c, siglen);
	/* A message may be empty. */
	if (c->running == NULL && !digest_update(c, NULL, 0))
		return 0;
	c->spent = true;
	if (EVP_DigestFinal_ex(c->running, digest, &len) != 1)
		return 0;
	return ask(c, true, digest, len, sig, siglen, room);
}

/* The message in one piece: the signer sees it, unless it is too long. */
static int
digest_sign(void *vctx, unsigned char *sig, size_t *siglen, size_t room,
    const unsigned char *tbs, size_t tbslen)
{
	struct evpsig *c = vctx;

	if (sig == NULL || c->key == NULL)
		return measure(c, siglen);
	if (c->running == NULL && !c->spent && tbslen <= SIGNER_TBS_MAX)
		return ask(c, false, tbs, tbslen, sig, siglen, room);
	return digest_update(c, tbs, tbslen) &&
	       digest_final(c, sig, siglen, room);
}

static int
ed25519_sign(void *vctx, unsigned char *sig, size_t *siglen, size_t room,
    const unsigned char *tbs, size_t tbslen)
{
	const struct evpsig *c = vctx;

	if (sig == NULL || c->key == NULL)
		return measure(c, siglen);
	if (tbslen > SIGNER_TBS_MAX)
		return evpkey_refuse(c->key, PROV_R_BAD_LENGTH,
		    "Ed25519 signs a message of up to %d bytes here, not %zu",
		    SIGNER_TBS_MAX, tbslen);
	return ask(c, false, tbs, tbslen, sig, siglen, room);
}

#define ROW(id, f)                                            \
	{                                                     \
		OSSL_FUNC_SIGNATURE_##id, (void (*)(void))(f) \
	}

const OSSL_DISPATCH evpsig_functions[] = {
    ROW(NEWCTX, make),
    ROW(FREECTX, release),
    ROW(DUPCTX, duplicate),
    ROW(SIGN_INIT, sign_init),
    ROW(SIGN, sign),
    ROW(DIGEST_SIGN_INIT, digest_init),
    ROW(DIGEST_SIGN_UPDATE, digest_update),
    ROW(DIGEST_SIGN_FINAL, digest_final),
    ROW(DIGEST_SIGN, digest_sign),
    ROW(SET_CTX_PARAMS, evpsig_set),
    ROW(SETTABLE_CTX_PARAMS, evpsig_settable),
    ROW(GET_CTX_PARAMS, evpsig_get),
    ROW(GETTABLE_CTX_PARAMS, evpsig_gettable),
    {0, NULL},
};

const OSSL_DISPATCH evpsig_ed25519_functions[] = {
    ROW(NEWCTX, make),
    ROW(FREECTX, release),
    ROW(DUPCTX, duplicate),
    ROW(DIGEST_SIGN_INIT, ed25519_init),
    ROW(DIGEST_SIGN, ed25519_sign),
    ROW(GET_CTX_PARAMS, evpsig_get),
    ROW(GETTABLE_CTX_PARAMS, evpsig_gettable),
    {0, NULL},
};
