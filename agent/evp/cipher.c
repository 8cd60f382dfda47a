#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/proverr.h>
#include <openssl/rsa.h>

#include "agent/evp/internal.h"

#define MD_NAME_MAX 64

/* A decryption being made. */
struct cipher {
	struct evpkey *key; /* a reference; NULL before the first init */
	enum signer_scheme scheme;
	enum signer_hash hash; /* OAEP; NONE: OpenSSL's default, SHA-1 */
	enum signer_hash mgf1; /* OAEP; NONE: as hash */
};

static OSSL_FUNC_asym_cipher_newctx_fn make;
static OSSL_FUNC_asym_cipher_freectx_fn release;
static OSSL_FUNC_asym_cipher_dupctx_fn duplicate;
static OSSL_FUNC_asym_cipher_decrypt_init_fn init;
static OSSL_FUNC_asym_cipher_decrypt_fn decrypt;
static OSSL_FUNC_asym_cipher_set_ctx_params_fn set;
static OSSL_FUNC_asym_cipher_settable_ctx_params_fn settable;

static void *
make(void *provctx)
{
	(void)provctx;
	return calloc(1, sizeof(struct cipher));
}

static void
release(void *vctx)
{
	struct cipher *c = vctx;

	if (c == NULL)
		return;
	evpkey_free(c->key);
	free(c);
}

static void *
duplicate(void *vctx)
{
	const struct cipher *c = vctx;
	struct cipher *copy = malloc(sizeof(*copy));

	if (copy == NULL)
		return NULL;
	*copy = *c;
	if (copy->key != NULL)
		(void)evpkey_ref(copy->key);
	return copy;
}

static int
init(void *vctx, void *key, const OSSL_PARAM params[])
{
	struct cipher *c = vctx;
	const struct evpref *ref = key;

	evptrouble_clear();
	if (ref != NULL && ref->key != NULL) {
		struct evpkey *old = c->key;

		c->key = evpkey_ref(ref->key);
		evpkey_free(old);
		c->scheme = SIGNER_RSA_PKCS1;
		c->hash = SIGNER_HASH_NONE;
		c->mgf1 = SIGNER_HASH_NONE;
	}
	if (c->key == NULL)
		return evpkey_refuse(
		    NULL, PROV_R_NO_KEY_SET, "decryption needs a key");
	if (c->key->kind != EVPKEY_RSA)
		return evpkey_refuse(c->key, PROV_R_NOT_SUPPORTED,
		    "a key restricted to PSS does not decrypt");
	return set(c, params);
}

static int
set_padding(struct cipher *c, const OSSL_PARAM *p)
{
	int padding = 0;

	if (!evpparam_padding(p, &padding) ||
	    (padding != RSA_PKCS1_PADDING && padding != RSA_PKCS1_OAEP_PADDING))
		return evpkey_refuse(c->key,
		    PROV_R_ILLEGAL_OR_UNSUPPORTED_PADDING_MODE,
		    "RSA decrypts with PKCS#1 v1.5 or OAEP padding only");
	c->scheme =
	    padding == RSA_PKCS1_PADDING ? SIGNER_RSA_PKCS1 : SIGNER_RSA_OAEP;
	return 1;
}

static int
set_hash(const struct cipher *c, const OSSL_PARAM *p, enum signer_hash *hash)
{
	char name[MD_NAME_MAX];

	if (!evpparam_text(p, name, sizeof(name)))
		return evpkey_refuse(c->key, PROV_R_INVALID_DIGEST,
		    "the name of the OAEP hash is not a short text");
	*hash = evp_hash(c->key->evp, name);
	if (*hash == SIGNER_HASH_NONE)
		return evpkey_refuse(c->key, PROV_R_INVALID_DIGEST,
		    "cannot decrypt OAEP with %.32s; only SHA-1, SHA-256, "
		    "SHA-384 and SHA-512 are known",
		    name);
	return 1;
}

static int
set(void *vctx, const OSSL_PARAM params[])
{
	struct cipher *c = vctx;
	const OSSL_PARAM *p;

	if (params == NULL)
		return 1;
	if (c->key == NULL)
		return evpkey_refuse(NULL, PROV_R_NO_KEY_SET,
		    "a decryption has no settings before it has a key");
	p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_PAD_MODE);
	if (p != NULL && !set_padding(c, p))
		return 0;
	p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST);
	if (p != NULL && !set_hash(c, p, &c->hash))
		return 0;
	p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST);
	if (p != NULL && !set_hash(c, p, &c->mgf1))
		return 0;
	p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL);
	if (p != NULL && p->data_size != 0)
		return evpkey_refuse(c->key, PROV_R_NOT_SUPPORTED,
		    "OAEP with a label is not supported");
	return 1;
}

static const OSSL_PARAM *
settable(void *vctx, void *provctx)
{
	static const OSSL_PARAM table[] = {
	    OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),
	    OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, NULL, 0),
	    OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, NULL, 0),
	    OSSL_PARAM_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, NULL, 0),
	    OSSL_PARAM_END,
	};

	(void)vctx;
	(void)provctx;
	return table;
}

/*
 * What PKCS#1 v1.5 padding looked like is never told from here: the signer
 * answers bad padding with random bytes, and only its own failure is one.
 */
static int
decrypt(void *vctx, unsigned char *out, size_t *outlen, size_t room,
    const unsigned char *in, size_t inlen)
{
	const struct cipher *c = vctx;
	enum signer_hash hash = SIGNER_HASH_NONE;

	if (c->key == NULL)
		return 0;
	if (out == NULL) {
		*outlen = c->key->size;
		return 1;
	}
	if (c->scheme == SIGNER_RSA_OAEP) {
		hash = c->hash != SIGNER_HASH_NONE ? c->hash : SIGNER_SHA1;
		if (c->mgf1 != SIGNER_HASH_NONE && c->mgf1 != hash)
			return evpkey_refuse(c->key, PROV_R_INVALID_MGF1_MD,
			    "OAEP needs the same hash for the label and for "
			    "MGF1");
	}
	return evpkey_decrypt(
	    c->key, c->scheme, hash, in, inlen, out, outlen, room);
}

#define ROW(id, f)                                              \
	{                                                       \
		OSSL_FUNC_ASYM_CIPHER_##id, (void (*)(void))(f) \
	}

const OSSL_DISPATCH evpcipher_functions[] = {
    ROW(NEWCTX, make),
    ROW(FREECTX, release),
    ROW(DUPCTX, duplicate),
    ROW(DECRYPT_INIT, init),
    ROW(DECRYPT, decrypt),
    ROW(SET_CTX_PARAMS, set),
    ROW(SETTABLE_CTX_PARAMS, settable),
    {0, NULL},
};
