#include "pkcs11/provision/paper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static EVP_PKEY *rsa, *ec;

static int
make_keys(void **state)
{
	(void)state;
	rsa = EVP_RSA_gen(2048);
	ec = EVP_EC_gen("P-384");
	return rsa == NULL || ec == NULL;
}

static int
free_keys(void **state)
{
	(void)state;
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
	return 0;
}

static struct paper_key
key_of(EVP_PKEY *key, uint8_t spki[1024])
{
	struct paper_key k = {.spki = spki};
	uint8_t *at = spki;

	k.type = key == rsa ? TOKEN_RSA : TOKEN_EC;
	k.bits = (uint32_t)EVP_PKEY_get_bits(key);
	k.spkilen = (size_t)i2d_PUBKEY(key, &at);
	return k;
}

/* Signs as a token would; the whole paper. */
static size_t
complete(const struct paper *p, EVP_PKEY *key, uint8_t *der)
{
	const EVP_MD *md = p->hash == TOKEN_SHA1     ? EVP_sha1()
			   : p->hash == TOKEN_SHA256 ? EVP_sha256()
						     : EVP_sha384();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct token_trouble why;
	uint8_t sig[1024];
	size_t siglen = sizeof(sig), len;

	assert_int_equal(EVP_DigestSignInit(ctx, NULL, md, NULL, key), 1);
	assert_int_equal(
	    EVP_DigestSign(ctx, sig, &siglen, p->tbs, p->tbslen), 1);
	EVP_MD_CTX_free(ctx);
	assert_int_equal(paper_join(p, sig, siglen, der, &len, &why), TOKEN_OK);
	return len;
}

static void
a_certificate_has_the_shape_that_clients_have(void **state)
{
	static const enum token_hash hashes[] = {TOKEN_SHA256, TOKEN_SHA1};
	uint8_t spki[1024], der[PROVISION_DER_MAX];
	struct paper_key key = key_of(rsa, spki);
	struct provision_wish wish = {"CN=ConfigMgr Client", 10, 0};
	struct token_trouble why;
	const uint8_t *at;
	struct paper p;
	int days, seconds;
	size_t len;
	X509 *x;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		wish.hash = hashes[i];
		assert_int_equal(
		    paper_certificate(&p, &key, &wish, &why), TOKEN_OK);
		len = complete(&p, rsa, der);
		at = der;
		x = d2i_X509(NULL, &at, (long)len);
		assert_non_null(x);
		assert_ptr_equal(at, der + len);
		assert_int_equal(X509_verify(x, rsa), 1);
		assert_int_equal(X509_get_signature_nid(x),
		    i == 0 ? NID_sha256WithRSAEncryption
			   : NID_sha1WithRSAEncryption);
		assert_int_equal(X509_get_version(x), X509_VERSION_3);
		assert_int_equal(X509_NAME_cmp(X509_get_subject_name(x),
				     X509_get_issuer_name(x)),
		    0);
		assert_int_equal(X509_get_key_usage(x),
		    KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT |
			KU_DATA_ENCIPHERMENT);
		assert_non_null(X509_get0_subject_key_id(x));
		assert_int_equal(
		    ASN1_STRING_length(X509_get0_serialNumber(x)), 20);
		assert_int_equal(
		    ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(x),
			X509_get0_notAfter(x)),
		    1);
		assert_int_equal(days, 10);
		assert_in_range(seconds, 3600, 3610);
		X509_free(x);
	}
}

static void
both_uses_of_the_site_are_named(void **state)
{
	uint8_t spki[1024], der[PROVISION_DER_MAX];
	struct paper_key key = key_of(rsa, spki);
	struct provision_wish wish = {"CN=x", 1, TOKEN_SHA256};
	struct token_trouble why;
	const uint8_t *at = der;
	EXTENDED_KEY_USAGE *uses;
	char oid[64];
	struct paper p;
	X509 *x;

	(void)state;
	assert_int_equal(paper_certificate(&p, &key, &wish, &why), TOKEN_OK);
	x = d2i_X509(NULL, &at, (long)complete(&p, rsa, der));
	uses = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
	assert_int_equal(sk_ASN1_OBJECT_num(uses), 2);
	OBJ_obj2txt(oid, sizeof(oid), sk_ASN1_OBJECT_value(uses, 0), 1);
	assert_string_equal(oid, "1.3.6.1.4.1.311.101.2");
	OBJ_obj2txt(oid, sizeof(oid), sk_ASN1_OBJECT_value(uses, 1), 1);
	assert_string_equal(oid, "1.3.6.1.4.1.311.101");
	EXTENDED_KEY_USAGE_free(uses);
	X509_free(x);
}

static void
two_certificates_never_share_a_serial_number(void **state)
{
	uint8_t spki[1024];
	struct paper_key key = key_of(rsa, spki);
	struct provision_wish wish = {"CN=x", 1, TOKEN_SHA256};
	struct token_trouble why;
	struct paper a, b;

	(void)state;
	assert_int_equal(paper_certificate(&a, &key, &wish, &why), TOKEN_OK);
	assert_int_equal(paper_certificate(&b, &key, &wish, &why), TOKEN_OK);
	assert_int_equal(a.tbslen, b.tbslen);
	assert_memory_not_equal(a.tbs, b.tbs, a.tbslen);
}

static void
a_request_asks_for_what_it_was_told(void **state)
{
	static const char *const names[] = {"DNS:pc7.example", "IP:10.0.0.1",
	    "ip:::1", "email:a@b.example", "URI:https://pc7/x"};
	EVP_PKEY *keys[] = {rsa, ec};
	uint8_t spki[1024], der[PROVISION_DER_MAX];
	struct token_trouble why;
	STACK_OF(X509_EXTENSION) * list;
	GENERAL_NAMES *sans;
	struct paper p;
	X509_REQ *req;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct paper_key key = key_of(keys[i], spki);
		const uint8_t *at = der;

		assert_int_equal(
		    paper_request(&p, &key, "CN=pc7,C=DE", names, 5, &why),
		    TOKEN_OK);
		assert_int_equal(p.hash, i == 0 ? TOKEN_SHA256 : TOKEN_SHA384);
		req = d2i_X509_REQ(NULL, &at, (long)complete(&p, keys[i], der));
		assert_non_null(req);
		assert_int_equal(X509_REQ_verify(req, keys[i]), 1);
		list = X509_REQ_get_extensions(req);
		sans = X509V3_get_d2i(list, NID_subject_alt_name, NULL, NULL);
		assert_int_equal(sk_GENERAL_NAME_num(sans), 5);
		GENERAL_NAMES_free(sans);
		sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
		X509_REQ_free(req);
	}
}

static void
a_request_without_names_has_no_empty_list(void **state)
{
	uint8_t spki[1024], der[PROVISION_DER_MAX];
	struct paper_key key = key_of(ec, spki);
	STACK_OF(X509_EXTENSION) * list;
	const uint8_t *at = der;
	struct token_trouble why;
	struct paper p;
	X509_REQ *req;

	(void)state;
	assert_int_equal(
	    paper_request(&p, &key, "CN=x", NULL, 0, &why), TOKEN_OK);
	req = d2i_X509_REQ(NULL, &at, (long)complete(&p, ec, der));
	list = X509_REQ_get_extensions(req);
	assert_int_equal(
	    X509v3_get_ext_by_NID(list, NID_subject_alt_name, -1), -1);
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
	X509_REQ_free(req);
}

static void
what_is_no_alternative_name_is_refused(void **state)
{
	static const char *const bad[] = {"", "DNS:", "pc7", "dirName:x",
	    "otherName:1.2.3;UTF8:x", "email:copy me", "IP:1.2.3", "IP:x",
	    "DNS:a b", "DNS:\xc3\xa4", "RID:1.2.3", "@section"};
	uint8_t spki[1024];
	struct paper_key key = key_of(ec, spki);
	struct token_trouble why;
	struct paper p;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (paper_request(&p, &key, "CN=x", &bad[i], 1, &why) !=
			TOKEN_ECONFIG ||
		    strstr(why.text, "alternative name") == NULL)
			fail_msg("%s: %s", bad[i], why.text);
	}
}

static void
a_bad_subject_is_told_as_such(void **state)
{
	uint8_t spki[1024];
	struct paper_key key = key_of(rsa, spki);
	struct provision_wish wish = {"XX=y", 1, TOKEN_SHA256};
	struct token_trouble why;
	struct paper p;

	(void)state;
	assert_int_equal(
	    paper_certificate(&p, &key, &wish, &why), TOKEN_ECONFIG);
	assert_int_equal(
	    paper_request(&p, &key, "XX=y", NULL, 0, &why), TOKEN_ECONFIG);
	assert_int_equal(p.tbslen, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_bad_subject_is_told_as_such),
	    cmocka_unit_test(what_is_no_alternative_name_is_refused),
	    cmocka_unit_test(a_certificate_has_the_shape_that_clients_have),
	    cmocka_unit_test(both_uses_of_the_site_are_named),
	    cmocka_unit_test(two_certificates_never_share_a_serial_number),
	    cmocka_unit_test(a_request_asks_for_what_it_was_told),
	    cmocka_unit_test(a_request_without_names_has_no_empty_list),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
