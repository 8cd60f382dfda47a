#include "tests/unit/agent/evp_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

static const char *const types[RIG_TYPES] = {
    [RIG_RSA] = "rsa-2048",
    [RIG_P256] = "ec-p256",
    [RIG_P384] = "ec-p384",
    [RIG_ED25519] = "ed25519",
};

/* A key and certificate of id-RSASSA-PSS, which soft_signer_make() has not. */
static void
make_pss(struct rig *rig, struct rig_key *k)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *pctx;
	X509_NAME *name;
	unsigned char *der = NULL;
	const unsigned char *p;
	int len;

	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048), 1);
	assert_true(EVP_PKEY_CTX_set_rsa_pss_keygen_md(ctx, EVP_sha256()) > 0);
	assert_true(
	    EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md(ctx, EVP_sha256()) > 0);
	assert_true(EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(ctx, 32) > 0);
	assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
	EVP_PKEY_CTX_free(ctx);

	k->cert = X509_new();
	assert_int_equal(X509_set_version(k->cert, X509_VERSION_3), 1);
	assert_int_equal(
	    ASN1_INTEGER_set(X509_get_serialNumber(k->cert), 99), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(k->cert), -3600));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(k->cert), 86400));
	name = X509_get_subject_name(k->cert);
	assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
			     (const unsigned char *)"pss", -1, -1, 0),
	    1);
	assert_int_equal(X509_set_issuer_name(k->cert, name), 1);
	assert_int_equal(X509_set_pubkey(k->cert, key), 1);
	assert_int_equal(
	    EVP_DigestSignInit(md, &pctx, EVP_sha256(), NULL, key), 1);
	assert_true(X509_sign_ctx(k->cert, md) > 0);
	EVP_MD_CTX_free(md);
	len = i2d_X509(k->cert, &der);
	X509_free(k->cert);
	p = der;
	k->cert = d2i_X509(NULL, &p, len); /* without the private key */
	assert_non_null(k->cert);
	OPENSSL_free(der);
	soft_signer_add(rig->soft, key, k->cert, &k->id);
	EVP_PKEY_free(key);
}

int
rig_setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct signer_trouble why;

	assert_non_null(rig);
	rig->soft = soft_signer_new();
	soft_signer_signer(rig->soft, &rig->signer);
	assert_int_equal(evp_open(&rig->evp, &why), SIGNER_OK);
	for (int i = 0; i < RIG_TYPES; i++) {
		struct rig_key *k = &rig->keys[i];

		if (types[i] == NULL)
			make_pss(rig, k);
		else
			soft_signer_make(
			    rig->soft, types[i], types[i], &k->id, &k->cert);
		if (evp_key(rig->evp, &rig->signer, &k->id, k->cert, &k->key,
			&why) != SIGNER_OK)
			fail_msg("key %d: %s", i, why.text);
		k->pub = X509_get_pubkey(k->cert);
		assert_non_null(k->pub);
	}
	*state = rig;
	return 0;
}

int
rig_teardown(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < RIG_TYPES; i++) {
		EVP_PKEY_free(rig->keys[i].key);
		EVP_PKEY_free(rig->keys[i].pub);
		X509_free(rig->keys[i].cert);
	}
	evp_close(rig->evp);
	signer_close(&rig->signer);
	free(rig);
	return 0;
}

unsigned long
rig_signs(struct rig *rig)
{
	return soft_signer_counts(rig->soft).signs;
}

int
rig_set_text(EVP_PKEY_CTX *ctx, const char *name, const char *value)
{
	char copy[64];
	OSSL_PARAM params[2] = {OSSL_PARAM_END, OSSL_PARAM_END};

	(void)snprintf(copy, sizeof(copy), "%s", value);
	params[0] = OSSL_PARAM_construct_utf8_string(name, copy, 0);
	return EVP_PKEY_CTX_set_params(ctx, params);
}

bool
rig_verify(EVP_PKEY *pub, const char *md, const char *salt, const uint8_t *data,
    size_t len, const uint8_t *sig, size_t siglen)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;
	bool ok;

	ok =
	    EVP_DigestVerifyInit_ex(ctx, &pctx, md, NULL, NULL, pub, NULL) == 1;
	if (ok && salt != NULL)
		ok = EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) >
			 0 &&
		     rig_set_text(pctx, "saltlen", salt) > 0;
	ok = ok && EVP_DigestVerify(ctx, sig, siglen, data, len) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

EVP_MD_CTX *
rig_start(EVP_PKEY *key, const char *md, const char *salt)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;

	if (EVP_DigestSignInit_ex(ctx, &pctx, md, NULL, NULL, key, NULL) == 1 &&
	    (salt == NULL || (rig_set_text(pctx, "pad-mode", "pss") > 0 &&
				 rig_set_text(pctx, "saltlen", salt) > 0)))
		return ctx;
	EVP_MD_CTX_free(ctx);
	return NULL;
}
