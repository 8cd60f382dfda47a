#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "mp/cli/conf.h"

static const struct option_def defs[] = {
    {OPTION_HASH, '\0', "hash", "sha1|sha256", "of signatures"},
    {OPTION_MP_SIGNATURE, '\0', "mp-signature", "required|tls", "rule"},
    {OPTION_CRL, '\0', "crl", NULL, "check"},
    {OPTION_MODE, '\0', "mode", "native|mixed", "way"},
    {0},
};

static char path[64];

static int
make_path(void **state)
{
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/sealpoint-conf.XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int
remove_path(void **state)
{
	(void)state;
	return unlink(path);
}

static int
load(struct conf *c, const char *content, size_t len, char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(content, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	return conf_load(c, path, defs, text);
}

static void
mistakes_are_named_with_file_and_line(void **state)
{
	static const struct {
		const char *content, *line, *why;
	} rows[] = {
	    {"[mp]\nurl=https://x\ncolour=red\n", "line 3", "no key colour"},
	    {"[mq]\nurl=https://x\n", "line 1", "no section [mq]"},
	    {"[mp]\n[nothing]\n", "line 2", "no section [nothing]"},
	    {"url=https://x\n", "line 1", "no key url in section []"},
	    {"[mp]\n\nurl\n", "line 3", "neither"},
	    {"[mp\nurl=x\n", "line 1", "closing bracket"},
	    {"[mp]\nsite=A\nsite=B\n", "line 3", "twice"},
	    {"[mp]\nsite=A\n  more\n", "line 3", "blank"},
	    {"[mp]\nsite=\n", "line 2", "empty"},
	    {"[mp]\nhash=md5\n", "line 2", "one of sha1|sha256"},
	    {"[mp]\nmp-signature=no\n", "line 2", "required|tls"},
	    {"[mp]\nca=ca.pem\n", "line 2", "absolute"},
	    {"[mp]\nauth-file=a\n", "line 2", "absolute"},
	    {"[mp]\nencrypt-certs=a\n", "line 2", "absolute"},
	    {"[mp]\ncrl=maybe\n", "line 2", "yes or no"},
	    {"[mp]\nmode=both\n", "line 2", "native|mixed"},
	    {"[mp]\nclient-id=x\n", "line 2", "no key client-id"},
	    {"[agent]\nsocket=x.sock\n", "line 2", "absolute"},
	    {"[mp]\nKEY=AB\n", "line 2", "no key KEY"},
	};
	char text[CONF_TEXT_MAX];
	struct conf c;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
		    load(&c, rows[i].content, strlen(rows[i].content), text),
		    -1);
		assert_non_null(strstr(text, path));
		assert_non_null(strstr(text, rows[i].line));
		assert_non_null(strstr(text, rows[i].why));
		for (size_t id = 0; id < OPTION_COUNT; id++)
			assert_null(c.value[id]);
	}
}

static void
a_line_or_file_too_long_is_refused(void **state)
{
	char text[CONF_TEXT_MAX], *big = malloc(CONF_FILE_MAX + 10);
	struct conf c;

	(void)state;
	memset(big, 'a', CONF_FILE_MAX + 10);
	memcpy(big, "[mp]\nsite=", 10);
	assert_int_equal(load(&c, big, CONF_LINE_MAX + 10, text), -1);
	assert_non_null(strstr(text, "line 2: the line is longer"));
	memset(big, '\n', CONF_FILE_MAX + 10);
	assert_int_equal(load(&c, big, CONF_FILE_MAX + 10, text), -1);
	assert_non_null(strstr(text, "larger than"));
	free(big);
}

static void
every_key_sets_its_option(void **state)
{
	static const char content[] =
	    "; of a site\n"
	    "[agent]\nsocket = /run/a.sock\n"
	    "[mp]\nurl = https://mp1 ; the first\nsite = PRI\n"
	    "netbios = PC7\nfqdn = pc7.x\nca = /ca\nmp-certs = /certs\n"
	    "mp-signature = tls\nstate = /state\nhash = sha1\nkey = AB CD\n";
	char text[CONF_TEXT_MAX];
	struct conf c;

	(void)state;
	assert_int_equal(load(&c, content, sizeof(content) - 1, text), 0);
	assert_string_equal(c.value[OPTION_AGENT], "/run/a.sock");
	assert_string_equal(c.value[OPTION_MP], "https://mp1");
	assert_string_equal(c.value[OPTION_SITE], "PRI");
	assert_string_equal(c.value[OPTION_NETBIOS], "PC7");
	assert_string_equal(c.value[OPTION_FQDN], "pc7.x");
	assert_string_equal(c.value[OPTION_CA], "/ca");
	assert_string_equal(c.value[OPTION_MP_CERTS], "/certs");
	assert_string_equal(c.value[OPTION_MP_SIGNATURE], "tls");
	assert_string_equal(c.value[OPTION_STATE], "/state");
	assert_string_equal(c.value[OPTION_HASH], "sha1");
	assert_string_equal(c.value[OPTION_KEY], "AB CD");
	conf_release(&c);
}

static void
every_key_of_the_way_sets_its_option(void **state)
{
	static const struct {
		const char *key, *value;
		enum option_id id;
	} rows[] = {
	    {"mode", "mixed", OPTION_MODE},
	    {"port", "8080", OPTION_PORT},
	    {"internet", "2", OPTION_INTERNET},
	    {"policy-hash", "always", OPTION_POLICY_HASH},
	    {"crl", "yes", OPTION_CRL},
	    {"max-upload", "300M", OPTION_MAX_UPLOAD},
	    {"encrypt-certs", "/mp", OPTION_ENCRYPT_CERTS},
	    {"cipher", "aes256", OPTION_CIPHER},
	    {"auth", "windows", OPTION_AUTH},
	    {"auth-file", "/login", OPTION_AUTH_FILE},
	    {"http-proxy", "http://p:3128", OPTION_HTTP_PROXY},
	    {"http-proxy-auth", "/proxy", OPTION_HTTP_PROXY_AUTH},
	};
	char text[CONF_TEXT_MAX], content[128];
	struct conf c;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(content, sizeof(content), "[mp]\n%s = %s\n",
		    rows[i].key, rows[i].value);
		assert_int_equal(load(&c, content, strlen(content), text), 0);
		assert_string_equal(c.value[rows[i].id], rows[i].value);
		conf_release(&c);
	}
}

static void
a_path_longer_than_inih_would_take_is_whole(void **state)
{
	char text[CONF_TEXT_MAX], content[1024];
	struct conf c;

	(void)state;
	snprintf(content, sizeof(content), "[mp]\nca=/%0900d\n", 7);
	assert_int_equal(load(&c, content, strlen(content), text), 0);
	assert_int_equal(strlen(c.value[OPTION_CA]), 901);
	conf_release(&c);
}

/* A good file cut anywhere: taken or refused, never half taken. */
static void
every_truncation_is_whole_or_refused(void **state)
{
	static const char content[] = "[mp]\nurl=https://x\nhash=sha256\n";
	char text[CONF_TEXT_MAX];
	struct conf c;

	(void)state;
	for (size_t n = 0; n < sizeof(content); n++) {
		if (load(&c, content, n, text) == 0)
			conf_release(&c);
		else
			assert_null(c.value[OPTION_MP]);
	}
}

static void
a_file_that_was_named_must_be_there(void **state)
{
	char text[CONF_TEXT_MAX];
	struct conf c;

	(void)state;
	assert_int_equal(conf_load(&c, "/nonexistent/x.conf", defs, text), -1);
	assert_non_null(strstr(text, "/nonexistent/x.conf"));
	assert_non_null(strstr(text, "--config"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(mistakes_are_named_with_file_and_line),
	    cmocka_unit_test(a_line_or_file_too_long_is_refused),
	    cmocka_unit_test(every_key_sets_its_option),
	    cmocka_unit_test(every_key_of_the_way_sets_its_option),
	    cmocka_unit_test(a_path_longer_than_inih_would_take_is_whole),
	    cmocka_unit_test(every_truncation_is_whole_or_refused),
	    cmocka_unit_test(a_file_that_was_named_must_be_there),
	};

	return cmocka_run_group_tests(tests, make_path, remove_path);
}
