/* What a message is told about its way, and what errors say. */
#include <sealpoint/sealpoint.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct sealpoint_messaging *s;
static struct sealpoint_message *m;
static struct sealpoint_failure why;

static int
set_up(void **state)
{
	(void)state;
	memset(&why, 0, sizeof(why));
	assert_int_equal(sealpoint_messaging_new(&s, &why), 0);
	return sealpoint_messaging_create_message(s, &m, &why);
}

static int
tear_down(void **state)
{
	(void)state;
	sealpoint_message_free(m);
	sealpoint_messaging_free(s);
	return 0;
}

static void
flags_that_cannot_be_are_refused(void **state)
{
	static const struct {
		uint32_t flags;
		int code;
	} cases[] = {
	    {SEALPOINT_SECURITY_FLAG_MIXED_MODE, 0},
	    {0x00000001, 0},
	    {0x00000002, 0},
	    {0x00000004, 0},
	    {0x00000008, SEALPOINT_ERR_ARGUMENT}, /* CRL without native */
	    {0x00000005, SEALPOINT_ERR_ARGUMENT}, /* encrypt in native */
	    {0x0000000D, SEALPOINT_ERR_ARGUMENT},
	    {0x0000000B, 0},
	    {0x80000003, 0},
	    {0x80000006, 0},
	    {0x00000010, SEALPOINT_ERR_ARGUMENT},
	    {0x40000000, SEALPOINT_ERR_ARGUMENT},
	    {0xFFFFFFFF, SEALPOINT_ERR_ARGUMENT},
	};
	uint32_t kept = 0;

	(void)state;
	assert_int_equal(sealpoint_message_set_security_flags(NULL, 1, &why),
	    SEALPOINT_ERR_ARGUMENT);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(sealpoint_message_set_security_flags(
				     m, cases[i].flags, &why),
		    cases[i].code);
		kept = cases[i].code == 0 ? cases[i].flags : kept;
		assert_int_equal(sealpoint_message_get_security_flags(m), kept);
	}
}

static void
other_settings_are_checked(void **state)
{
	(void)state;
	assert_int_equal(sealpoint_message_set_client_id(m, "GUID:1", &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(sealpoint_message_set_client_id(m,
			     "GUID:0D5A4B1C-1111-2222-3333-444455556666", &why),
	    0);
	assert_int_equal(sealpoint_message_set_client_id(m, NULL, &why), 0);
	assert_int_equal(
	    sealpoint_message_set_client_certificate(m, "no thumbprint", &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(sealpoint_message_set_identity(m, NULL, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(sealpoint_message_set_hash_algorithm(
			     m, (enum sealpoint_hash)0, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(
	    sealpoint_message_set_hash_algorithm(m, SEALPOINT_HASH_SHA1, &why),
	    0);
	assert_int_equal(
	    sealpoint_message_set_cipher(m, (enum sealpoint_cipher)9, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(
	    sealpoint_message_set_cipher(m, SEALPOINT_CIPHER_AES256, &why), 0);
	assert_int_equal(
	    sealpoint_message_set_port(m, 65536, &why), SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(sealpoint_message_set_port(m, 65535, &why), 0);
	assert_int_equal(sealpoint_message_set_proxy(m, NULL, "/etc/pw", &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(
	    sealpoint_message_set_proxy(m, "http://p:1", "/etc/pw", &why), 0);
	assert_int_equal(sealpoint_message_set_proxy(m, NULL, NULL, &why), 0);
	assert_int_equal(sealpoint_message_set_timeout(m, 90, &why), 0);
	assert_int_equal(sealpoint_message_get_timeout(m), 90);
}

static void
errors_have_words_and_documented_numbers(void **state)
{
	uint32_t hresult = 1;

	(void)state;
	for (int code = 1; code > SEALPOINT_ERR_MEMORY - 3; code--)
		assert_int_equal(
		    strcmp(sealpoint_error_string(code), "unknown error") == 0,
		    code > 0 || code < SEALPOINT_ERR_MEMORY);
	assert_true(
	    sealpoint_error_hresult(SEALPOINT_ERR_INVALID_SCHEMA, &hresult));
	assert_int_equal(hresult, 0x80040605);
	assert_true(sealpoint_error_hresult(SEALPOINT_ERR_NO_REPLY, &hresult));
	assert_int_equal(hresult, 0x80040607);
	assert_true(
	    sealpoint_error_hresult(SEALPOINT_ERR_ACCESS_DENIED, &hresult));
	assert_int_equal(hresult, 0x80070005);
	assert_true(sealpoint_error_hresult(SEALPOINT_OK, &hresult));
	assert_int_equal(hresult, 0);
	assert_false(sealpoint_error_hresult(
	    SEALPOINT_ERR_INDEX_OUT_OF_RANGE, &hresult));
	assert_int_equal(hresult, 0);
	assert_false(sealpoint_error_hresult(SEALPOINT_OK, NULL));
}

static void
headers_and_library_are_of_one_version(void **state)
{
	char text[32];

	(void)state;
	(void)snprintf(text, sizeof(text), "%d.%d.%d", SEALPOINT_API_MAJOR,
	    SEALPOINT_API_MINOR, SEALPOINT_API_PATCH);
	assert_string_equal(sealpoint_version(), text);
	assert_true(SEALPOINT_API_NUMBER >= SEALPOINT_API_AT(0, 1, 0));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	    TEST(flags_that_cannot_be_are_refused),
	    TEST(other_settings_are_checked),
	    TEST(errors_have_words_and_documented_numbers),
	    TEST(headers_and_library_are_of_one_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
