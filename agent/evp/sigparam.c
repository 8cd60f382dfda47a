#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/proverr.h>
#include <openssl/rsa.h>

#include "agent/evp/internal.h"

#define MD_NAME_MAX 64

/* The hash that signs; what no signer has is refused by name. */
int
evpsig_set_hash(struct evpsig *c, const char *name)
{
	enum signer_hash hash = evp_hash(c->key->evp, name);

	if (hash == SIGNER_HASH_NONE)
		return evpkey_refuse(c->key, PROV_R_INVALID_DIGEST,
		    "cannot sign with %.32s; use SHA-1, SHA-256, SHA-384 or "
		    "SHA-512",
		    name);
	if (c->key->pss_hash != SIGNER_HASH_NONE && c->key->pss_hash != hash)
		return evpkey_refuse(c->key, PROV_R_DIGEST_NOT_ALLOWED,
		    "its certificate allows only another hash than %.32s",
		    name);
	/* The message may be half hashed by now. */
	if (c->whole && c->hash != SIGNER_HASH_NONE && c->hash != hash)
		return evpkey_refuse(c->key, PROV_R_DIGEST_NOT_ALLOWED,
		    "the hash of a signature under way cannot be changed to "
		    "%.32s",
		    name);
	c->hash = hash;
	return 1;
}

static int
set_padding(struct evpsig *c, const OSSL_PARAM *p)
{
	int padding = 0;

	if (!evpparam_padding(p, &padding) ||
	    (padding != RSA_PKCS1_PADDING && padding != RSA_PKCS1_PSS_PADDING))
		return evpkey_refuse(c->key,
		    PROV_R_ILLEGAL_OR_UNSUPPORTED_PADDING_MODE,
		    "RSA signs with PKCS#1 v1.5 or PSS padding only");
	if (c->key->kind == EVPKEY_RSA_PSS && padding != RSA_PKCS1_PSS_PADDING)
		return evpkey_refuse(c->key,
		    PROV_R_ILLEGAL_OR_UNSUPPORTED_PADDING_MODE,
		    "its certificate allows PSS padding only");
	c->scheme =
	    padding == RSA_PKCS1_PADDING ? SIGNER_RSA_PKCS1 : SIGNER_RSA_PSS;
	return 1;
}

static int
set_salt(struct evpsig *c, const OSSL_PARAM *p)
{
	if (c->scheme != SIGNER_RSA_PSS)
		return evpkey_refuse(c->key, PROV_R_NOT_SUPPORTED,
		    "a salt's length can be set for PSS padding only");
	if (!evpparam_salt(p, &c->salt))
		return evpkey_refuse(c->key, PROV_R_INVALID_SALT_LENGTH,
		    "the salt's length must be digest, max, auto or a number "
		    "of bytes");
	return 1;
}

static int
set_mgf1(struct evpsig *c, const OSSL_PARAM *p)
{
	char name[MD_NAME_MAX];

	if (c->scheme != SIGNER_RSA_PSS)
		return evpkey_refuse(c->key, PROV_R_INVALID_MGF1_MD,
		    "an MGF1 hash can be set for PSS padding only");
	if (!evpparam_text(p, name, sizeof(name)))
		return evpkey_refuse(c->key, PROV_R_INVALID_MGF1_MD,
		    "the name of the MGF1 hash is not a short text");
	/* Whether it equals the hash can only be said when both are known. */
	c->mgf1 = evp_hash(c->key->evp, name);
	if (c->mgf1 == SIGNER_HASH_NONE)
		return evpkey_refuse(c->key, PROV_R_INVALID_MGF1_MD,
		    "cannot use %.32s for MGF1; it must be the hash that signs",
		    name);
	return 1;
}

int
evpsig_set(void *vctx, const OSSL_PARAM params[])
{
	struct evpsig *c = vctx;
	const OSSL_PARAM *p;
	char name[MD_NAME_MAX];

	if (params == NULL)
		return 1;
	if (c->key == NULL)
		return evpkey_refuse(NULL, PROV_R_NO_KEY_SET,
		    "a signature has no settings before it has a key");
	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST);
	if (p != NULL && !evpparam_text(p, name, sizeof(name)))
		return evpkey_refuse(c->key, PROV_R_INVALID_DIGEST,
		    "the name of the hash is not a short text");
	if (p != NULL && !evpsig_set_hash(c, name))
		return 0;
	if (c->scheme == SIGNER_ECDSA)
		return 1;
	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	if (p != NULL && !set_padding(c, p))
		return 0;
	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);
	if (p != NULL && !set_salt(c, p))
		return 0;
	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST);
	return p == NULL || set_mgf1(c, p);
}

const OSSL_PARAM *
evpsig_settable(void *vctx, void *provctx)
{
	static const OSSL_PARAM table[] = {
	    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
	    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
	    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
	    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
	    OSSL_PARAM_END,
	};

	(void)vctx;
	(void)provctx;
	return table;
}

/* "max" and "auto" both fill the block, as OpenSSL does when it signs. */
int
evpsig_saltlen(const struct evpsig *c)
{
	int hashlen = (int)signer_hash_len(c->hash);
	int max = (int)(c->key->bits + 6) / 8 - hashlen - 2; /* RFC 8017, 9.1 */
	int salt = c->salt;

	if (salt == RSA_PSS_SALTLEN_DIGEST)
		salt = hashlen;
	else if (salt == RSA_PSS_SALTLEN_MAX || salt == RSA_PSS_SALTLEN_AUTO)
		salt = max;
	if (salt >= c->key->pss_salt && salt >= 0 && salt <= max)
		return salt;
	(void)evpkey_refuse(c->key, PROV_R_INVALID_SALT_LENGTH,
	    "a PSS salt of %d bytes does not do: the key takes %d to %d", salt,
	    c->key->pss_salt, max);
	return -1;
}

static int
put_hash(const struct evpsig *c, enum signer_hash hash, OSSL_PARAM *p)
{
	const EVP_MD *md = c->key->evp->md[hash];

	return OSSL_PARAM_set_utf8_string(
	    p, md != NULL ? EVP_MD_get0_name(md) : "");
}

int
evpsig_get(void *vctx, OSSL_PARAM params[])
{
	const struct evpsig *c = vctx;
	OSSL_PARAM *p;

	if (params == NULL)
		return 1;
	if (c->key == NULL)
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID);
	if (p != NULL && !evpsig_algid(c, p))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_DIGEST);
	if (p != NULL && !put_hash(c, c->hash, p))
		return 0;
	if (c->scheme != SIGNER_RSA_PKCS1 && c->scheme != SIGNER_RSA_PSS)
		return 1;
	p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	if (p != NULL && !evpparam_put_padding(p, c->scheme == SIGNER_RSA_PSS
						      ? RSA_PKCS1_PSS_PADDING
						      : RSA_PKCS1_PADDING))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);
	if (p != NULL && !evpparam_put_salt(p, c->salt))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST);
	return p == NULL ||
	       put_hash(c, c->mgf1 != SIGNER_HASH_NONE ? c->mgf1 : c->hash, p);
}

const OSSL_PARAM *
evpsig_gettable(void *vctx, void *provctx)
{
	static const OSSL_PARAM table[] = {
	    OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
	    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
	    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
	    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
	    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
	    OSSL_PARAM_END,
	};

	(void)vctx;
	(void)provctx;
	return table;
}
