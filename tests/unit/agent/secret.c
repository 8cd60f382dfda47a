#include <sys/stat.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/secret.h"

static struct secret secret;
static char path[] = "/tmp/sealpoint-secret-XXXXXX";
static char text[512];

static int
make(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	(void)close(fd);
	return fd == -1 ? -1 : secret_init(&secret);
}

static int
unmake(void **state)
{
	(void)state;
	secret_release(&secret);
	return unlink(path);
}

static int
read_bytes(const void *bytes, size_t len, mode_t mode, int lax)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	(void)fclose(f);
	assert_int_equal(chmod(path, mode), 0);
	return secret_read_file(&secret, path, lax, text, sizeof(text));
}

static void
one_line_ending_is_stripped_and_no_more(void **state)
{
	static const struct {
		const char *file, *pin;
	} cases[] = {
	    {"1234", "1234"},
	    {"1234\n", "1234"},
	    {"1234\r\n", "1234"},
	    {"1234\n\n", "1234\n"},
	    {" 1234 ", " 1234 "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
		    read_bytes(cases[i].file, strlen(cases[i].file), 0600, 0),
		    0);
		assert_int_equal(secret.len, strlen(cases[i].pin));
		assert_memory_equal(secret.bytes, cases[i].pin, secret.len);
	}
}

static void
what_can_be_no_pin_is_refused_and_nothing_stays(void **state)
{
	static const uint8_t zeros[SECRET_MAX + 3], nul[] = {'1', 0, '2'};
	char full[SECRET_MAX + 3];

	(void)state;
	assert_int_equal(read_bytes("", 0, 0600, 0), -1);
	assert_non_null(strstr(text, "is empty"));
	assert_int_equal(read_bytes("\n", 1, 0600, 0), -1);
	assert_int_equal(read_bytes(nul, 3, 0600, 0), -1);
	assert_non_null(strstr(text, "NUL"));
	memset(full, 'x', sizeof(full));
	assert_int_equal(read_bytes(full, SECRET_MAX, 0600, 0), 0);
	assert_int_equal(read_bytes(full, SECRET_MAX + 1, 0600, 0), -1);
	assert_non_null(strstr(text, "too long"));
	assert_int_equal(secret.len, 0);
	assert_memory_equal(secret.bytes, zeros, SECRET_MAX + 3);
}

static void
a_file_that_others_may_read_is_refused_unless_lax(void **state)
{
	(void)state;
	assert_int_equal(read_bytes("1234", 4, 0640, 0), -1);
	assert_non_null(strstr(text, "chmod 600"));
	assert_int_equal(read_bytes("1234", 4, 0604, 0), -1);
	assert_int_equal(read_bytes("1234", 4, 0440, 1), 0);
	assert_int_equal(
	    secret_read_file(&secret, "/dev/zero", 0, text, sizeof(text)), -1);
	assert_non_null(strstr(text, "regular file"));
}

static void
a_child_sees_zeros(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(read_bytes("1234", 4, 0600, 0), 0);
	pid = fork();
	if (pid == 0)
		_exit(secret.bytes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(secret.bytes[0], '1');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_line_ending_is_stripped_and_no_more),
	    cmocka_unit_test(what_can_be_no_pin_is_refused_and_nothing_stays),
	    cmocka_unit_test(a_file_that_others_may_read_is_refused_unless_lax),
	    cmocka_unit_test(a_child_sees_zeros),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
