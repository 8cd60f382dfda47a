#include "pkcs11/pub.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

static const uint8_t p256[] = {
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t p521[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23};

static size_t
spki_of(EVP_PKEY *key, uint8_t der[1200])
{
	uint8_t *at = der;
	int len = i2d_PUBKEY(key, NULL);

	assert_in_range(len, 1, 1200);
	return (size_t)i2d_PUBKEY(key, &at);
}

static void
an_ec_key_is_the_same_in_every_encoding(void **state)
{
	static const struct {
		const char *name;
		const uint8_t *params;
		size_t len;
		uint32_t bits;
	} curves[] = {{"P-256", p256, sizeof(p256), 256},
	    {"P-521", p521, sizeof(p521), 521}};
	uint8_t der[1200], point[200], framed[203];
	struct pub a, b;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		EVP_PKEY *key = EVP_EC_gen(curves[i].name);
		size_t len, head = 0;

		assert_int_equal(pub_spki(&a, der, spki_of(key, der)), 0);
		assert_int_equal(a.type, TOKEN_EC);
		assert_int_equal(a.bits, curves[i].bits);
		assert_int_equal(
		    EVP_PKEY_get_octet_string_param(key,
			OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len),
		    1);
		assert_int_equal(
		    pub_ec(&b, curves[i].params, curves[i].len, point, len), 0);
		assert_true(pub_same(&a, &b));
		framed[head++] = 0x04;
		if (len > 127)
			framed[head++] = 0x81;
		framed[head++] = (uint8_t)len;
		memcpy(framed + head, point, len);
		assert_int_equal(pub_ec(&b, curves[i].params, curves[i].len,
				     framed, head + len),
		    0);
		assert_true(pub_same(&a, &b));
		/* Compressed. */
		point[0] = (uint8_t)(2 + (point[len - 1] & 1));
		assert_int_equal(pub_ec(&b, curves[i].params, curves[i].len,
				     point, 1 + len / 2),
		    0);
		assert_true(pub_same(&a, &b));
		for (size_t n = 0; n < head + len; n++)
			assert_int_equal(pub_ec(&b, curves[i].params,
					     curves[i].len, framed, n),
			    -1);
		framed[head + len - 1] ^= 1; /* off the curve */
		assert_int_equal(pub_ec(&b, curves[i].params, curves[i].len,
				     framed, head + len),
		    -1);
		EVP_PKEY_free(key);
	}
}

static void
an_rsa_key_is_the_same_with_leading_zeros(void **state)
{
	EVP_PKEY *key = EVP_RSA_gen(1024);
	uint8_t der[1200], n[130] = {0};
	static const uint8_t e[] = {0, 0, 1, 0, 1};
	struct pub a, b;
	BIGNUM *bn = NULL;
	size_t len;

	(void)state;
	len = spki_of(key, der);
	assert_int_equal(pub_spki(&a, der, len), 0);
	assert_int_equal(a.bits, 1024);
	assert_int_equal(
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &bn), 1);
	assert_int_equal(BN_bn2binpad(bn, n, 130), 130);
	assert_int_equal(pub_rsa(&b, n, 130, e, 5), 0);
	assert_true(pub_same(&a, &b));
	n[129] ^= 2;
	assert_int_equal(pub_rsa(&b, n, 130, e, 5), 0);
	assert_false(pub_same(&a, &b));
	for (size_t i = 0; i < len; i++)
		assert_int_equal(pub_spki(&b, der, i), -1);
	BN_free(bn);
	EVP_PKEY_free(key);
}

static void
keys_that_we_cannot_use_are_told_so(void **state)
{
	static const char *const foreign[] = {
	    "secp256k1", "brainpoolP256r1", "P-224"};
	uint8_t der[1200], n[1025], e[9] = {1};
	struct pub p;

	(void)state;
	memset(n, 0xff, sizeof(n));
	for (size_t i = 0; i < 3; i++) {
		EVP_PKEY *key = EVP_EC_gen(foreign[i]);

		assert_int_equal(pub_spki(&p, der, spki_of(key, der)), -1);
		assert_int_equal(p.type, 0);
		EVP_PKEY_free(key);
	}
	assert_int_equal(pub_rsa(&p, n, 1025, e, 1), -1);
	assert_int_equal(pub_rsa(&p, n, 127, e, 1), -1);
	assert_int_equal(pub_rsa(&p, n, 0, e, 1), -1);
	assert_int_equal(pub_rsa(&p, n, 128, e, 0), -1);
	assert_int_equal(pub_rsa(&p, n, 128, e, 9), -1);
	assert_int_equal(pub_rsa(&p, n, 1024, e, 1), 0);
	assert_int_equal(pub_ed25519(&p, n, 31), -1);
	assert_int_equal(pub_ed25519(&p, n, 57), -1);
	assert_int_equal(pub_ed25519(&p, n, 32), 0);
	assert_int_equal(pub_ec(&p, p256, 9, n, 65), -1);
	assert_int_equal(pub_ec(&p, NULL, 0, n, 65), -1);
}

static void
ed25519_is_the_same_with_and_without_its_frame(void **state)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	uint8_t der[1200], framed[34] = {0x04, 32};
	size_t len = 32;
	struct pub a, b;

	(void)state;
	assert_int_equal(pub_spki(&a, der, spki_of(key, der)), 0);
	assert_int_equal(EVP_PKEY_get_raw_public_key(key, framed + 2, &len), 1);
	assert_int_equal(pub_ed25519(&b, framed, 34), 0);
	assert_true(pub_same(&a, &b));
	assert_int_equal(pub_ed25519(&b, framed + 2, 32), 0);
	assert_true(pub_same(&a, &b));
	EVP_PKEY_free(key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys_that_we_cannot_use_are_told_so),
	    cmocka_unit_test(an_ec_key_is_the_same_in_every_encoding),
	    cmocka_unit_test(an_rsa_key_is_the_same_with_leading_zeros),
	    cmocka_unit_test(ed25519_is_the_same_with_and_without_its_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
