#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "agent/front/purpose.h"

static uint8_t tbs[512];

static uint32_t
purpose(size_t len)
{
	const struct signer_sign what = {.scheme = SIGNER_RSA_PSS,
	    .hash = SIGNER_SHA256,
	    .data = tbs,
	    .len = len};

	return purpose_of(&what);
}

/* What a TLS 1.3 client signs, in tbs; its length. */
static size_t
tls13(const char *context, size_t hashlen)
{
	size_t n = strlen(context) + 1;

	memset(tbs, 0x20, 64);
	memcpy(tbs + 64, context, n);
	memset(tbs + 64 + n, 0xab, hashlen);
	return 64 + n + hashlen;
}

/* A message of a TLS 1.2 handshake, appended. */
static size_t
add(size_t at, uint8_t type, uint8_t len)
{
	tbs[at] = type;
	tbs[at + 1] = tbs[at + 2] = 0;
	tbs[at + 3] = len;
	memset(tbs + at + 4, 0x5a, len);
	return at + 4 + len;
}

static size_t
tls12(const uint8_t *types, size_t n)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++)
		at = add(at, types[i], (uint8_t)(10 + i));
	return at;
}

static void
a_tls13_client_signature_is_known(void **state)
{
	(void)state;
	assert_int_equal(
	    purpose(tls13("TLS 1.3, client CertificateVerify", 32)),
	    SIGNER_USE_TLS);
	assert_int_equal(
	    purpose(tls13("TLS 1.3, client CertificateVerify", 48)),
	    SIGNER_USE_TLS);
}

static void
what_only_resembles_it_is_not_tls(void **state)
{
	size_t len;

	(void)state;
	assert_int_equal(
	    purpose(tls13("TLS 1.3, server CertificateVerify", 32)),
	    SIGNER_USE_SIGN);
	assert_int_equal(
	    purpose(tls13("TLS 1.3, client CertificateVerify", 33)),
	    SIGNER_USE_SIGN);
	assert_int_equal(purpose(tls13("TLS 1.3, client CertificateVerify", 0)),
	    SIGNER_USE_SIGN);
	len = tls13("TLS 1.3, client CertificateVerify", 32);
	tbs[63] = 0x21;
	assert_int_equal(purpose(len), SIGNER_USE_SIGN);
	assert_int_equal(purpose(0), SIGNER_USE_SIGN);
}

static void
a_tls12_client_handshake_is_known(void **state)
{
	const uint8_t full[] = {1, 2, 11, 12, 13, 14, 11, 16};
	const uint8_t rsa[] = {1, 2, 11, 22, 13, 14, 11, 16};

	(void)state;
	assert_int_equal(purpose(tls12(full, sizeof(full))), SIGNER_USE_TLS);
	assert_int_equal(purpose(tls12(rsa, sizeof(rsa))), SIGNER_USE_TLS);
}

static void
a_handshake_that_no_client_makes_is_not_tls(void **state)
{
	static const struct {
		size_t n;
		uint8_t types[8];
	} cases[] = {
	    {8, {2, 1, 11, 12, 13, 14, 11, 16}},
	    {7, {1, 2, 11, 12, 14, 11, 16}},
	    {8, {1, 2, 11, 12, 13, 14, 11, 15}},
	    {8, {1, 2, 11, 12, 13, 14, 16, 11}},
	    {7, {1, 2, 11, 12, 13, 14, 11}},
	};
	const uint8_t full[] = {1, 2, 11, 12, 13, 14, 11, 16};
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(purpose(tls12(cases[i].types, cases[i].n)),
		    SIGNER_USE_SIGN);
	len = tls12(full, sizeof(full));
	for (size_t n = 0; n < len; n++)
		assert_int_equal(purpose(n), SIGNER_USE_SIGN);
	assert_int_equal(purpose(len + 1), SIGNER_USE_SIGN);
}

static void
a_digest_tells_nothing(void **state)
{
	const struct signer_sign what = {.scheme = SIGNER_RSA_PSS,
	    .hash = SIGNER_SHA256,
	    .digest = true,
	    .data = tbs,
	    .len = 32};

	(void)state;
	assert_int_equal(purpose_of(&what), SIGNER_USE_SIGN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_tls13_client_signature_is_known),
	    cmocka_unit_test(what_only_resembles_it_is_not_tls),
	    cmocka_unit_test(a_tls12_client_handshake_is_known),
	    cmocka_unit_test(a_handshake_that_no_client_makes_is_not_tls),
	    cmocka_unit_test(a_digest_tells_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
