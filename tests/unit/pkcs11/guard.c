#include "pkcs11/guard.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct place {
	char dir[64], file[80];
	struct guard_memory memory;
	unsigned wait_ms;
};

static int
make(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/sealpoint-guard.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->wait_ms = 100;
	(void)snprintf(p->file, sizeof(p->file), "%s/g", p->dir);
	*state = p;
	return 0;
}

/* The file is left, or not, and locks, and nothing else. */
static int
unmake(void **state)
{
	struct place *p = *state;
	DIR *dir = opendir(p->dir);
	struct dirent *e;

	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		assert_true(strcmp(e->d_name, "g") == 0 ||
			    strstr(e->d_name, ".lock") != NULL);
		assert_int_equal(unlinkat(dirfd(dir), e->d_name, 0), 0);
	}
	(void)closedir(dir);
	assert_int_equal(rmdir(p->dir), 0);
	free(p);
	return 0;
}

static int
open_it(struct place *p, struct guard **g, const char *serial, const char *pin)
{
	struct module_token token;
	struct token_trouble why;
	int r;

	memset(&token, ' ', sizeof(token));
	memcpy(token.serial, serial, strlen(serial));
	r = guard_open(g, p->file, &p->memory, &token, (const uint8_t *)pin,
	    strlen(pin), p->wait_ms, &why);
	assert_int_equal(r == TOKEN_OK, *g != NULL);
	return r;
}

/* Asks; and ends the login so, if it was cleared. */
static int
ask(struct place *p, const char *serial, const char *pin, bool low,
    enum guard_end end)
{
	enum guard_verdict verdict;
	struct token_trouble why;
	struct guard *g;
	int r;

	r = open_it(p, &g, serial, pin);
	if (r != TOKEN_OK)
		return r;
	assert_int_equal(guard_judge(g, low, &verdict, &why), TOKEN_OK);
	assert_int_equal(
	    guard_close(g, verdict == GUARD_CLEAR ? end : GUARD_UNKNOWN, &why),
	    TOKEN_OK);
	return (int)verdict;
}

static void
a_refused_pin_stays_refused_for_its_token_only(void **state)
{
	struct place *p = *state;

	assert_int_equal(ask(p, "1", "a", false, GUARD_BAD), GUARD_CLEAR);
	assert_int_equal(ask(p, "1", "a", false, GUARD_BAD), GUARD_REFUSED);
	assert_int_equal(ask(p, "1", "a", true, GUARD_BAD), GUARD_REFUSED);
	assert_int_equal(ask(p, "2", "a", false, GUARD_BAD), GUARD_CLEAR);
	assert_int_equal(ask(p, "1", "b", false, GUARD_GOOD), GUARD_CLEAR);
	/* The right PIN made the first token count anew; not the second. */
	assert_int_equal(ask(p, "1", "a", false, GUARD_BAD), GUARD_CLEAR);
	assert_int_equal(ask(p, "2", "a", false, GUARD_BAD), GUARD_REFUSED);
}

static void
a_pending_record_counts_if_the_token_saw_a_failure(void **state)
{
	struct place *p = *state;

	assert_int_equal(ask(p, "1", "a", false, GUARD_UNKNOWN), GUARD_CLEAR);
	assert_int_equal(
	    ask(p, "1", "a", true, GUARD_UNKNOWN), GUARD_UNANSWERED);
	assert_int_equal(ask(p, "1", "b", true, GUARD_UNUSED), GUARD_CLEAR);
	assert_int_equal(ask(p, "1", "b", true, GUARD_GOOD), GUARD_CLEAR);
	assert_int_not_equal(access(p->file, F_OK), 0);
}

static void
a_pin_is_sent_twice_at_most_without_an_answer(void **state)
{
	struct place *p = *state;

	assert_int_equal(ask(p, "1", "a", false, GUARD_UNKNOWN), GUARD_CLEAR);
	/* What never reached the card uses no grace up, and gives none. */
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(
		    ask(p, "1", "a", false, GUARD_UNUSED), GUARD_CLEAR);
	assert_int_equal(ask(p, "1", "a", false, GUARD_UNKNOWN), GUARD_CLEAR);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(
		    ask(p, "1", "a", false, GUARD_GOOD), GUARD_UNANSWERED);
	/* Another token, or another PIN, has its own count. */
	assert_int_equal(ask(p, "2", "a", false, GUARD_UNUSED), GUARD_CLEAR);
	assert_int_equal(ask(p, "1", "b", false, GUARD_GOOD), GUARD_CLEAR);
	assert_int_equal(ask(p, "1", "a", false, GUARD_UNKNOWN), GUARD_CLEAR);
	/* A good login in the second try clears as well as in the first. */
	assert_int_equal(ask(p, "1", "a", false, GUARD_GOOD), GUARD_CLEAR);
	assert_int_not_equal(access(p->file, F_OK), 0);
}

/* A folder in the new file's way is as good as a full disk. */
static void
a_refused_pin_is_remembered_though_the_disk_is_full(void **state)
{
	struct place *p = *state;
	enum guard_verdict verdict;
	struct token_trouble why;
	char way[96];
	struct guard *g;

	(void)snprintf(way, sizeof(way), "%s.new", p->file);
	assert_int_equal(open_it(p, &g, "1", "a"), TOKEN_OK);
	assert_int_equal(guard_judge(g, false, &verdict, &why), TOKEN_OK);
	assert_int_equal(verdict, GUARD_CLEAR);
	assert_int_equal(mkdir(way, 0700), 0);
	assert_int_equal(guard_close(g, GUARD_BAD, &why), TOKEN_ECONFIG);
	assert_non_null(strstr(why.text, p->file));
	assert_int_equal(ask(p, "1", "a", false, GUARD_GOOD), GUARD_REFUSED);
	assert_int_equal(rmdir(way), 0);
	/* Now it is written after all, and the next process knows too. */
	assert_int_equal(ask(p, "1", "a", false, GUARD_GOOD), GUARD_REFUSED);
	memset(&p->memory, 0, sizeof(p->memory));
	assert_int_equal(ask(p, "1", "a", false, GUARD_GOOD), GUARD_REFUSED);
	/* Who removes the file says that the PIN is right now. */
	assert_int_equal(unlink(p->file), 0);
	assert_int_equal(ask(p, "1", "a", false, GUARD_GOOD), GUARD_CLEAR);
}

static void
one_file_serves_several_processes_and_tokens(void **state)
{
	struct place *p = *state;
	pid_t children[8];
	char text[4096], serial[8];
	size_t len, lines = 0;
	int status;
	FILE *f;

	p->wait_ms = 30000;
	for (unsigned i = 0; i < 8; i++) {
		(void)snprintf(serial, sizeof(serial), "%u", i);
		children[i] = fork();
		assert_int_not_equal(children[i], -1);
		for (unsigned n = 0; children[i] == 0 && n < 5; n++) {
			const char pin[] = {(char)('a' + n), '\0'};

			if (ask(p, serial, pin, false, GUARD_BAD) !=
				GUARD_CLEAR ||
			    ask(p, serial, "a", false, GUARD_BAD) !=
				GUARD_REFUSED)
				_exit(1);
		}
		if (children[i] == 0)
			_exit(0);
	}
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	f = fopen(p->file, "r");
	assert_non_null(f);
	len = fread(text, 1, sizeof(text), f);
	(void)fclose(f);
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	assert_int_equal(lines, 1 + 8 * 5);
}

/* The other's record, written during our login, must survive ours. */
static void
a_login_to_one_token_keeps_no_other_waiting(void **state)
{
	struct place *p = *state;
	enum guard_verdict verdict;
	struct token_trouble why;
	struct guard *g;

	assert_int_equal(open_it(p, &g, "1", "a"), TOKEN_OK);
	assert_int_equal(guard_judge(g, false, &verdict, &why), TOKEN_OK);
	assert_int_equal(ask(p, "2", "a", false, GUARD_BAD), GUARD_CLEAR);
	/* Not even a file that was removed meanwhile disturbs it. */
	assert_int_equal(unlink(p->file), 0);
	assert_int_equal(ask(p, "2", "b", false, GUARD_BAD), GUARD_CLEAR);
	assert_int_equal(guard_close(g, GUARD_BAD, &why), TOKEN_OK);
	assert_int_equal(ask(p, "1", "a", false, GUARD_GOOD), GUARD_REFUSED);
	assert_int_equal(ask(p, "2", "b", false, GUARD_GOOD), GUARD_REFUSED);
}

static void
the_file_holds_no_pin_and_does_not_grow(void **state)
{
	struct place *p = *state;
	char pin[32], serial[16], text[8192] = "";
	struct stat st;
	FILE *f;

	for (unsigned i = 0; i < 60; i++) {
		(void)snprintf(pin, sizeof(pin), "secret-%u", i);
		(void)snprintf(serial, sizeof(serial), "%u", i / 12);
		assert_int_equal(
		    ask(p, serial, pin, false, GUARD_BAD), GUARD_CLEAR);
	}
	assert_int_equal(
	    ask(p, "4", "secret-59", false, GUARD_BAD), GUARD_REFUSED);
	assert_int_equal(
	    ask(p, "4", "secret-52", false, GUARD_BAD), GUARD_REFUSED);
	assert_int_equal(stat(p->file, &st), 0);
	assert_in_range(st.st_size, 1, 16384);
	f = fopen(p->file, "r");
	assert_non_null(f);
	assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
	(void)fclose(f);
	assert_null(strstr(text, "secret"));
}

/* Cut anywhere but at the end of a line, the file is refused as it is. */
static void
every_truncation_is_refused(void **state)
{
	struct place *p = *state;
	char text[4096];
	size_t len;
	FILE *f;

	assert_int_equal(ask(p, "1", "a", false, GUARD_BAD), GUARD_CLEAR);
	assert_int_equal(ask(p, "1", "b", false, GUARD_BAD), GUARD_CLEAR);
	f = fopen(p->file, "r");
	assert_non_null(f);
	len = fread(text, 1, sizeof(text), f);
	(void)fclose(f);
	for (size_t n = 0; n < len; n++) {
		int r;

		assert_int_equal(truncate(p->file, 0), 0);
		f = fopen(p->file, "w");
		assert_non_null(f);
		assert_int_equal(fwrite(text, 1, n, f), n);
		(void)fclose(f);
		if (n > 0 && text[n - 1] == '\n')
			continue;
		r = ask(p, "1", "c", false, GUARD_UNUSED);
		assert_int_equal(r, TOKEN_ECONFIG);
	}
}

static void
a_second_process_waits_and_then_gives_up(void **state)
{
	struct place *p = *state;
	struct token_trouble why;
	struct guard *g;

	assert_int_equal(open_it(p, &g, "1", "a"), TOKEN_OK);
	assert_int_equal(ask(p, "1", "b", false, GUARD_BAD), TOKEN_EBUSY);
	assert_int_equal(guard_close(g, GUARD_GOOD, &why), TOKEN_OK);
	assert_int_equal(ask(p, "1", "b", false, GUARD_GOOD), GUARD_CLEAR);
	assert_int_equal(guard_close(NULL, GUARD_GOOD, &why), TOKEN_OK);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, unmake)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(every_truncation_is_refused),
	    TEST(a_refused_pin_stays_refused_for_its_token_only),
	    TEST(a_pending_record_counts_if_the_token_saw_a_failure),
	    TEST(a_pin_is_sent_twice_at_most_without_an_answer),
	    TEST(a_refused_pin_is_remembered_though_the_disk_is_full),
	    TEST(one_file_serves_several_processes_and_tokens),
	    TEST(a_login_to_one_token_keeps_no_other_waiting),
	    TEST(the_file_holds_no_pin_and_does_not_grow),
	    TEST(a_second_process_waits_and_then_gives_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
