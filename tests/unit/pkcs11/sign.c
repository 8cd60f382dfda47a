#include "pkcs11/sign.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include <openssl/ecdsa.h>
#include <p11-kit/pkcs11.h>

static struct key
key_of(enum token_keytype type, uint32_t bits)
{
	struct key k;

	memset(&k, 0, sizeof(k));
	k.pub.type = type;
	k.pub.bits = bits;
	k.mechs = UINT32_MAX & ~TOKEN_MECH_RAW_PSS;
	return k;
}

static int
prepare(struct sign_plan *plan, const struct key *k, enum token_scheme scheme,
    enum token_hash hash, unsigned saltlen, const uint8_t *digest, size_t len)
{
	struct sign_request req = {scheme, hash, saltlen, digest, len};
	const char *reason;

	return sign_prepare(plan, k, &req, &reason);
}

static void
a_short_key_has_no_room_for_long_hashes(void **state)
{
	struct key k = key_of(TOKEN_RSA, 512);
	uint8_t digest[64] = {0};
	struct sign_plan plan;

	(void)state;
	assert_int_equal(
	    prepare(&plan, &k, TOKEN_RSA_PKCS1, TOKEN_SHA512, 0, digest, 64),
	    TOKEN_EARG);
	assert_int_equal(
	    prepare(&plan, &k, TOKEN_RSA_PKCS1, TOKEN_SHA256, 0, digest, 32),
	    TOKEN_OK);
	assert_int_equal(
	    prepare(&plan, &k, TOKEN_RSA_PSS, TOKEN_SHA256, 30, digest, 32),
	    TOKEN_OK);
	assert_int_equal(
	    prepare(&plan, &k, TOKEN_RSA_PSS, TOKEN_SHA256, 31, digest, 32),
	    TOKEN_EARG);
}

static void
a_long_digest_is_cut_to_the_curve(void **state)
{
	static const struct {
		uint32_t bits;
		size_t in, raw, sig;
	} cases[] = {
	    {256, 32, 64, 72}, {384, 48, 96, 104}, {521, 64, 132, 139}};
	uint8_t digest[64] = {0};
	struct sign_plan plan;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct key k = key_of(TOKEN_EC, cases[i].bits);

		assert_int_equal(prepare(&plan, &k, TOKEN_ECDSA, TOKEN_SHA512,
				     0, digest, 64),
		    TOKEN_OK);
		assert_int_equal(plan.inlen, cases[i].in);
		assert_int_equal(plan.rawlen, cases[i].raw);
		assert_int_equal(plan.siglen, cases[i].sig);
	}
}

/* libcrypto writes the same numbers in the same way. */
static void
der_is_what_libcrypto_makes_of_it(void **state)
{
	static const uint32_t sizes[] = {256, 384, 521};
	uint8_t raw[132], sig[160], digest[32] = {0};
	struct sign_plan plan;

	(void)state;
	for (unsigned n = 0; n < 3 * 64; n++) {
		struct key k = key_of(TOKEN_EC, sizes[n % 3]);
		size_t half = pub_size(&k.pub), len;
		ECDSA_SIG *s = ECDSA_SIG_new();
		unsigned char *der = NULL;
		int derlen;

		memset(raw, 0, sizeof(raw));
		for (size_t i = n / 3 % half; i < 2 * half; i++)
			raw[i] = (uint8_t)(i % half < n / 12 ? 0 : 0x40 * n);
		raw[half - 1] |= 1;
		raw[2 * half - 1] |= 0x81;
		if (sizes[n % 3] == 521)
			raw[0] &= raw[half] &= 1;
		assert_int_equal(prepare(&plan, &k, TOKEN_ECDSA, TOKEN_SHA256,
				     0, digest, 32),
		    TOKEN_OK);
		assert_int_equal(
		    sign_finish(&plan, raw, 2 * half, sig, &len), TOKEN_OK);
		assert_true(len <= plan.siglen);
		ECDSA_SIG_set0(s, BN_bin2bn(raw, (int)half, NULL),
		    BN_bin2bn(raw + half, (int)half, NULL));
		derlen = i2d_ECDSA_SIG(s, &der);
		assert_int_equal(derlen, len);
		assert_memory_equal(der, sig, len);
		OPENSSL_free(der);
		ECDSA_SIG_free(s);
	}
}

static void
answers_that_can_be_no_signature_are_refused(void **state)
{
	struct key k = key_of(TOKEN_EC, 256);
	uint8_t raw[132] = {0}, sig[160], digest[32] = {0};
	struct sign_plan plan;
	size_t len;

	(void)state;
	assert_int_equal(
	    prepare(&plan, &k, TOKEN_ECDSA, TOKEN_SHA256, 0, digest, 32),
	    TOKEN_OK);
	raw[0] = raw[63] = 1;
	for (size_t n = 0; n <= sizeof(raw); n++) {
		assert_int_equal(sign_finish(&plan, raw, n, sig, &len),
		    n == 64 ? TOKEN_OK : TOKEN_EDEVICE);
		assert_int_equal(len == 0, n != 64);
	}
	raw[63] = 0;
	assert_int_equal(sign_finish(&plan, raw, 64, sig, &len), TOKEN_EDEVICE);
	raw[0] = 0;
	raw[63] = 1;
	assert_int_equal(sign_finish(&plan, raw, 64, sig, &len), TOKEN_EDEVICE);
}

/* More bits than the group's order has: the caller left no room for them. */
static void
numbers_that_are_too_large_write_nothing(void **state)
{
	struct key k = key_of(TOKEN_EC, 521);
	uint8_t raw[132], sig[160], want[160], digest[32] = {0};
	struct sign_plan plan;
	size_t len;

	(void)state;
	memset(raw, 0xff, sizeof(raw));
	memset(sig, 0xee, sizeof(sig));
	memset(want, 0xee, sizeof(want));
	assert_int_equal(
	    prepare(&plan, &k, TOKEN_ECDSA, TOKEN_SHA256, 0, digest, 32),
	    TOKEN_OK);
	assert_int_equal(
	    sign_finish(&plan, raw, sizeof(raw), sig, &len), TOKEN_EDEVICE);
	assert_int_equal(len, 0);
	assert_memory_equal(sig, want, sizeof(sig));
	raw[0] = raw[66] = 1;
	assert_int_equal(
	    sign_finish(&plan, raw, sizeof(raw), sig, &len), TOKEN_OK);
	assert_int_equal(len, plan.siglen);
}

static void
a_key_that_may_not_is_not_asked(void **state)
{
	struct key k = key_of(TOKEN_RSA, 2048);
	uint8_t digest[32] = {0};
	struct sign_plan plan;

	(void)state;
	k.mechs = TOKEN_MECH(TOKEN_RSA_PSS) | TOKEN_MECH_DECRYPT_PKCS1;
	assert_int_equal(
	    prepare(&plan, &k, TOKEN_RSA_PKCS1, TOKEN_SHA256, 0, digest, 32),
	    TOKEN_EMECH);
	assert_int_equal(
	    prepare(&plan, &k, TOKEN_RSA_PSS, TOKEN_SHA256, 32, digest, 32),
	    TOKEN_OK);
	assert_int_equal(plan.mech, CKM_RSA_PKCS_PSS);
	k.mechs |= TOKEN_MECH_RAW_PSS;
	assert_int_equal(
	    prepare(&plan, &k, TOKEN_RSA_PSS, TOKEN_SHA256, 32, digest, 32),
	    TOKEN_OK);
	assert_int_equal(plan.mech, CKM_RSA_X_509);
	assert_int_equal(plan.inlen, 256);
	assert_int_equal(plan.buf[255], 0xbc);
	assert_true(plan.buf[0] < 0x80);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_that_can_be_no_signature_are_refused),
	    cmocka_unit_test(numbers_that_are_too_large_write_nothing),
	    cmocka_unit_test(a_key_that_may_not_is_not_asked),
	    cmocka_unit_test(a_short_key_has_no_room_for_long_hashes),
	    cmocka_unit_test(a_long_digest_is_cut_to_the_curve),
	    cmocka_unit_test(der_is_what_libcrypto_makes_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
