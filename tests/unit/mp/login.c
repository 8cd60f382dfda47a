#include "mp/login.h"

#include <sys/stat.h>

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/mp/pki.h"

static char dir[PATH_MAX], path[PATH_MAX];

static int
set_up(void **state)
{
	(void)state;
	pki_dir(dir);
	pki_path(path, dir, "login");
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	pki_remove(dir);
	return 0;
}

static void
put(const char *data, size_t len, mode_t mode)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void
must_refuse(const char *words)
{
	static const struct mp_login none;
	struct mp_login l = {.user = "x"};
	struct mp_error e = {0};

	assert_int_equal(mp_login_read(&l, path, "the login", &e), MP_EARG);
	assert_memory_equal(&l, &none, sizeof(l));
	if (strstr(e.text, words) == NULL || strstr(e.text, path) == NULL)
		fail_msg("not said: \"%s\" in \"%s\"", words, e.text);
	assert_null(strstr(e.text, "hunter2"));
}

static void
a_file_that_others_may_read_is_refused(void **state)
{
	static const mode_t modes[] = {0644, 0640, 0620, 0602, 0601};

	(void)state;
	must_refuse("No such file");
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		put("u:hunter2\n", 10, modes[i]);
		must_refuse("chmod 600");
	}
	assert_int_equal(remove(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	must_refuse("regular file"); /* and nobody waits for a writer */
}

static void
what_is_no_login_is_refused(void **state)
{
	static const char *const bad[] = {
	    "",
	    "\n",
	    "hunter2",
	    ":hunter2",
	    "u:",
	    ":",
	    "u:hunter2\nx",
	    "u:hunter2\n\n",
	    "u:hun\tter2",
	    "u\x7f:hunter2",
	};
	char text[600];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(bad[i], strlen(bad[i]), 0600);
		must_refuse("NAME:PASSWORD");
	}
	put("u:hunter2\0x", 11, 0600);
	must_refuse("NAME:PASSWORD");
	memset(text, 'a', sizeof(text));
	put(text, sizeof(text), 0600);
	must_refuse("NAME:PASSWORD");
	text[256] = ':';
	put(text, 300, 0600);
	must_refuse("NAME:PASSWORD");
	text[1] = ':';
	put(text, 2 + 256, 0600);
	must_refuse("NAME:PASSWORD");
}

static void
name_and_password_are_read(void **state)
{
	static const struct {
		const char *text, *user, *password;
	} good[] = {
	    {"u:p", "u", "p"},
	    {"u:p\n", "u", "p"},
	    {"u:p\r\n", "u", "p"},
	    {"DOM\\user:a:b c\n", "DOM\\user", "a:b c"},
	    {"\xc3\xbc:\xc3\xa4\n", "\xc3\xbc", "\xc3\xa4"},
	};
	struct mp_error e = {0};
	struct mp_login l;
	char text[600];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		put(good[i].text, strlen(good[i].text), 0600);
		if (mp_login_read(&l, path, "the login", &e) != 0)
			fail_msg("%s", e.text);
		assert_string_equal(l.user, good[i].user);
		assert_string_equal(l.password, good[i].password);
	}
	memset(text, 'a', sizeof(text));
	text[255] = ':';
	put(text, 511, 0400);
	assert_int_equal(mp_login_read(&l, path, "the login", &e), 0);
	assert_int_equal(strlen(l.user), 255);
	assert_int_equal(strlen(l.password), 255);
	mp_login_wipe(&l);
	assert_string_equal(l.password, "");
	mp_login_wipe(NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(a_file_that_others_may_read_is_refused),
	    TEST(what_is_no_login_is_refused),
	    TEST(name_and_password_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
