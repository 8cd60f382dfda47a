#include "mp/cli/pin.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64], file[128], source[160];

static int
set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/sealpoint-pin.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(file, sizeof(file), "%s/pin", dir);
	snprintf(source, sizeof(source), "file:%s", file);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	(void)unlink(file);
	return rmdir(dir);
}

static void
put(const void *data, size_t len, mode_t mode)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, data, len), (ssize_t)len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void
only_sources_are_sources(void **state)
{
	static const char *const good[] = {
	    "file:/x", "file:x", "fd:0", "fd:12", "ask", "pad"};
	static const char *const bad[] = {"", "1234", "file:", "fd:", "fd:-1",
	    "fd:x", "fd:1x", "fd:99999999", "asked", "env:PIN", "FILE:/x"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(pin_source_ok(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(pin_source_ok(bad[i]));
}

static void
a_file_that_is_unfit_is_refused(void **state)
{
	static char much[PIN_MAX + 1];
	static const struct {
		const char *data;
		size_t len;
		mode_t mode;
		const char *says;
	} cases[] = {
	    {"", 0, 0600, "is empty"},
	    {"\n", 1, 0600, "is empty"},
	    {"\r\n", 2, 0600, "is empty"},
	    {"12\0"
	     "34",
		5, 0600, "NUL"},
	    {much, sizeof(much), 0600, "too long"},
	    {"1234", 4, 0640, "chmod 600"},
	    {"1234", 4, 0604, "chmod 600"},
	};
	const uint8_t *pin;
	struct pin p;
	char text[256];
	size_t len;

	(void)state;
	memset(much, '1', sizeof(much));
	assert_int_equal(pin_init(&p, source, "x"), 0);
	assert_int_equal(pin_get(&p, &pin, &len, text, sizeof(text)), -1);
	assert_non_null(strstr(text, "No such file"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put(cases[i].data, cases[i].len, cases[i].mode);
		assert_int_equal(
		    pin_get(&p, &pin, &len, text, sizeof(text)), -1);
		assert_null(pin);
		assert_non_null(strstr(text, cases[i].says));
		assert_non_null(strstr(text, file));
		assert_null(strstr(text, "1234"));
	}
	pin_release(&p);
	snprintf(text, sizeof(text), "file:%s", dir);
	assert_int_equal(pin_init(&p, text, "x"), 0);
	{
		char why[256];

		assert_int_equal(pin_get(&p, &pin, &len, why, sizeof(why)), -1);
		assert_non_null(strstr(why, "not a regular file"));
	}
	pin_release(&p);
	pin_release(NULL);
}

static void
a_pin_loses_one_line_end_and_no_more(void **state)
{
	static const struct {
		const char *data, *pin;
	} cases[] = {
	    {"1234", "1234"},
	    {"1234\n", "1234"},
	    {"1234\r\n", "1234"},
	    {"1234\n\n", "1234\n"},
	    {" 12 34 ", " 12 34 "},
	};
	const uint8_t *pin;
	struct pin p;
	char text[256];
	size_t len;

	(void)state;
	assert_int_equal(pin_init(&p, source, "x"), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put(cases[i].data, strlen(cases[i].data), 0600);
		assert_int_equal(
		    pin_get(&p, &pin, &len, text, sizeof(text)), 0);
		assert_int_equal(len, strlen(cases[i].pin));
		assert_memory_equal(pin, cases[i].pin, len);
		pin_put(&p);
		for (size_t j = 0; j < 4096; j++)
			assert_int_equal(p.page[j], 0);
	}
	pin_release(&p);
}

static void
a_descriptor_is_read_to_its_end(void **state)
{
	char name[16], text[256];
	const uint8_t *pin;
	struct pin p;
	size_t len;
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	snprintf(name, sizeof(name), "fd:%d", fd[0]);
	assert_int_equal(write(fd[1], "12", 2), 2);
	assert_int_equal(write(fd[1], "34\n", 3), 3);
	close(fd[1]);
	assert_int_equal(pin_init(&p, name, "x"), 0);
	assert_int_equal(pin_get(&p, &pin, &len, text, sizeof(text)), 0);
	assert_int_equal(len, 4);
	assert_memory_equal(pin, "1234", 4);
	/* It is empty now, and closed next. */
	assert_int_equal(pin_get(&p, &pin, &len, text, sizeof(text)), -1);
	assert_non_null(strstr(text, "is empty"));
	close(fd[0]);
	assert_int_equal(pin_get(&p, &pin, &len, text, sizeof(text)), -1);
	assert_non_null(strstr(text, "descriptor"));
	pin_release(&p);
}

static void
a_pad_needs_no_pin(void **state)
{
	const uint8_t *pin = (const uint8_t *)"x";
	struct pin p;
	char text[256];
	size_t len = 1;

	(void)state;
	assert_int_equal(pin_init(&p, "pad", "x"), 0);
	assert_int_equal(pin_get(&p, &pin, &len, text, sizeof(text)), 0);
	assert_null(pin);
	assert_int_equal(len, 0);
	pin_release(&p);
}

/* The far end of a terminal: what is typed, and what it shows. */
static void
converse(int tty, const char *keys, char *seen, size_t room)
{
	struct pollfd p = {.fd = tty, .events = POLLIN};
	size_t n = 0;
	bool typed = false;
	ssize_t r;

	while (n < room - 1 && poll(&p, 1, 5000) == 1) {
		r = read(tty, seen + n, room - 1 - n);
		if (r <= 0)
			break;
		n += (size_t)r;
		seen[n] = '\0';
		if (!typed && strstr(seen, ": ") != NULL) {
			assert_int_equal(write(tty, keys, strlen(keys)),
			    (ssize_t)strlen(keys));
			typed = true;
		}
	}
	seen[n] = '\0';
}

/* In the child: 0 if the PIN typed is `expect`, 1 if it was given up. */
static int
ask(const char *expect)
{
	const uint8_t *pin;
	struct pin p;
	char text[256];
	size_t len;
	int r;

	if (pin_init(&p, "ask", "the card") != 0)
		return 3;
	if (pin_get(&p, &pin, &len, text, sizeof(text)) != 0)
		return 1;
	r = len == strlen(expect) && memcmp(pin, expect, len) == 0 ? 0 : 2;
	pin_release(&p);
	return r;
}

static void
a_terminal_takes_a_pin_and_shows_nothing(void **state)
{
	static const struct {
		const char *keys, *pin;
		int status;
	} cases[] = {
	    {"4711\n", "4711", 0},
	    {"4711\r", "4711", 0},
	    {"47x\b11\n", "4711", 0},
	    {"47x\17711\n", "4711", 0},
	    {"wrong\0254711\n", "4711", 0},
	    {"\b\b4711\n", "4711", 0},
	    {"4711\003", "", 1},
	    {"4711\004", "", 1},
	    {"\n", "", 1},
	};
	char seen[512];
	int tty, status;
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pid = forkpty(&tty, NULL, NULL, NULL);
		assert_true(pid >= 0);
		if (pid == 0)
			_exit(ask(cases[i].pin));
		converse(tty, cases[i].keys, seen, sizeof(seen));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		close(tty);
		if (!WIFEXITED(status) ||
		    WEXITSTATUS(status) != cases[i].status)
			fail_msg("case %zu: %d, %s", i, status, seen);
		assert_non_null(strstr(seen, "PIN of the card: "));
		assert_null(strstr(seen, "47"));
	}
}

static void
without_a_terminal_nobody_is_asked(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)setsid();
		_exit(ask("x"));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_sources_are_sources),
	    cmocka_unit_test(a_file_that_is_unfit_is_refused),
	    cmocka_unit_test(a_pin_loses_one_line_end_and_no_more),
	    cmocka_unit_test(a_descriptor_is_read_to_its_end),
	    cmocka_unit_test(a_pad_needs_no_pin),
	    cmocka_unit_test(a_terminal_takes_a_pin_and_shows_nothing),
	    cmocka_unit_test(without_a_terminal_nobody_is_asked),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
