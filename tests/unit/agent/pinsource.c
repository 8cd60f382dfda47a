#include "agent/supervisor/pinsource.h"

#include <sys/stat.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct conf conf;
static struct conf_token token = {.name = "card", .pin = CONF_PIN_FD};
static char text[CONF_TEXT_MAX];

/* As inherited: a pipe with these bytes, closed behind them. */
static int
piped(const char *bytes, size_t len)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	if (len > 0)
		assert_int_equal(write(ends[1], bytes, len), (ssize_t)len);
	assert_int_equal(close(ends[1]), 0);
	return ends[0];
}

static int
open_fd(struct pinsource *p, int fd)
{
	pinsource_init(p);
	(void)snprintf(token.pin_from, sizeof(token.pin_from), "%d", fd);
	return pinsource_open(p, &conf, &token, true, text, sizeof(text));
}

static void
what_a_pipe_brought_can_be_read_again(void **state)
{
	struct pinsource p;
	bool wanted, ours;
	char got[16];
	int fd = piped("1234\n", 5);

	(void)state;
	assert_int_equal(open_fd(&p, fd), 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	for (int i = 0; i < 3; i++) {
		int lent = pinsource_lend(&p, &token, &wanted, &ours);

		assert_true(wanted);
		assert_false(ours);
		assert_int_equal(pread(lent, got, sizeof(got), 0), 5);
		assert_memory_equal(got, "1234\n", 5);
	}
	pinsource_close(&p);
	assert_int_equal(p.fd, -1);
}

static void
what_it_brought_is_wiped(void **state)
{
	struct pinsource p;
	char got[16] = "", none[5] = "";
	int copy;

	(void)state;
	assert_int_equal(open_fd(&p, piped("1234\n", 5)), 0);
	copy = dup(p.fd);
	pinsource_close(&p);
	assert_int_equal(pread(copy, got, sizeof(got), 0), 5);
	assert_memory_equal(got, none, 5);
	(void)close(copy);
}

static void
an_empty_or_endless_pipe_is_refused(void **state)
{
	static char much[4096];
	struct pinsource p;
	int fd;

	(void)state;
	fd = piped("", 0);
	assert_int_equal(open_fd(&p, fd), -1);
	assert_non_null(strstr(text, "No data"));
	(void)close(fd);
	fd = piped(much, sizeof(much));
	assert_int_equal(open_fd(&p, fd), -1);
	assert_non_null(strstr(text, "too long"));
	(void)close(fd);
}

/* The lock of the state directory must not pass for a PIN. */
static void
a_descriptor_of_our_own_is_not_taken(void **state)
{
	struct pinsource p;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(open_fd(&p, fd), -1);
	assert_non_null(strstr(text, "without that descriptor"));
	assert_int_not_equal(fcntl(fd, F_GETFD), -1);
	(void)close(fd);
	assert_int_equal(open_fd(&p, 999), -1);
}

static void
a_source_serves_the_same_token_alone(void **state)
{
	struct conf_token other = token;

	(void)state;
	other.sessions++;
	assert_true(pinsource_fits(&token, &other));
	(void)snprintf(other.name, sizeof(other.name), "other");
	assert_false(pinsource_fits(&token, &other));
	other = token;
	other.pin = CONF_PIN_ASK;
	assert_false(pinsource_fits(&token, &other));
	other = token;
	(void)snprintf(other.pin_from, sizeof(other.pin_from), "0");
	assert_false(pinsource_fits(&token, &other));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_a_pipe_brought_can_be_read_again),
	    cmocka_unit_test(what_it_brought_is_wiped),
	    cmocka_unit_test(an_empty_or_endless_pipe_is_refused),
	    cmocka_unit_test(a_descriptor_of_our_own_is_not_taken),
	    cmocka_unit_test(a_source_serves_the_same_token_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
