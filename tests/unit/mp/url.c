#include "mp/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
what_is_no_address_is_refused(void **state)
{
	static const char *const bad[] = {
	    "",
	    "mp1.dom",
	    "ftp://mp1.dom",
	    "https:/mp1.dom",
	    "https://",
	    "https://:443",
	    "https:///path",
	    "https://mp1.dom/path",
	    "https://mp1.dom//",
	    "https://mp1.dom?x",
	    "https://mp1.dom#x",
	    "https://user@mp1.dom",
	    "https://user:pw@mp1.dom",
	    "https://mp1.dom:",
	    "https://mp1.dom:0",
	    "https://mp1.dom:65536",
	    "https://mp1.dom:123456",
	    "https://mp1.dom:-1",
	    "https://mp1.dom:4 3",
	    "https://mp1.dom:443:443",
	    "https://mp1 .dom",
	    "https://mp1.dom\n",
	    "https://mp1..dom",
	    "https://.dom",
	    "https://dom.",
	    "https://[::1",
	    "https://[]",
	    "https://[::g]",
	    "https://[::1]x",
	    "https://::1",
	    "https://m%70.dom",
	    "https://m\xc3\xbc.dom",
	};
	struct mp_error e;
	struct mp_url u;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (mp_url_parse(&u, bad[i], &e) != MP_EARG)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(u.port, 0);
		assert_string_equal(u.text, "");
		assert_non_null(strstr(e.text, "https://HOST"));
	}
}

static void
an_address_gets_one_form(void **state)
{
	static const struct {
		const char *text, *form, *host;
		unsigned port;
		bool tls;
	} good[] = {
	    {"https://mp1.dom", "https://mp1.dom:443", "mp1.dom", 443, true},
	    {"https://mp1.dom/", "https://mp1.dom:443", "mp1.dom", 443, true},
	    {"HTTPS://MP1.Dom:443", "https://mp1.dom:443", "mp1.dom", 443,
		true},
	    {"https://MP_1:8443/", "https://mp_1:8443", "mp_1", 8443, true},
	    {"https://10.0.0.1:65535", "https://10.0.0.1:65535", "10.0.0.1",
		65535, true},
	    {"https://[::1]:9", "https://[::1]:9", "::1", 9, true},
	    {"https://[FE80::1]", "https://[fe80::1]:443", "fe80::1", 443,
		true},
	    {"http://mp1", "http://mp1:80", "mp1", 80, false},
	};
	struct mp_error e;
	struct mp_url u;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(mp_url_parse(&u, good[i].text, &e), 0);
		assert_string_equal(u.text, good[i].form);
		assert_string_equal(u.host, good[i].host);
		assert_int_equal(u.port, good[i].port);
		assert_int_equal(u.tls, good[i].tls);
	}
}

static void
a_name_is_never_cut_short(void **state)
{
	char text[1024], host[512];
	struct mp_error e;
	struct mp_url u;

	(void)state;
	for (size_t n = 1; n < 400; n++) {
		for (size_t i = 0; i < n; i++)
			host[i] = i % 40 == 39 && i + 1 < n ? '.' : 'a';
		host[n] = '\0';
		(void)snprintf(text, sizeof(text), "https://%s:65535", host);
		if (n < MP_HOST_MAX) {
			assert_int_equal(mp_url_parse(&u, text, &e), 0);
			assert_string_equal(u.host, host);
			assert_non_null(strstr(u.text, ":65535"));
		} else {
			assert_int_equal(mp_url_parse(&u, text, &e), MP_EARG);
		}
	}
}

static void
the_mode_chooses_the_scheme(void **state)
{
	static const struct {
		const char *text, *form; /* NULL: refused */
		unsigned port;
		bool tls;
	} cases[] = {
	    {"mp1.dom", "https://mp1.dom:443", 0, true},
	    {"mp1.dom", "http://mp1.dom:80", 0, false},
	    {"mp1.dom:8530", "http://mp1.dom:8530", 0, false},
	    {"mp1.dom:443", "http://mp1.dom:443", 0, false},
	    {"mp1.dom:80", "https://mp1.dom:80", 0, true},
	    {"[::1]:9", "https://[::1]:9", 0, true},
	    {"https://mp1.dom", "https://mp1.dom:443", 0, true},
	    {"http://mp1.dom:443", "http://mp1.dom:443", 0, false},
	    {"https://mp1.dom:444", "https://mp1.dom:8443", 8443, true},
	    {"mp1.dom:81", "http://mp1.dom:8080", 8080, false},
	    {"[::1]", "http://[::1]:8080", 8080, false},
	    {"https://mp1.dom", NULL, 0, false},
	    {"https://mp1.dom:80", NULL, 80, false},
	    {"http://mp1.dom", NULL, 0, true},
	    {"http://mp1.dom:443", NULL, 443, true},
	    {"mp1.dom", NULL, 65536, true},
	    {"", NULL, 0, true},
	    {"user@mp1.dom", NULL, 0, true},
	    {"mp1.dom/x", NULL, 0, true},
	    {"ftp://mp1.dom", NULL, 0, true},
	};
	struct mp_error e;
	struct mp_url u;
	int r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		r = mp_url_for_mode(
		    &u, cases[i].text, cases[i].tls, cases[i].port, &e);
		if (r != (cases[i].form != NULL ? 0 : MP_EARG))
			fail_msg("case %zu, %s: %d", i, cases[i].text, r);
		assert_string_equal(
		    u.text, cases[i].form != NULL ? cases[i].form : "");
	}
	assert_int_equal(mp_url_for_mode(&u, "http://a", true, 0, &e), MP_EARG);
	assert_non_null(strstr(e.text, "native mode talks HTTPS only"));
	assert_int_equal(
	    mp_url_for_mode(&u, "https://a", false, 0, &e), MP_EARG);
	assert_non_null(strstr(e.text, "mixed mode talks HTTP only"));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_no_address_is_refused),
	    cmocka_unit_test(an_address_gets_one_form),
	    cmocka_unit_test(a_name_is_never_cut_short),
	    cmocka_unit_test(the_mode_chooses_the_scheme),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
