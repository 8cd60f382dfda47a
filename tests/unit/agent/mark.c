#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/mark.h"

static char dir[] = "/tmp/mark.XXXXXX";

static int
make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL;
}

static int
drop_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

static void
a_state_directory_that_is_not_there_counts_as_locked(void **state)
{
	(void)state;
	assert_int_equal(mark_set("/nonexistent", "a"), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(mark_clear("/nonexistent", "a"), -1);
	assert_true(mark_is_set("/nonexistent", "a"));
	assert_true(mark_is_set("/etc/passwd", "a"));
}

static void
a_name_too_long_for_a_file_counts_as_locked(void **state)
{
	char name[100];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(mark_set(dir, name), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	assert_int_equal(mark_clear(dir, name), -1);
	assert_true(mark_is_set(dir, name));
}

static void
a_mark_is_one_tokens_and_may_be_made_and_taken_twice(void **state)
{
	char path[64];
	struct stat st;

	(void)state;
	assert_false(mark_is_set(dir, "a"));
	assert_int_equal(mark_clear(dir, "a"), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(mark_set(dir, "a"), 0);
		assert_true(mark_is_set(dir, "a"));
		assert_false(mark_is_set(dir, "b"));
	}
	(void)snprintf(path, sizeof(path), "%s/locked.a", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(mark_clear(dir, "a"), 0);
		assert_false(mark_is_set(dir, "a"));
	}
}

/* Somebody's link in its place is a mark, and nothing is made through it. */
static void
a_link_in_the_marks_place_is_not_followed(void **state)
{
	char path[64], elsewhere[64];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/locked.a", dir);
	(void)snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", dir);
	assert_int_equal(symlink(elsewhere, path), 0);
	assert_true(mark_is_set(dir, "a"));
	assert_int_equal(mark_set(dir, "a"), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(access(elsewhere, F_OK), -1);
	assert_int_equal(mark_clear(dir, "a"), 0);
	assert_false(mark_is_set(dir, "a"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		a_state_directory_that_is_not_there_counts_as_locked),
	    cmocka_unit_test(a_name_too_long_for_a_file_counts_as_locked),
	    cmocka_unit_test(
		a_mark_is_one_tokens_and_may_be_made_and_taken_twice),
	    cmocka_unit_test(a_link_in_the_marks_place_is_not_followed),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
