/* The table of kinds: its rows, its rules for flags, its root elements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mp/kinds/kind.h"

#define NATIVE MP_FLAG_NATIVE
#define SIGN MP_FLAG_SIGN
#define ENCRYPT MP_FLAG_ENCRYPT
#define CRL MP_FLAG_CRL
#define COMPRESS MP_FLAG_COMPRESS
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void
a_flag_that_the_rules_exclude_is_refused(void **state)
{
	static const struct {
		const char *kind; /* NULL: of an unknown endpoint */
		uint32_t flags;
		bool internet;
		const char *words;
	} bad[] = {{NULL, 0x10, false, "0x00000010"},
	    {"state", SIGN | 0x40000000, false, "not documented"},
	    {NULL, 0, true, "native mode only"},
	    {"registration", 0, true, "InternetFlag"},
	    {NULL, NATIVE | ENCRYPT, false, "mixed mode only"},
	    {"hinv", NATIVE | SIGN | ENCRYPT, false, "mixed mode only"},
	    {NULL, CRL, false, "native mode only"},
	    {"state", SIGN | CRL, false, "native mode only"},
	    {"registration", SIGN, false, "cannot have the flag \"sign\""},
	    {"registration", NATIVE | SIGN, false, "\"sign\" in native"},
	    {"registration", ENCRYPT, false, "\"encrypt\" in mixed"},
	    {"assignments", 0, false, "needs the flag \"sign\" in mixed"},
	    {"assignments", NATIVE, false, "needs the flag \"sign\""},
	    {"assignments", SIGN | ENCRYPT, false, "\"encrypt\""},
	    {"content", SIGN, false, "cc144750"},
	    {"wsus", NATIVE | SIGN, false, "cc145457"},
	    {"local-mp", SIGN, false, "cc145540"},
	    {"assigned-site", SIGN, false, "leave it out (as clients"},
	    {"site", NATIVE | SIGN, false, "seen"},
	    {"ddr", 0, false, "needs the flag \"sign\""},
	    {"hinv", ENCRYPT, false,
		"needs the flag \"sign\" in mixed mode: add it (cc145398;"},
	    {"sinv", NATIVE, false, "in native mode"},
	    {"files", 0, false, "cc145337"},
	    {"status", NATIVE, false, "cc144147"},
	    {"status", ENCRYPT, false, "\"encrypt\""},
	    {"state", 0, false, "cc143783"},
	    {"state", NATIVE | COMPRESS, false, "cc143783"},
	    {"idmif", 0, false, "cc145422"}, {"metering", 0, false, "cc145804"},
	    {"fallback", SIGN, false, "bare report"},
	    {"fallback", COMPRESS, false, "compressed"}};
	struct mp_error e;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		const struct mp_kind_rule *k =
		    bad[i].kind == NULL ? NULL : mp_kind_by_name(bad[i].kind);

		assert_true(bad[i].kind == NULL || k != NULL);
		assert_int_equal(
		    mp_kind_check_flags(k, bad[i].flags, bad[i].internet, &e),
		    MP_EARG);
		if (strstr(e.text, bad[i].words) == NULL)
			fail_msg("%zu: %s", i, e.text);
	}
}

static void
what_the_tables_allow_is_allowed(void **state)
{
	static const struct {
		const char *kind;
		uint32_t flags;
		bool internet;
	} good[] = {{"registration", 0, false}, {"registration", NATIVE, true},
	    {"registration", NATIVE | CRL | COMPRESS, true},
	    {"assignments", SIGN, false}, {"assignments", NATIVE | SIGN, true},
	    {"content", 0, false}, {"content", NATIVE | CRL, false},
	    {"ddr", SIGN | ENCRYPT | COMPRESS, false},
	    {"hinv", NATIVE | SIGN | CRL, true}, {"sinv", SIGN, false},
	    {"files", SIGN | ENCRYPT, false}, {"status", 0, false},
	    {"status", SIGN, false}, {"status", NATIVE | SIGN | CRL, false},
	    {"state", SIGN | ENCRYPT, false}, {"idmif", SIGN, false},
	    {"metering", NATIVE | SIGN, false}, {"fallback", 0, false},
	    {"fallback", NATIVE, true}};
	struct mp_error e;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		if (mp_kind_check_flags(mp_kind_by_name(good[i].kind),
			good[i].flags, good[i].internet, &e) != MP_OK)
			fail_msg("%s: %s", good[i].kind, e.text);
	assert_int_equal(
	    mp_kind_check_flags(NULL, SIGN | ENCRYPT, false, &e), MP_OK);
}

static void
every_row_is_whole_and_its_defaults_are_allowed(void **state)
{
	const struct mp_kind_rule *k, *other;
	struct mp_error e;

	(void)state;
	assert_null(mp_kind_rule((enum mp_kind)0));
	assert_null(mp_kind_at(16));
	for (size_t i = 0; (k = mp_kind_at(i)) != NULL; i++) {
		assert_int_equal(k->kind, i + 1);
		assert_ptr_equal(mp_kind_rule(k->kind), k);
		assert_ptr_equal(mp_kind_by_name(k->name), k);
		assert_non_null(k->root);
		assert_true(strstr(k->source, "[D]") != NULL ||
			    strstr(k->source, "[S]") != NULL);
		assert_null(strpbrk(k->rule, "[]"));
		assert_int_equal(
		    (k->mixed_required | k->mixed_optional) & (NATIVE | CRL),
		    0);
		assert_int_equal((k->native_required | k->native_optional) &
				     (NATIVE | ENCRYPT),
		    0);
		assert_int_equal(
		    k->mode == MP_REPLY_SYNC, k->reply_root != NULL);
		assert_int_equal(
		    k->payload == MP_PAYLOAD_ATTACHMENT, k->attachment != NULL);
		for (int native = 0; native < 2; native++)
			assert_int_equal(
			    mp_kind_check_flags(k,
				mp_kind_default_flags(k, native == 1),
				native == 1, &e),
			    MP_OK);
		for (size_t n = 0; (other = mp_kind_at(n)) != k; n++)
			assert_string_not_equal(other->name, k->name);
	}
}

static void
kinds_are_found_by_endpoint_in_any_case(void **state)
{
	(void)state;
	assert_null(mp_kind_by_name("nothing"));
	assert_null(mp_kind_by_endpoint("MP_Nothing", NULL));
	assert_null(mp_kind_by_endpoint("MP_DdrEndpoint", "Status"));
	assert_int_equal(
	    mp_kind_by_endpoint("MP_DDREndpoint", NULL)->kind, MP_KIND_DDR);
	assert_int_equal(
	    mp_kind_by_endpoint("mp_relayendpoint", "report")->kind,
	    MP_KIND_STATE);
	assert_int_equal(
	    mp_kind_by_endpoint("MP_LocationManager", "WSUSLocationRequest")
		->kind,
	    MP_KIND_WSUS_LOCATION);
}

static void
a_body_of_another_kind_is_refused(void **state)
{
	static const struct {
		const char *kind, *text, *words;
	} bad[] = {{"state", "", "empty"}, {"state", "<Report>", "well-formed"},
	    {"state", "<Status/>", "SMS_ERR_INVALID_SCHEMA"},
	    {"status", "<Report/>", "<Status>"},
	    {"ddr", "<!DOCTYPE Report><Report/>", "document type"},
	    {"ddr", "<Report>\x01</Report>", "well-formed"},
	    {"ddr", "<Report/><Report/>", "well-formed"}};
	struct mp_error e;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(
		    mp_kind_check_body(mp_kind_by_name(bad[i].kind),
			bad[i].text, strlen(bad[i].text), &e),
		    MP_EARG);
		assert_int_equal(e.code, MP_EARG);
		if (strstr(e.text, bad[i].words) == NULL)
			fail_msg("%s: %s", bad[i].text, e.text);
	}
	assert_int_equal(
	    mp_kind_check_body(mp_kind_by_name("ddr"), "<Report/>", 9, NULL),
	    MP_OK);
	assert_string_equal(mp_kind_prolog(mp_kind_by_name("ddr")), "");
	assert_string_equal(mp_kind_prolog(mp_kind_by_name("state")),
	    "<?xml version=\"1.0\" encoding=\"utf-16\"?>");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_flag_that_the_rules_exclude_is_refused),
	    cmocka_unit_test(what_the_tables_allow_is_allowed),
	    cmocka_unit_test(every_row_is_whole_and_its_defaults_are_allowed),
	    cmocka_unit_test(kinds_are_found_by_endpoint_in_any_case),
	    cmocka_unit_test(a_body_of_another_kind_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
