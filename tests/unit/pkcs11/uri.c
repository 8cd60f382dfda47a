#include "pkcs11/uri.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include <stdlib.h>

static void
what_is_no_uri_for_a_token_is_refused_in_words(void **state)
{
	static const struct {
		const char *uri, *says;
	} cases[] = {
	    {"", "pkcs11:"},
	    {"http://x", "pkcs11:"},
	    {"pkcs11", "pkcs11:"},
	    {"pkcs11:tokn=x", "\"tokn\""},
	    {"pkcs11:token=x;thumbprint=aa", "\"thumbprint\""},
	    {"pkcs11:token=x;x-vendor=1", "\"x-vendor\""},
	    {"pkcs11:Token=x", "\"Token\""},
	    {"pkcs11:token=x;object=k", "thumbprint"},
	    {"pkcs11:token=x;id=%01", "thumbprint"},
	    {"pkcs11:token=x;type=private", "thumbprint"},
	    {"pkcs11:token=x?pin-value=s3cret", "logs"},
	    {"pkcs11:token=x;pin-value=s3cret", "logs"},
	    {"pkcs11:token=x?PIN-VALUE=s3cret", "logs"},
	    {"pkcs11:token=%zz?pin-value=s3cret", "logs"},
	    {"pkcs11:token=x?module-path=/l.so&pin-value=s3cret", "apart"},
	    {"pkcs11:token=x?pin-source=file:/s3cret", "apart"},
	    {"pkcs11:pinfile=/s3cret", "apart"},
	    {"pkcs11:token=x?s3cret", "does not know"},
	    {"pkcs11:token=x?module-name=y", "apart"},
	    {"pkcs11:token=%zz", "RFC 7512"},
	    {"pkcs11:token", "RFC 7512"},
	    {"pkcs11:slot-id=abc", "RFC 7512"},
	    {"pkcs11:library-version=x.y", "RFC 7512"},
	};
	struct token_trouble why;
	struct uri *u;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
		    uri_open(&u, cases[i].uri, &why), TOKEN_ECONFIG);
		assert_null(u);
		if (strstr(why.text, cases[i].says) == NULL)
			fail_msg("%s: %s", cases[i].uri, why.text);
		if (i != 17)
			assert_null(strstr(why.text, "s3cret"));
	}
}

static void
an_endless_uri_is_refused(void **state)
{
	static char uri[4096] = "pkcs11:token=";
	struct token_trouble why;
	struct uri *u;

	(void)state;
	memset(uri + 13, 'a', sizeof(uri) - 14);
	assert_int_equal(uri_open(&u, uri, &why), TOKEN_ECONFIG);
}

static void
pad(char *field, size_t len, const char *text)
{
	memset(field, ' ', len);
	memcpy(field, text, strlen(text));
}

static void
a_token_fits_by_all_that_the_uri_says(void **state)
{
	static const struct {
		const char *uri;
		bool fits;
	} cases[] = {
	    {"pkcs11:", true},
	    {"PKCS11:", true},
	    {"pkcs11:token=My%20card", true},
	    {"pkcs11:token=My", false},
	    {"pkcs11:token=my%20card", false},
	    {"pkcs11:token=My%20card;serial=42", true},
	    {"pkcs11:token=My%20card;serial=43", false},
	    {"pkcs11:manufacturer=ACME;model=T1", true},
	    {"pkcs11:manufacturer=ACME;model=T2", false},
	    {"pkcs11:slot-id=5", true},
	    {"pkcs11:slot-id=6", false},
	    {"pkcs11:slot-description=Reader", true},
	    {"pkcs11:slot-manufacturer=Other", false},
	    {"pkcs11:library-manufacturer=ACME", true},
	    {"pkcs11:library-version=2.4", true},
	    {"pkcs11:library-version=2.5", false},
	};
	struct module_library library;
	struct module_slot slot;
	struct module_token token;
	struct token_trouble why;
	struct uri *u;

	(void)state;
	memset(&library, 0, sizeof(library));
	memset(&token, 0, sizeof(token));
	pad(library.manufacturer, sizeof(library.manufacturer), "ACME");
	pad(library.description, sizeof(library.description), "lib");
	library.major = 2;
	library.minor = 4;
	slot.id = 5;
	pad(slot.description, sizeof(slot.description), "Reader");
	pad(slot.manufacturer, sizeof(slot.manufacturer), "ACME");
	pad(token.label, sizeof(token.label), "My card");
	pad(token.manufacturer, sizeof(token.manufacturer), "ACME");
	pad(token.model, sizeof(token.model), "T1");
	pad(token.serial, sizeof(token.serial), "42");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(uri_open(&u, cases[i].uri, &why), TOKEN_OK);
		assert_string_equal(uri_text(u), cases[i].uri);
		assert_int_equal(uri_fits_library(u, &library) &&
				     uri_fits_slot(u, &slot) &&
				     uri_fits_token(u, &token),
		    cases[i].fits);
		uri_close(u);
	}
	uri_close(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_no_uri_for_a_token_is_refused_in_words),
	    cmocka_unit_test(an_endless_uri_is_refused),
	    cmocka_unit_test(a_token_fits_by_all_that_the_uri_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
