/* send, invoke and post up to the sending: what is refused, what is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mp/cli/command.h"
#include "tests/unit/mp/cli_run.h"

#define MIXED " -k @RSA --mode mixed --mp localhost --site PRI --state @state"

static const char status[] =
    "<Status SchemaVersion=\"1.0\" CodePage=\"437\" LocaleID=\"1033\">"
    "<Type>ExampleEvent</Type><Properties><Property Name=\"A\">b</Property>"
    "</Properties><Qualifiers /></Status>";
static const char ask[] =
    "<SiteInformationRequest SchemaVersion=\"1.00\"><SiteCode>PRI</SiteCode>"
    "</SiteInformationRequest>";

static void
put(const char *name, const char *text)
{
	cli_put(name, text, strlen(text));
}

static void
bad_text_exits_1_with_one_sentence(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
	    {"", "nothing"},
	    {"hello", "body"},
	    {"<Status>", "body"},
	    {"<Report/>", "<Report>"},
	    {"<!DOCTYPE a><Status/>", "body"},
	    {"<Status a='&b;'/>", "body"},
	    {"<Status>\x01</Status>", "body"},
	    {"<Status>\xff</Status>", "x"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put("x", rows[i].text);
		assert_int_equal(
		    cli_run("send status @x" MIXED), COMMAND_FAILED);
		cli_assert_says(rows[i].text, rows[i].why);
		assert_int_equal(cli_outlen, 0);
	}
	assert_int_equal(cli_run("send status @none" MIXED), COMMAND_FAILED);
	cli_assert_says("no file", "No such file");
	cli_drop("x");
}

static void
flags_and_endpoints_that_do_not_fit_are_refused(void **state)
{
	static const struct {
		const char *line, *why;
		int status;
	} rows[] = {
	    {"send status @s --flags encrypt" MIXED, "encrypt", 1},
	    {"send fsp @s" MIXED, "<Report>", 1},
	    {"invoke @a --endpoint MP_HinvEndpoint" MIXED, "INVALID_SCHEMA", 1},
	    {"post @a --endpoint MP_LocationManager" MIXED, "invoke", 2},
	    {"invoke @s --endpoint StatusReceiver" MIXED, "post", 2},
	    {"post @s --endpoint MP_RelayEndpoint" MIXED, "FileType", 2},
	    {"invoke @a --endpoint MP_LocationManager" MIXED, "--mp-certs", 2},
	    {"post @s --endpoint E --attach 1=@none" MIXED, "No such file", 1},
	    {"post @s --endpoint E --attach 1=/tmp" MIXED, "no file", 1},
	};

	(void)state;
	put("s", status);
	put("a", ask);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(cli_run(rows[i].line), rows[i].status);
		cli_assert_says(rows[i].line, rows[i].why);
		assert_int_equal(cli_outlen, 0);
	}
	cli_drop("s");
	cli_drop("a");
}

static void
a_dry_run_prints_envelope_and_payload(void **state)
{
	(void)state;
	put("s", status);
	put("a", ask);
	assert_int_equal(
	    cli_run("send status @s --dry-run --netbios PC1" MIXED),
	    COMMAND_DONE);
	assert_memory_equal(cli_out, "<Msg ", 5);
	assert_non_null(
	    strstr(cli_out, "<TargetEndpoint>StatusReceiver</TargetEndpoint>"));
	assert_non_null(strstr(cli_out, status));
	assert_int_equal(
	    cli_run("--json invoke @a --endpoint MP_LocationManager "
		    "--dry-run --netbios PC1" MIXED),
	    COMMAND_DONE);
	assert_non_null(strstr(cli_out, "\"envelope\": \"<Msg "));
	assert_non_null(strstr(cli_out, "\"payload\""));
	assert_non_null(strstr(cli_out, "SiteInformationRequest"));
	cli_drop("s");
	cli_drop("a");
	cli_drop_state();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bad_text_exits_1_with_one_sentence),
	    cmocka_unit_test(flags_and_endpoints_that_do_not_fit_are_refused),
	    cmocka_unit_test(a_dry_run_prints_envelope_and_payload),
	};

	return cmocka_run_group_tests(tests, cli_set_up, cli_tear_down);
}
