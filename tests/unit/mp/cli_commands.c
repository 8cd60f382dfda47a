/* The commands, run as a user would, with a soft signer for an agent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>
#include <openssl/bio.h>
#include <openssl/pem.h>

#include "mp/cli/command.h"
#include "tests/unit/mp/cli_run.h"

#define NOBODY "0123456789ABCDEF0123456789ABCDEF01234567"
#define MP "--mp https://127.0.0.1:1 --site PRI --state @state "

static void
what_makes_no_sense_exits_2(void **state)
{
	static const struct {
		const char *line, *why;
	} rows[] = {
	    {"", "which command"},
	    {"frobnicate", "no command frobnicate"},
	    {"cert", "which command of these"},
	    {"cert frobnicate", "no command cert frobnicate"},
	    {"cert --json show", "which command of these"},
	    {"--frobnicate keys", "no option --frobnicate"},
	    {"keys --frobnicate", "no option --frobnicate"},
	    {"keys twice", "one word too many"},
	    {"policy get", "which ID"},
	    {"policy sync -k @RSA", "where to"},
	    {"policy list -k @RSA --user D\\u", "--user-sid"},
	    {"policy get P -k @RSA --user-sid S-1-5", "--user DOMAIN"},
	    {"policy list -k @RSA --group S-1-5", "--user DOMAIN"},
	    {"policy list -k @RSA --cookie -", "--cookie names a file"},
	    {"policy get P -k @RSA --cookie x", "no option --cookie"},
	    {"policy list -k @RSA --policy-hash never", "no-tls|always"},
	    {"cert show", "which key"},
	    {"cert show -k nonsense", "such as 9F3A"},
	    {"cert show -k 0123", "such as 9F3A"},
	    {"cert chain -k @RSA --json -o @x", "leave out -o"},
	    {"cert export -k @RSA --json", "--json cannot hold"},
	    {"sign -k @RSA --json -i /dev/null", "--json cannot hold"},
	    {"sign -k @RSA -d md5", "one of sha1|sha256|sha384|sha512"},
	    {"sign -k @EC --pss -i /dev/null", "--pss is for RSA"},
	    {"register -k @RSA", "--mp"},
	    {"register -k @RSA --as server", "client|proxy|proxy-client"},
	    {"register -k @RSA --as proxy-client", "its own"},
	    {"register -k @RSA --proxy GUID:x", "--as proxy-client"},
	    {"register -k @RSA --client-id GUID:x", "--smsid"},
	    {"register -k @RSA --netbios A --fqdn a.b --wait x", "--wait"},
	    {"register -k @RSA --netbios A --fqdn a.b", "--mp"},
	    {"policy list", "which key"},
	    {"policy list -k @RSA", "--mp"},
	    {"policy list -k @RSA --mp https://x", "--site"},
	    {"policy list -k @RSA --mp https://x --site PRI", "--mp-certs"},
	    {"mp list -k @RSA --mp https://x --site PRI --timeout 0",
		"--timeout"},
	    {"mp list -k @RSA --mp https://x --site PRI --max-upload 2G",
		"units of 1024"},
	    {"mp list -k @RSA --hash md5", "one of sha1|sha256"},
	    {"mp certificate -k @RSA --json -o -", "leave it out"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(cli_run(rows[i].line), COMMAND_USAGE);
		cli_assert_says(rows[i].line, rows[i].why);
		assert_string_equal(cli_out, "");
	}
}

static void
messages_that_make_no_sense_exit_2(void **state)
{
	static const struct {
		const char *line, *why;
	} rows[] = {
	    {"mp list -k @RSA --mode both", "one of native|mixed"},
	    {"mp list -k @RSA --mp x --site PRI --port 65536", "65535"},
	    {"mp list -k @RSA --mp x --site PRI --internet 1 --mode mixed",
		"native mode only"},
	    {"mp list -k @RSA --mp x --site PRI --crl --mode mixed",
		"native mode only"},
	    {"mp list -k @RSA --mp x --site PRI --http-proxy http://p",
		"--internet 1 or 2"},
	    {"mp list -k @RSA --mp x --site PRI --auth-file /x", "--auth"},
	    {"locate content", "which ID"},
	    {"locate content PRI00001", "which VERSION"},
	    {"locate mp here", "one word too many"},
	    {"send", "which KIND"},
	    {"send ddr", "--discover"},
	    {"send letter @x", "ddr, hinv"},
	    {"send registration @x", "ddr, hinv"},
	    {"send sinv --discover", "ReportBody"},
	    {"send status --discover @x", "no header"},
	    {"send hinv @x --type delta", "--discover"},
	    {"send hinv @x --attach 1=@x", "files and idmif"},
	    {"send files @x --attach 1", "NAME=FILE"},
	    {"send status @x --flags sign,smile", "smile"},
	    {"send ddr --discover --client-id GUID:x", "--client-id"},
	    {"invoke @x", "--endpoint"},
	    {"post @x --endpoint E --property P", "NAME=VALUE"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(cli_run(rows[i].line), COMMAND_USAGE);
		cli_assert_says(rows[i].line, rows[i].why);
		assert_string_equal(cli_out, "");
	}
}

static void
what_fails_exits_1_and_says_what_to_do(void **state)
{
	static const struct {
		const char *line, *why;
	} rows[] = {
	    {"cert show -k " NOBODY, "sealpoint keys"},
	    {"sign -k " NOBODY " -i /dev/null", NOBODY},
	    {"sign -k @RSA -i @missing", "No such file"},
	    {"sign -k @RSA -i /dev/null -o @no/such/place", "place"},
	    {"decrypt -k @EC -i /dev/null", "ec-p256"},
	    {"decrypt -k @RSA -i @missing", "No such file"},
	    {"decrypt -k @RSA -i /dev/null -o @x", ""},
	    {"register -k @EC --netbios A --fqdn a.b --mp-signature tls " MP,
		"RSA"},
	    {"policy list -k " NOBODY " --mp-signature tls " MP, ""},
	    {"mp list -k @RSA --ca @missing " MP, "missing"},
	    {"mp list -k @RSA --site PRI --mp http://x", "https"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (cli_run(rows[i].line) != COMMAND_FAILED)
			fail_msg("%s: %s", rows[i].line, cli_err);
		cli_assert_says(rows[i].line, rows[i].why);
		assert_string_equal(cli_out, "");
		assert_false(cli_there("x"));
	}
	cli_drop_state();
}

static void
no_agent_is_said_with_its_socket(void **state)
{
	(void)state;
	assert_int_equal(cli_run_with(NULL, "--agent /nonexistent/a.sock keys"),
	    COMMAND_FAILED);
	cli_assert_says("keys", "/nonexistent/a.sock");
	setenv("SEALPOINT_AGENT", "/nonexistent/b.sock", 1);
	assert_int_equal(cli_run_with(NULL, "status"), COMMAND_FAILED);
	cli_assert_says("status", "/nonexistent/b.sock");
	assert_int_equal(cli_run_with(NULL, "doctor"), COMMAND_FAILED);
	assert_non_null(strstr(cli_out, "/nonexistent/b.sock"));
	unsetenv("SEALPOINT_AGENT");
}

static void
settings_are_read_and_a_mistake_in_them_stops(void **state)
{
	static const char bad[] = "[mp]\nurl = https://x\nwho = me\n";
	static const char good[] = "[mp]\nurl = https://x\n";

	(void)state;
	cli_put("conf", bad, sizeof(bad) - 1);
	assert_int_equal(cli_run("keys --config @conf"), COMMAND_FAILED);
	cli_assert_says("keys", "line 3");
	assert_string_equal(cli_out, "");
	cli_put("conf", good, sizeof(good) - 1);
	assert_int_equal(
	    cli_run("--config @conf mp list -k @RSA"), COMMAND_USAGE);
	cli_assert_says("mp list", "--site");
	cli_drop("conf");
}

static const char *
text_at(const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));

	if (text == NULL)
		fail_msg("no text %s", name);
	return text;
}

static void
keys_in_json_hold_every_field(void **state)
{
	json_t *all, *one;

	(void)state;
	assert_int_equal(cli_run("keys --json"), COMMAND_DONE);
	assert_string_equal(cli_err, "");
	all = json_loads(cli_out, 0, NULL);
	assert_int_equal(json_array_size(all), 2);
	one = json_array_get(all, 0);
	assert_int_equal(json_object_size(one), 11);
	assert_string_equal(text_at(one, "thumbprint"), cli_rsa_thumb);
	assert_int_equal(strlen(text_at(one, "sha256")), 64);
	assert_string_equal(text_at(one, "subject"), "CN=rsa\\1B[31m");
	assert_string_equal(text_at(one, "issuer"), "CN=rsa\\1B[31m");
	assert_true(strlen(text_at(one, "serial")) > 0);
	assert_int_equal(strlen(text_at(one, "not_before")), 20);
	assert_int_equal(text_at(one, "not_after")[19], 'Z');
	assert_string_equal(text_at(one, "key"), "rsa-2048");
	assert_true(strlen(text_at(one, "token")) > 0);
	assert_true(json_is_array(json_object_get(one, "mechanisms")));
	assert_true(json_is_array(json_object_get(one, "uses")));
	assert_string_equal(text_at(json_array_get(all, 1), "key"), "ec-p256");
	json_decref(all);
}

static void
keys_in_text_have_a_row_each_and_no_escapes(void **state)
{
	(void)state;
	assert_int_equal(cli_run("keys"), COMMAND_DONE);
	assert_non_null(strstr(cli_out, "THUMBPRINT"));
	assert_non_null(strstr(cli_out, cli_rsa_thumb));
	assert_non_null(strstr(cli_out, cli_ec_thumb));
	assert_null(strchr(cli_out, '\033'));
}

static void
a_failing_signer_is_an_error_and_not_a_shorter_list(void **state)
{
	(void)state;
	soft_signer_fail(cli_soft, SIGNER_EDEVICE, 1);
	assert_int_equal(cli_run("keys --json"), COMMAND_FAILED);
	assert_string_equal(cli_out, "");
	cli_assert_says("keys", "cannot be listed");
}

static void
certificates_come_out_as_they_are(void **state)
{
	X509 *cert;
	const uint8_t *p;
	json_t *all;
	BIO *bio;

	(void)state;
	assert_int_equal(cli_run("cert export -k @RSA"), COMMAND_DONE);
	bio = BIO_new_mem_buf(cli_out, (int)cli_outlen);
	cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	assert_int_equal(X509_cmp(cert, cli_rsa_cert), 0);
	X509_free(cert);

	assert_int_equal(cli_run("cert export -k @EC --der"), COMMAND_DONE);
	p = (const uint8_t *)cli_out;
	cert = d2i_X509(NULL, &p, (long)cli_outlen);
	assert_int_equal(X509_cmp(cert, cli_ec_cert), 0);
	X509_free(cert);

	assert_int_equal(cli_run("cert chain -k @EC --json"), COMMAND_DONE);
	all = json_loads(cli_out, 0, NULL);
	assert_int_equal(json_array_size(all), 1);
	assert_string_equal(
	    text_at(json_array_get(all, 0), "thumbprint"), cli_ec_thumb);
	json_decref(all);
	assert_int_equal(cli_run("cert show -k @EC"), COMMAND_DONE);
	assert_non_null(strstr(cli_out, "ec-p256"));
	assert_int_equal(
	    cli_run("cert chain -k @EC -o @chain.pem"), COMMAND_DONE);
	assert_true(cli_there("chain.pem"));
	cli_drop("chain.pem");
}

static void
an_ambiguous_thumbprint_asks_for_the_longer_one(void **state)
{
	(void)state;
	soft_signer_fail(cli_soft, SIGNER_EAMBIGUOUS, 1);
	assert_int_equal(cli_run("cert show -k @RSA"), COMMAND_FAILED);
	cli_assert_says("cert show", "SHA-256");
}

static void
a_management_point_that_is_not_there_is_named(void **state)
{
	(void)state;
	assert_int_equal(cli_run("policy list -k @RSA --mp-signature tls " MP),
	    COMMAND_FAILED);
	assert_true(cli_errlen > 11);
	assert_int_equal(cli_run("register -k @RSA --netbios A --fqdn a.b "
				 "--mp-signature tls --wait 0 --json " MP),
	    COMMAND_FAILED);
	/* A warning of the certificate, which is self-signed, comes first. */
	assert_memory_equal(cli_err, "sealpoint: warning: ", 20);
	assert_non_null(strstr(cli_err, "\nsealpoint: "));
	assert_non_null(strstr(cli_err, "127.0.0.1"));
	assert_string_equal(cli_out, "");
	cli_drop_state();
}
int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_makes_no_sense_exits_2),
	    cmocka_unit_test(messages_that_make_no_sense_exit_2),
	    cmocka_unit_test(what_fails_exits_1_and_says_what_to_do),
	    cmocka_unit_test(no_agent_is_said_with_its_socket),
	    cmocka_unit_test(settings_are_read_and_a_mistake_in_them_stops),
	    cmocka_unit_test(keys_in_json_hold_every_field),
	    cmocka_unit_test(keys_in_text_have_a_row_each_and_no_escapes),
	    cmocka_unit_test(
		a_failing_signer_is_an_error_and_not_a_shorter_list),
	    cmocka_unit_test(certificates_come_out_as_they_are),
	    cmocka_unit_test(an_ambiguous_thumbprint_asks_for_the_longer_one),
	    cmocka_unit_test(a_management_point_that_is_not_there_is_named),
	};

	return cmocka_run_group_tests(tests, cli_set_up, cli_tear_down);
}
