#include "pkcs11/provision/name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bio.h>
#include <openssl/x509.h>

static void
what_is_no_name_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
	    {"", "TYPE=VALUE"},
	    {"/", "TYPE=VALUE"},
	    {"pc7", "TYPE=VALUE"},
	    {"CN", "TYPE=VALUE"},
	    {"=pc7", "not known"},
	    {"CN=", "must not be empty"},
	    {"CN=  ", "must not be empty"},
	    {"CN=a,", "TYPE=VALUE"},
	    {"CN=a,,O=b", "TYPE=VALUE"},
	    {"CN=a+", "TYPE=VALUE"},
	    {"XX=a", "this type is not known"},
	    {"CN=a,XX=b", "XX=b"},
	    {"2.5.4.3=a", "this type is not known"},
	    {"CN=a;O=b", "semicolon"},
	    {"CN=#0c0161", "as text"},
	    {"CN=\"a\"", "as text"},
	    {"CN=a\\", "\\ stands before"},
	    {"CN=a\\x", "\\ stands before"},
	    {"CN=a\\4", "\\ stands before"},
	    {"CN=a\\00b", "\\ stands before"},
	    {"C=DEU", "too long or too short"},
	    {"C=\xc3\xa4", "too long or too short"},
	    {"CN=\xff\xfe", "too long or too short"},
	    {"CN=0123456789012345678901234567890123456789"
	     "0123456789012345678901234",
		"too long or too short"},
	};
	uint8_t der[NAME_DER_MAX];
	struct token_trouble why;
	size_t len;

	(void)state;
	assert_int_equal(name_parse(NULL, der, &len, &why), TOKEN_ECONFIG);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		len = 7;
		if (name_parse(cases[i].text, der, &len, &why) !=
			TOKEN_ECONFIG ||
		    len != 0 || strstr(why.text, cases[i].says) == NULL)
			fail_msg("%s: %s", cases[i].text, why.text);
	}
}

static void
a_text_beyond_the_limit_is_refused(void **state)
{
	char text[NAME_TEXT_MAX + 2];
	uint8_t der[NAME_DER_MAX];
	struct token_trouble why;
	size_t len;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "CN=", 3);
	text[NAME_TEXT_MAX] = '\0';
	assert_int_equal(name_parse(text, der, &len, &why), TOKEN_ECONFIG);
	assert_non_null(strstr(why.text, "too long"));
}

static void
both_forms_give_the_name_that_they_mean(void **state)
{
	static const struct {
		const char *text, *rfc2253;
	} cases[] = {
	    {"CN=pc7", "CN=pc7"},
	    {"/CN=pc7", "CN=pc7"},
	    {"cn = pc7 , o = Example ", "CN=pc7,O=Example"},
	    {"CN=pc7,OU=Clients,O=Example\\, Inc,C=DE",
		"CN=pc7,OU=Clients,O=Example\\, Inc,C=DE"},
	    {"/C=DE/O=Example, Inc/OU=Clients/CN=pc7",
		"CN=pc7,OU=Clients,O=Example\\, Inc,C=DE"},
	    {"/O=a\\/b/CN=x", "CN=x,O=a/b"},
	    {"CN=a+UID=b,O=c", "UID=b+CN=a,O=c"},
	    {"/O=c/CN=a+UID=b", "UID=b+CN=a,O=c"},
	    {"CN=\\ a\\ ", "CN=\\ a\\ "},
	    {"CN=a\\20", "CN=a\\ "},
	    {"CN=\\C3\\A4", "CN=\\C3\\A4"},
	    {"CN=a=b", "CN=a=b"},
	    {"DC=pc7,DC=corp,DC=example", "DC=pc7,DC=corp,DC=example"},
	};
	uint8_t der[NAME_DER_MAX];
	struct token_trouble why;
	char *text;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint8_t *at = der;
		X509_NAME *name;
		BIO *bio = BIO_new(BIO_s_mem());

		if (name_parse(cases[i].text, der, &len, &why) != TOKEN_OK)
			fail_msg("%s: %s", cases[i].text, why.text);
		name = d2i_X509_NAME(NULL, &at, (long)len);
		assert_non_null(name);
		assert_ptr_equal(at, der + len);
		X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253);
		BIO_write(bio, "", 1);
		BIO_get_mem_data(bio, &text);
		assert_string_equal(text, cases[i].rfc2253);
		X509_NAME_free(name);
		BIO_free(bio);
	}
}

/* Any cut is a name, or refused with a sentence; none is a crash. */
static void
every_truncation_is_a_name_or_a_sentence(void **state)
{
	static const char good[] = "CN=a\\, b+UID=\\C3\\A4,O=c;d/C=DE";
	uint8_t der[NAME_DER_MAX];
	char text[sizeof(good)];
	struct token_trouble why;
	size_t len;

	(void)state;
	for (size_t n = 0; n < sizeof(good); n++) {
		memcpy(text, good, n);
		text[n] = '\0';
		why.text[0] = '\0';
		if (name_parse(text, der, &len, &why) == TOKEN_OK)
			assert_true(len > 0);
		else
			assert_true(len == 0 && why.text[0] != '\0');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_no_name_is_refused_with_its_place),
	    cmocka_unit_test(a_text_beyond_the_limit_is_refused),
	    cmocka_unit_test(both_forms_give_the_name_that_they_mean),
	    cmocka_unit_test(every_truncation_is_a_name_or_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
