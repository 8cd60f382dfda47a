#include "pkcs11/guard.h"

#include <sys/stat.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct place {
	char dir[64], file[80];
};

static int
make(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/sealpoint-guard.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	(void)snprintf(p->file, sizeof(p->file), "%s/g", p->dir);
	*state = p;
	return 0;
}

static int
unmake(void **state)
{
	struct place *p = *state;
	char lock[96];

	(void)snprintf(lock, sizeof(lock), "%s.lock", p->file);
	(void)unlink(p->file);
	(void)unlink(lock);
	assert_int_equal(rmdir(p->dir), 0);
	free(p);
	return 0;
}

/* Asks; and ends the login so, if it was cleared. */
static int
ask(const struct place *p, const char *serial, const char *pin, bool low,
    enum guard_end end)
{
	struct module_token token;
	enum guard_verdict verdict;
	struct token_trouble why;
	struct guard *g;
	int r;

	memset(&token, ' ', sizeof(token));
	memcpy(token.serial, serial, strlen(serial));
	r = guard_open(&g, p->file, &token, (const uint8_t *)pin, strlen(pin),
	    low, 100, &verdict, &why);
	if (r != TOKEN_OK) {
		assert_null(g);
		return r;
	}
	if (verdict == GUARD_CLEAR)
		assert_int_equal(guard_close(g, end, &why), TOKEN_OK);
	else
		assert_null(g);
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
	assert_int_equal(ask(p, "1", "a", false, GUARD_UNKNOWN), GUARD_CLEAR);
	assert_int_equal(ask(p, "1", "a", true, GUARD_UNKNOWN), GUARD_REFUSED);
	assert_int_equal(ask(p, "1", "b", true, GUARD_UNUSED), GUARD_CLEAR);
	assert_int_equal(ask(p, "1", "b", true, GUARD_GOOD), GUARD_CLEAR);
	assert_int_not_equal(access(p->file, F_OK), 0);
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
	assert_in_range(st.st_size, 1, 4096);
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
	struct module_token token;
	enum guard_verdict verdict;
	struct token_trouble why;
	struct guard *g;

	memset(&token, 0, sizeof(token));
	assert_int_equal(guard_open(&g, p->file, &token, (const uint8_t *)"a",
			     1, false, 100, &verdict, &why),
	    TOKEN_OK);
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
	    TEST(the_file_holds_no_pin_and_does_not_grow),
	    TEST(a_second_process_waits_and_then_gives_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
