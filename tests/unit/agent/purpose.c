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

/* A message of a TLS 1.2 handshake with a plausible body, appended. */
static size_t
add(size_t at, uint8_t type, uint8_t len)
{
	uint8_t *body = tbs + at + 4;

	if (type == 1 || type == 2)
		len = 45;
	if (type == 14)
		len = 0;
	tbs[at] = type;
	tbs[at + 1] = tbs[at + 2] = 0;
	tbs[at + 3] = len;
	memset(body, 0x5a, len);
	if (type == 1 || type == 2) {
		body[0] = body[1] = 3;
		body[34] = 0;
	}
	if (type == 11) {
		body[0] = body[1] = 0;
		body[2] = (uint8_t)(len - 3);
	}
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
	    {7, {1, 2, 11, 12, 13, 14, 16}},
	    {7, {1, 2, 12, 13, 14, 11, 16}},
	    {8, {1, 2, 11, 12, 13, 11, 14, 16}},
	    {8, {1, 2, 11, 4, 13, 14, 11, 16}},
	    {8, {1, 2, 11, 13, 12, 14, 11, 16}},
	    {8, {1, 1, 11, 12, 13, 14, 11, 16}},
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

/* A text may begin like a message and be cut to fit; it is still no flight. */
static void
bodies_that_no_handshake_has_are_not_tls(void **state)
{
	const uint8_t full[] = {1, 2, 11, 13, 14, 11, 16};
	static const struct {
		size_t at; /* in tbs: hellos have 49 bytes each */
		uint8_t byte;
	} cases[] = {
	    {4, 2},                   /* version of the ClientHello */
	    {5, 4}, {4 + 34, 33},     /* its session id */
	    {4 + 34, 9}, {49 + 4, 0}, /* ServerHello */
	    {98 + 6, 1},              /* length of the list of certificates */
	};
	size_t len = tls12(full, sizeof(full));

	(void)state;
	assert_int_equal(purpose(len), SIGNER_USE_TLS);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t was = tbs[cases[i].at];

		tbs[cases[i].at] = cases[i].byte;
		assert_int_equal(purpose(len), SIGNER_USE_SIGN);
		tbs[cases[i].at] = was;
	}
}

/* What management points take for messages begins in one of these ways. */
static void
what_begins_a_message_begins_no_handshake(void **state)
{
	static const struct {
		uint8_t first[2];
	} cases[] = {
	    {{0x3c, 0x00}}, /* UTF-16 XML */
	    {{0xff, 0xfe}}, /* with its mark */
	    {{0x3c, 0x3f}}, /* UTF-8 XML */
	    {{0x78, 0x9c}}, /* zlib */
	    {{0x30, 0x82}}, /* DER: certificate, request, CMS */
	    {{0x31, 0x81}}, /* CMS: signed attributes */
	};
	const uint8_t full[] = {1, 2, 11, 13, 14, 11, 16};
	size_t len = tls12(full, sizeof(full));

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memcpy(tbs, cases[i].first, 2);
		assert_int_equal(purpose(len), SIGNER_USE_SIGN);
	}
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
	    cmocka_unit_test(bodies_that_no_handshake_has_are_not_tls),
	    cmocka_unit_test(what_begins_a_message_begins_no_handshake),
	    cmocka_unit_test(a_digest_tells_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
