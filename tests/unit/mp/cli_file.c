#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/crypto.h>

#include "mp/cli/file.h"

static char dir[64], path[128];

static int
make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/sealpoint-file.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/out", dir);
	umask(022);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

/* How many names the directory holds. */
static int
names(void)
{
	DIR *d = opendir(dir);
	int n = -2; /* . and .. */

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void
assert_holds(const char *what, unsigned mode)
{
	char text[FILE_TEXT_MAX];
	struct stat st;
	uint8_t *data;
	size_t len;

	assert_int_equal(file_read(path, 1000, &data, &len, text), 0);
	assert_int_equal(len, strlen(what));
	assert_memory_equal(data, what, len + 1);
	OPENSSL_clear_free(data, len + 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, mode);
	assert_int_equal(names(), 1);
}

static int
put(const char *where, const char *what, unsigned mode, char *text)
{
	return file_write(
	    where, mode, (const uint8_t *)what, strlen(what), text);
}

static void
a_target_that_cannot_be_is_refused(void **state)
{
	char text[FILE_TEXT_MAX], link[128];

	(void)state;
	assert_int_equal(put("", "x", 0600, text), -1);
	assert_int_equal(put(dir, "x", 0600, text), -1);
	assert_int_equal(put("/nonexistent/x", "x", 0600, text), -1);
	assert_non_null(strstr(text, "/nonexistent/x"));
	snprintf(link, sizeof(link), "%s/link", dir);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(put(link, "x", 0600, text), -1);
	assert_non_null(strstr(text, "symbolic link"));
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(names(), 0);
}

static void
a_file_is_replaced_whole_with_its_mode(void **state)
{
	char text[FILE_TEXT_MAX];

	(void)state;
	assert_int_equal(put(path, "first", 0644, text), 0);
	assert_holds("first", 0644);
	assert_int_equal(put(path, "2", 0600, text), 0);
	assert_holds("2", 0600);
	assert_int_equal(put(path, "", 0600, text), 0);
	assert_holds("", 0600);
}

/* The disk is full: what was there stays, and nothing else is left. */
static void
a_failed_write_leaves_what_was_there(void **state)
{
	struct rlimit before, small = {16, 16};
	static uint8_t much[100000];
	char text[FILE_TEXT_MAX];

	(void)state;
	assert_int_equal(put(path, "kept", 0600, text), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(file_write(path, 0600, much, sizeof(much), text), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_non_null(strstr(text, path));
	assert_holds("kept", 0600);
}

static void *
drain(void *arg)
{
	char buf[16];
	int fd = open(arg, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, buf, sizeof(buf));

	close(fd);
	return (void *)(intptr_t)n;
}

static void
a_pipe_is_written_to_and_stays_a_pipe(void **state)
{
	char text[FILE_TEXT_MAX], fifo[128];
	pthread_t reader;
	struct stat st;
	void *n;

	(void)state;
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(pthread_create(&reader, NULL, drain, fifo), 0);
	assert_int_equal(put(fifo, "through", 0600, text), 0);
	assert_int_equal(pthread_join(reader, &n), 0);
	assert_int_equal((intptr_t)n, 7);
	assert_int_equal(lstat(fifo, &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(unlink(fifo), 0);
	assert_int_equal(put("/dev/null", "x", 0600, text), 0);
	assert_int_equal(lstat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
}

static void
reading_stops_at_the_limit(void **state)
{
	static const size_t sizes[] = {
	    0, 1, 65534, 65535, 65536, 65537, 131072, 200000};
	static uint8_t in[200000];
	char text[FILE_TEXT_MAX];
	uint8_t *data;
	size_t len;

	(void)state;
	memset(in, 'x', sizeof(in));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(file_write(path, 0600, in, sizes[i], text), 0);
		assert_int_equal(
		    file_read(path, sizes[i], &data, &len, text), 0);
		assert_int_equal(len, sizes[i]);
		assert_memory_equal(data, in, len);
		assert_int_equal(data[len], 0);
		OPENSSL_clear_free(data, len + 1);
		if (sizes[i] == 0)
			continue;
		assert_int_equal(
		    file_read(path, sizes[i] - 1, &data, &len, text), -1);
		assert_null(data);
		assert_int_equal(len, 0);
		assert_non_null(strstr(text, "larger"));
	}
}

static void
what_cannot_be_read_says_why(void **state)
{
	char text[FILE_TEXT_MAX];
	uint8_t *data;
	size_t len;

	(void)state;
	assert_int_equal(file_read("/nonexistent", 10, &data, &len, text), -1);
	assert_non_null(strstr(text, "No such file"));
	assert_int_equal(file_read(dir, 10, &data, &len, text), -1);
	assert_non_null(strstr(text, dir));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_target_that_cannot_be_is_refused),
	    cmocka_unit_test(a_file_is_replaced_whole_with_its_mode),
	    cmocka_unit_test(a_failed_write_leaves_what_was_there),
	    cmocka_unit_test(a_pipe_is_written_to_and_stays_a_pipe),
	    cmocka_unit_test(reading_stops_at_the_limit),
	    cmocka_unit_test(what_cannot_be_read_says_why),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
