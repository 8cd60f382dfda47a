#include "agent/evp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/rsa.h>

#include "tests/unit/agent/evp_rig.h"

static const char text[] = "what is signed or sealed";

static BIO *
reader(const void *data, int len)
{
	BIO *bio = BIO_new_mem_buf(data, len);

	assert_non_null(bio);
	return bio;
}

/* Through DER and back, as it would travel. */
static CMS_ContentInfo *
travel(CMS_ContentInfo *cms)
{
	unsigned char *der = NULL;
	const unsigned char *p;
	int len = i2d_CMS_ContentInfo(cms, &der);

	assert_true(len > 0);
	p = der;
	CMS_ContentInfo_free(cms);
	cms = d2i_CMS_ContentInfo(NULL, &p, len);
	assert_non_null(cms);
	OPENSSL_free(der);
	return cms;
}

static int
verify(CMS_ContentInfo *cms)
{
	BIO *out = BIO_new(BIO_s_mem());
	int r = CMS_verify(
	    cms, NULL, NULL, NULL, out, CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY);

	BIO_free(out);
	return r;
}

static void
cms_signatures_verify_with_and_without_attributes(void **state)
{
	static const struct {
		enum rig_type type;
		const char *md;
		unsigned flags;
		bool pss;
	} cases[] = {
	    {RIG_RSA, "SHA1", 0, false},
	    {RIG_RSA, "SHA256", 0, false},
	    {RIG_RSA, "SHA256", CMS_NOATTR, false},
	    {RIG_RSA, "SHA512", 0, true},
	    {RIG_RSA, "SHA1", 0, true},
	    {RIG_RSA, "SHA256", CMS_NOATTR, true},
	    {RIG_RSA_PSS, "SHA256", 0, true},
	    {RIG_P256, "SHA256", 0, false},
	    {RIG_P256, "SHA256", CMS_NOATTR, false},
	    {RIG_P384, "SHA384", 0, false},
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig_key *k = &rig->keys[cases[i].type];
		unsigned flags =
		    cases[i].flags | CMS_BINARY | CMS_PARTIAL | CMS_KEY_PARAM;
		BIO *in = reader(text, sizeof(text));
		CMS_ContentInfo *cms =
		    CMS_sign(NULL, NULL, NULL, NULL, CMS_BINARY | CMS_PARTIAL);
		CMS_SignerInfo *si = CMS_add1_signer(cms, k->cert, k->key,
		    EVP_get_digestbyname(cases[i].md), flags);

		assert_non_null(si);
		if (cases[i].pss)
			assert_true(EVP_PKEY_CTX_set_rsa_padding(
					CMS_SignerInfo_get0_pkey_ctx(si),
					RSA_PKCS1_PSS_PADDING) > 0);
		if (CMS_final(cms, in, NULL, CMS_BINARY) != 1)
			fail_msg("case %zu: %s", i, evp_trouble()->text);
		assert_true(soft_signer_counts(rig->soft).digest);
		cms = travel(cms);
		if (verify(cms) != 1)
			fail_msg("case %zu does not verify", i);
		CMS_ContentInfo_free(cms);
		BIO_free(in);
	}
}

static void
cms_sign_takes_the_key_as_any_other(void **state)
{
	struct rig *rig = *state;
	struct rig_key *k = &rig->keys[RIG_RSA];
	BIO *in = reader(text, sizeof(text));
	CMS_ContentInfo *cms = CMS_sign(k->cert, k->key, NULL, in, CMS_BINARY);

	assert_non_null(cms);
	cms = travel(cms);
	assert_int_equal(verify(cms), 1);
	CMS_ContentInfo_free(cms);
	BIO_free(in);
}

static void
pkcs7_sign_takes_the_key_as_any_other(void **state)
{
	struct rig *rig = *state;
	struct rig_key *k = &rig->keys[RIG_RSA];
	BIO *in = reader(text, sizeof(text));
	PKCS7 *p7 = PKCS7_sign(k->cert, k->key, NULL, in, PKCS7_BINARY);
	unsigned char *der = NULL;
	const unsigned char *p;
	int len;

	assert_non_null(p7);
	len = i2d_PKCS7(p7, &der);
	PKCS7_free(p7);
	p = der;
	p7 = d2i_PKCS7(NULL, &p, len);
	OPENSSL_free(der);
	assert_int_equal(
	    PKCS7_verify(p7, NULL, NULL, NULL, NULL, PKCS7_NOVERIFY), 1);
	PKCS7_free(p7);
	BIO_free(in);
}

static void
a_certificate_request_is_signed(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < RIG_TYPES; i++) {
		struct rig_key *k = &rig->keys[i];
		X509_REQ *req = X509_REQ_new();

		assert_int_equal(X509_REQ_set_pubkey(req, k->pub), 1);
		assert_int_equal(X509_REQ_set_subject_name(
				     req, X509_get_subject_name(k->cert)),
		    1);
		if (X509_REQ_sign(req, k->key,
			i == RIG_ED25519 ? NULL : EVP_sha256()) <= 0)
			fail_msg("key %d: %s", i, evp_trouble()->text);
		assert_false(soft_signer_counts(rig->soft).digest);
		if (X509_REQ_verify(req, k->pub) != 1)
			fail_msg("key %d does not verify", i);
		X509_REQ_free(req);
	}
}

static void
a_certificate_request_is_signed_with_pss(void **state)
{
	static const int salts[] = {
	    RSA_PSS_SALTLEN_DIGEST, 20, RSA_PSS_SALTLEN_MAX, 0};
	struct rig *rig = *state;
	struct rig_key *k = &rig->keys[RIG_RSA];

	for (size_t i = 0; i < sizeof(salts) / sizeof(salts[0]); i++) {
		X509_REQ *req = X509_REQ_new();
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		EVP_PKEY_CTX *pctx;

		assert_int_equal(X509_REQ_set_pubkey(req, k->pub), 1);
		assert_int_equal(
		    EVP_DigestSignInit(ctx, &pctx, EVP_sha384(), NULL, k->key),
		    1);
		assert_true(EVP_PKEY_CTX_set_rsa_padding(
				pctx, RSA_PKCS1_PSS_PADDING) > 0);
		assert_true(
		    EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, salts[i]) > 0);
		assert_true(X509_REQ_sign_ctx(req, ctx) > 0);
		assert_int_equal(X509_REQ_verify(req, k->pub), 1);
		EVP_MD_CTX_free(ctx);
		X509_REQ_free(req);
	}
}

/* Encrypts the text for the certificate; hash NULL means PKCS#1 v1.5. */
static CMS_ContentInfo *
seal(X509 *cert, const EVP_CIPHER *cipher, const EVP_MD *hash)
{
	BIO *in = reader(text, sizeof(text));
	CMS_ContentInfo *cms =
	    CMS_encrypt(NULL, NULL, cipher, CMS_BINARY | CMS_PARTIAL);
	CMS_RecipientInfo *ri = CMS_add1_recipient_cert(
	    cms, cert, CMS_KEY_PARAM | CMS_BINARY | CMS_PARTIAL);
	EVP_PKEY_CTX *ctx;

	assert_non_null(ri);
	ctx = CMS_RecipientInfo_get0_pkey_ctx(ri);
	if (hash != NULL) {
		assert_true(EVP_PKEY_CTX_set_rsa_padding(
				ctx, RSA_PKCS1_OAEP_PADDING) > 0);
		assert_true(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, hash) > 0);
		assert_true(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, hash) > 0);
	}
	assert_int_equal(CMS_final(cms, in, NULL, CMS_BINARY), 1);
	BIO_free(in);
	return travel(cms);
}

/* Whether the text comes out again. */
static bool
opens(CMS_ContentInfo *cms, EVP_PKEY *key, X509 *cert)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *data = NULL;
	bool ok;

	ok = CMS_decrypt(cms, key, cert, NULL, out, CMS_BINARY) == 1 &&
	     BIO_get_mem_data(out, &data) == (long)sizeof(text) &&
	     memcmp(data, text, sizeof(text)) == 0;
	BIO_free(out);
	return ok;
}

static const struct {
	const char *cipher;
	const char *hash; /* OAEP */
	enum signer_hash want;
} seals[] = {
    {"DES-EDE3-CBC", NULL, SIGNER_HASH_NONE},
    {"AES-256-CBC", NULL, SIGNER_HASH_NONE},
    {"AES-256-CBC", "SHA1", SIGNER_SHA1},
    {"AES-256-CBC", "SHA256", SIGNER_SHA256},
    {"AES-128-CBC", "SHA512", SIGNER_SHA512},
};
#define SEALS (sizeof(seals) / sizeof(seals[0]))

static CMS_ContentInfo *
seal_row(size_t i, X509 *cert)
{
	return seal(cert, EVP_get_cipherbyname(seals[i].cipher),
	    seals[i].hash == NULL ? NULL : EVP_get_digestbyname(seals[i].hash));
}

static void
an_envelope_is_opened_with_and_without_its_certificate(void **state)
{
	struct rig *rig = *state;
	struct rig_key *k = &rig->keys[RIG_RSA];

	for (size_t i = 0; i < SEALS; i++) {
		CMS_ContentInfo *cms = seal_row(i, k->cert);
		unsigned long before = soft_signer_counts(rig->soft).decrypts;

		if (!opens(cms, k->key, k->cert))
			fail_msg("row %zu: %s", i, evp_trouble()->text);
		assert_int_equal(
		    soft_signer_counts(rig->soft).decrypts, before + 1);
		assert_int_equal(soft_signer_counts(rig->soft).scheme,
		    seals[i].hash == NULL ? SIGNER_RSA_PKCS1 : SIGNER_RSA_OAEP);
		assert_int_equal(
		    soft_signer_counts(rig->soft).hash, seals[i].want);
		assert_true(opens(cms, k->key, NULL));
		CMS_ContentInfo_free(cms);
	}
}

static void
an_envelope_for_someone_else_stays_shut(void **state)
{
	struct rig *rig = *state;
	struct signer_identity id;
	EVP_PKEY *key;
	X509 *cert;

	soft_signer_make(rig->soft, "rsa-2048", "someone else", &id, &cert);
	assert_int_equal(
	    evp_key(rig->evp, &rig->signer, &id, cert, &key, NULL), SIGNER_OK);
	for (size_t i = 0; i < SEALS; i++) {
		CMS_ContentInfo *cms = seal_row(i, rig->keys[RIG_RSA].cert);

		assert_false(opens(cms, key, NULL));
		assert_false(opens(cms, key, cert));
		assert_false(opens(cms, rig->keys[RIG_P256].key, NULL));
		CMS_ContentInfo_free(cms);
	}
	EVP_PKEY_free(key);
	X509_free(cert);
	ERR_clear_error();
}

static void
a_failing_signer_opens_nothing_and_is_quoted(void **state)
{
	struct rig *rig = *state;
	struct rig_key *k = &rig->keys[RIG_RSA];

	for (size_t i = 0; i < SEALS; i++) {
		CMS_ContentInfo *cms = seal_row(i, k->cert);

		soft_signer_fail(rig->soft, SIGNER_EABSENT, 1);
		assert_false(opens(cms, k->key, k->cert));
		assert_non_null(strstr(evp_trouble()->text, "absent"));
		assert_true(opens(cms, k->key, k->cert));
		assert_string_equal(evp_trouble()->text, "");
		CMS_ContentInfo_free(cms);
	}
	ERR_clear_error();
}

static EVP_PKEY_CTX *
start(EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);

	assert_non_null(ctx);
	assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
	return ctx;
}

static void
a_ciphertext_of_the_wrong_length_never_reaches_the_signer(void **state)
{
	struct rig *rig = *state;
	EVP_PKEY_CTX *ctx = start(rig->keys[RIG_RSA].key);
	unsigned long before = soft_signer_counts(rig->soft).decrypts;
	uint8_t in[257] = {0}, out[257];
	size_t len = 0;

	assert_int_equal(EVP_PKEY_decrypt(ctx, NULL, &len, in, 256), 1);
	assert_int_equal(len, 256);
	for (size_t n = 0; n <= sizeof(in); n++) {
		if (n == 256)
			continue;
		len = sizeof(out);
		assert_int_not_equal(
		    EVP_PKEY_decrypt(ctx, out, &len, in, n), 1);
	}
	len = 255;
	assert_int_not_equal(EVP_PKEY_decrypt(ctx, out, &len, in, 256), 1);
	assert_non_null(strstr(evp_trouble()->text, "room"));
	assert_int_equal(soft_signer_counts(rig->soft).decrypts, before);
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
}

static void
bad_padding_looks_like_good_padding(void **state)
{
	struct rig *rig = *state;
	EVP_PKEY_CTX *ctx = start(rig->keys[RIG_RSA].key);
	uint8_t in[256] = {0}, out[2][256];
	size_t len[2] = {256, 256};

	ERR_clear_error();
	in[255] = 2;
	assert_int_equal(EVP_PKEY_decrypt(ctx, out[0], &len[0], in, 256), 1);
	assert_int_equal(EVP_PKEY_decrypt(ctx, out[1], &len[1], in, 256), 1);
	assert_int_equal(ERR_peek_error(), 0);
	assert_string_equal(evp_trouble()->text, "");
	assert_int_equal(len[0], len[1]);
	assert_memory_equal(out[0], out[1], len[0]);
	EVP_PKEY_CTX_free(ctx);
}

static void
what_no_signer_decrypts_is_refused_before_it_is_asked(void **state)
{
	struct rig *rig = *state;
	EVP_PKEY_CTX *ctx = start(rig->keys[RIG_RSA].key);
	EVP_PKEY_CTX *copy;
	unsigned long before = soft_signer_counts(rig->soft).decrypts;
	uint8_t data[256] = {1};
	size_t len = sizeof(data);
	char *label = OPENSSL_strdup("label");

	assert_true(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) <= 0);
	assert_true(
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) <= 0);
	assert_true(
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_WITH_TLS_PADDING) <= 0);
	assert_true(
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0);
	assert_true(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha224()) <= 0);
	assert_string_not_equal(evp_trouble()->text, "");
	assert_true(EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label, 5) <= 0);
	OPENSSL_free(label); /* not taken over */
	assert_true(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) > 0);
	assert_true(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha1()) > 0);
	copy = EVP_PKEY_CTX_dup(ctx);
	assert_non_null(copy);
	assert_int_not_equal(EVP_PKEY_decrypt(copy, data, &len, data, 256), 1);
	assert_non_null(strstr(evp_trouble()->text, "MGF1"));
	EVP_PKEY_CTX_free(copy);
	EVP_PKEY_CTX_free(ctx);
	for (int i = RIG_RSA_PSS; i < RIG_TYPES; i++) {
		ctx = EVP_PKEY_CTX_new(rig->keys[i].key, NULL);
		assert_true(EVP_PKEY_decrypt_init(ctx) <= 0);
		EVP_PKEY_CTX_free(ctx);
	}
	assert_int_equal(soft_signer_counts(rig->soft).decrypts, before);
	ERR_clear_error();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		what_no_signer_decrypts_is_refused_before_it_is_asked),
	    cmocka_unit_test(
		a_ciphertext_of_the_wrong_length_never_reaches_the_signer),
	    cmocka_unit_test(bad_padding_looks_like_good_padding),
	    cmocka_unit_test(cms_signatures_verify_with_and_without_attributes),
	    cmocka_unit_test(cms_sign_takes_the_key_as_any_other),
	    cmocka_unit_test(pkcs7_sign_takes_the_key_as_any_other),
	    cmocka_unit_test(a_certificate_request_is_signed),
	    cmocka_unit_test(a_certificate_request_is_signed_with_pss),
	    cmocka_unit_test(
		an_envelope_is_opened_with_and_without_its_certificate),
	    cmocka_unit_test(an_envelope_for_someone_else_stays_shut),
	    cmocka_unit_test(a_failing_signer_opens_nothing_and_is_quoted),
	};

	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
