#include "mp/state.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "tests/unit/mp/pki.h"

#define KEY "AB01"
#define MP "https://mp1.dom:443"
#define SITE "PRI"
#define SMSID "GUID:0D5A4B1C-1111-2222-3333-444455556666"

static const struct mp_state_key self = {KEY, MP, SITE, NULL};

struct home {
	char base[PATH_MAX]; /* ours */
	char dir[PATH_MAX];  /* base/state: made by what is tested */
	char file[PATH_MAX];
};

static int
set_up(void **state)
{
	struct home *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	pki_dir(h->base);
	pki_path(h->dir, h->base, "state");
	pki_path(h->file, h->dir, "client.db");
	*state = h;
	return 0;
}

static int
tear_down(void **state)
{
	struct home *h = *state;

	(void)chmod(h->dir, 0700);
	pki_remove(h->dir);
	pki_remove(h->base);
	free(h);
	return 0;
}

static void
must_open(struct mp_state **s, const struct home *h)
{
	struct mp_error e = {0};

	if (mp_state_open(s, h->dir, &e) != 0)
		fail_msg("%s", e.text);
	assert_non_null(*s);
}

/* Refused, with the path and these words, and the file as it was. */
static void
must_refuse(const struct home *h, const char *words)
{
	struct mp_state *s = (void *)1;
	struct mp_error e = {0};

	assert_int_equal(mp_state_open(&s, h->dir, &e), MP_ESTATE);
	assert_null(s);
	if (strstr(e.text, words) == NULL || strstr(e.text, h->dir) == NULL)
		fail_msg("not said: \"%s\" in \"%s\"", words, e.text);
}

static void
write_file(const char *path, const char *data, size_t len)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static size_t
read_file(const char *path, char *data, size_t max)
{
	FILE *f = fopen(path, "re");
	size_t n;

	assert_non_null(f);
	n = fread(data, 1, max, f);
	assert_int_equal(fclose(f), 0);
	return n;
}

static void
a_missing_parent_is_not_made(void **state)
{
	struct home *h = *state;

	pki_path(h->dir, h->base, "no/such/state");
	must_refuse(h, "directory above it");
}

static void
a_directory_that_is_none_is_refused(void **state)
{
	struct home *h = *state;

	write_file(h->dir, "x", 1);
	must_refuse(h, "not a directory");
	assert_int_equal(unlink(h->dir), 0);
}

static void
a_directory_that_all_may_write_to_is_refused(void **state)
{
	struct home *h = *state;

	assert_int_equal(mkdir(h->dir, 0700), 0);
	assert_int_equal(chmod(h->dir, 01777), 0);
	must_refuse(h, "everybody");
}

static void
a_file_that_is_no_file_is_refused(void **state)
{
	struct home *h = *state;

	assert_int_equal(mkdir(h->dir, 0700), 0);
	assert_int_equal(mkdir(h->file, 0700), 0);
	must_refuse(h, "not a regular file");
	assert_int_equal(rmdir(h->file), 0);
	assert_int_equal(symlink("/etc/passwd", h->file), 0);
	must_refuse(h, "not a regular file");
}

static void
a_corrupt_file_is_refused_and_left_alone(void **state)
{
	struct home *h = *state;
	char before[4096], after[4096];
	struct mp_state *s;
	size_t n;

	must_open(&s, h);
	mp_state_close(s);
	n = read_file(h->file, before, sizeof(before));
	for (size_t at = 0; at < 16; at++) {
		memcpy(after, before, n);
		after[at] = (char)(after[at] ^ 0x55);
		write_file(h->file, after, n);
		must_refuse(h, "move it away");
		assert_int_equal(read_file(h->file, before, sizeof(before)), n);
		assert_memory_equal(before, after, n);
		before[at] = (char)(before[at] ^ 0x55);
	}
}

static void
a_corrupt_page_is_refused(void **state)
{
	static const size_t from[] = {4096, 100}; /* the table, the schema */
	struct home *h = *state;
	static char data[65536];
	struct mp_state *s;
	size_t n;

	must_open(&s, h);
	mp_state_close(s);
	n = read_file(h->file, data, sizeof(data));
	assert_true(n > 4096);
	for (size_t i = 0; i < 2; i++) {
		memset(data + from[i], 0xee, n - from[i]);
		write_file(h->file, data, n);
		must_refuse(h, "move it away");
	}
}

static void
every_truncation_is_refused(void **state)
{
	struct home *h = *state;
	struct mp_state_client c = {.smsid = SMSID};
	static char data[65536];
	struct mp_state *s;
	struct mp_error e;
	size_t n;

	must_open(&s, h);
	assert_int_equal(mp_state_put(s, &self, &c, &e), 0);
	mp_state_close(s);
	n = read_file(h->file, data, sizeof(data));
	/* To SQLite, by its own account, one byte is as empty as none. */
	for (size_t len = 2; len < n; len += 97) {
		write_file(h->file, data, len);
		if (mp_state_open(&s, h->dir, &e) != MP_ESTATE)
			fail_msg("accepted with %zu of %zu bytes", len, n);
		assert_null(s);
	}
}

static void
run(const char *path, const char *sql)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
a_database_of_others_is_refused(void **state)
{
	struct home *h = *state;

	assert_int_equal(mkdir(h->dir, 0700), 0);
	run(h->file, "CREATE TABLE theirs (x)");
	must_refuse(h, "another program");
}

static void
a_later_format_is_refused(void **state)
{
	struct home *h = *state;
	struct mp_state *s;

	must_open(&s, h);
	mp_state_close(s);
	run(h->file, "PRAGMA user_version = 4");
	must_refuse(h, "has format 4");
}

static void
a_lost_table_is_refused(void **state)
{
	struct home *h = *state;
	struct mp_state *s;

	must_open(&s, h);
	mp_state_close(s);
	run(h->file, "DROP TABLE client");
	must_refuse(h, "move it away");
}

static void
values_that_we_never_wrote_are_refused(void **state)
{
	static const char *const sql[] = {
	    "UPDATE client SET status = 5",
	    "UPDATE client SET status = -1",
	    "UPDATE client SET approval = 3",
	    "UPDATE client SET approval = 4294967297",
	    "UPDATE client SET smsid = printf('%.*c', 48, 'x')",
	    "UPDATE client SET smsid = 'GUID:' || char(0) || 'x'",
	    "UPDATE client SET netbios = 'SIXTEENCHARACTER'",
	    "UPDATE client SET fqdn = printf('%.*c', 254, 'x')",
	};
	struct home *h = *state;
	struct mp_state_client c;
	struct mp_state *s;
	struct mp_error e;

	for (size_t i = 0; i < sizeof(sql) / sizeof(sql[0]); i++) {
		c = (struct mp_state_client){.smsid = SMSID};
		must_open(&s, h);
		assert_int_equal(mp_state_put(s, &self, &c, &e), 0);
		run(h->file, sql[i]);
		assert_int_equal(mp_state_get(s, &self, &c, &e), MP_ESTATE);
		assert_int_equal(c.status, MP_REG_NONE);
		assert_string_equal(c.smsid, "");
		mp_state_close(s);
	}
}

static void
values_out_of_range_are_not_stored(void **state)
{
	struct mp_state_client c = {.smsid = SMSID, .approval = 3};
	struct home *h = *state;
	struct mp_state *s;
	struct mp_error e;

	must_open(&s, h);
	assert_int_equal(mp_state_put(s, &self, &c, &e), MP_EARG);
	c.approval = 0;
	c.status = (enum mp_registration_status)5;
	assert_int_equal(mp_state_put(s, &self, &c, &e), MP_EARG);
	c.status = MP_REGISTERED;
	memset(c.smsid, 'x', sizeof(c.smsid));
	assert_int_equal(mp_state_put(s, &self, &c, &e), MP_EARG);
	assert_int_equal(mp_state_get(s, &self, &c, &e), 0);
	assert_int_equal(c.status, MP_REG_NONE);
	mp_state_close(s);
}

static void
a_lock_of_others_is_named(void **state)
{
	struct mp_state_client c = {.smsid = SMSID};
	struct home *h = *state;
	struct mp_state *s;
	sqlite3 *other = NULL;
	struct mp_error e;

	must_open(&s, h);
	assert_int_equal(sqlite3_open(h->file, &other), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL),
	    SQLITE_OK);
	assert_int_equal(mp_state_put(s, &self, &c, &e), MP_ESTATE);
	assert_non_null(strstr(e.text, "locked by another process"));
	assert_non_null(strstr(e.text, h->file));
	must_refuse(h, "locked by another process");
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	assert_int_equal(mp_state_put(s, &self, &c, &e), 0);
	mp_state_close(s);
}

/* Root may write anywhere, so a child without rights has to try. */
static void
what_may_not_be_written_is_named(void **state)
{
	struct home *h = *state;
	struct mp_state *s;
	struct mp_error e;
	int status;
	pid_t pid;

	must_open(&s, h);
	mp_state_close(s);
	assert_int_equal(chmod(h->base, 0711), 0);
	assert_int_equal(chmod(h->dir, 0555), 0);
	assert_int_equal(chmod(h->file, 0444), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (geteuid() == 0 && setuid(65534) != 0)
			_exit(77);
		if (mp_state_open(&s, h->dir, &e) != MP_ESTATE || s != NULL)
			_exit(1);
		if (strstr(e.text, "cannot be written") == NULL)
			_exit(2);
		_exit(strstr(e.text, h->file) != NULL ? 0 : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
directory_and_file_are_ours_alone(void **state)
{
	struct home *h = *state;
	struct mp_state *s;
	struct stat st;
	mode_t old = umask(0);

	must_open(&s, h);
	(void)umask(old);
	assert_int_equal(stat(h->dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(h->file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	mp_state_close(s);
	mp_state_close(NULL);
}

static void
what_was_never_stored_is_none(void **state)
{
	struct mp_state_client c = {.smsid = "x"};
	struct home *h = *state;
	struct mp_state *s;
	struct mp_error e;

	must_open(&s, h);
	assert_int_equal(mp_state_get(s, &self, &c, &e), 0);
	assert_int_equal(c.status, MP_REG_NONE);
	assert_int_equal(c.approval, -1);
	assert_string_equal(c.smsid, "");
	mp_state_close(s);
}

static void
a_client_is_remembered_by_key_mp_and_site(void **state)
{
	struct mp_state_client in = {.smsid = SMSID,
	    .status = MP_REG_PENDING,
	    .approval = 1,
	    .since = INT64_C(1700000000123),
	    .netbios = "PC1",
	    .fqdn = "pc1.dom",
	    .message = "{0F8FAD5B-D9CB-469F-A165-70867728950E}"};
	static const struct mp_state_key others[] = {
	    {"AB02", MP, SITE, NULL},
	    {KEY, MP "0", SITE, NULL},
	    {KEY, MP, "PR2", NULL},
	    {KEY, MP, SITE, "pc1.dom"},
	};
	struct mp_state_client out;
	struct home *h = *state;
	struct mp_state *s;
	struct mp_error e;

	must_open(&s, h);
	assert_int_equal(mp_state_put(s, &self, &in, &e), 0);
	in.status = MP_REGISTERED;
	assert_int_equal(mp_state_put(s, &self, &in, &e), 0);
	mp_state_close(s);
	must_open(&s, h);
	assert_int_equal(mp_state_get(s, &self, &out, &e), 0);
	assert_string_equal(out.smsid, SMSID);
	assert_int_equal(out.status, MP_REGISTERED);
	assert_int_equal(out.approval, 1);
	assert_true(out.since == in.since);
	assert_string_equal(out.netbios, "PC1");
	assert_string_equal(out.fqdn, "pc1.dom");
	assert_string_equal(out.message, in.message);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_int_equal(mp_state_get(s, &others[i], &out, &e), 0);
		assert_int_equal(out.status, MP_REG_NONE);
	}
	mp_state_close(s);
}

static void
quotes_in_a_key_are_only_text(void **state)
{
	static const char evil[] = "'; DROP TABLE client; --";
	static const struct mp_state_key key = {evil, evil, evil, evil};
	struct mp_state_client in = {.smsid = SMSID}, out;
	struct home *h = *state;
	struct mp_state *s;
	struct mp_error e;

	must_open(&s, h);
	assert_int_equal(mp_state_put(s, &key, &in, &e), 0);
	assert_int_equal(mp_state_get(s, &key, &out, &e), 0);
	assert_string_equal(out.smsid, SMSID);
	assert_int_equal(mp_state_find(s, &key, evil, &out, &e), 0);
	assert_int_equal(out.status, MP_REG_NONE);
	mp_state_close(s);
}

/* The child's story: writes under a name of its own until it is told. */
static void
scribble(const struct home *h, const char *name, int64_t times)
{
	const struct mp_state_key key = {name, MP, SITE, NULL};
	struct mp_state_client c = {.smsid = SMSID};
	struct mp_state *s;
	struct mp_error e;

	if (mp_state_open(&s, h->dir, &e) != 0)
		_exit(1);
	for (c.since = 1; times == 0 || c.since <= times; c.since++)
		if (mp_state_put(s, &key, &c, &e) != 0)
			_exit(2);
	mp_state_close(s);
	_exit(0);
}

static void
processes_share_a_file(void **state)
{
	static const char *const names[] = {"A", "B", "C", "D"};
	struct mp_state_key key = self;
	struct home *h = *state;
	struct mp_state_client c;
	struct mp_state *s;
	struct mp_error e;
	pid_t pid[4];
	int status;

	for (size_t i = 0; i < 4; i++) {
		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (pid[i] == 0)
			scribble(h, names[i], 20);
	}
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
	must_open(&s, h);
	for (size_t i = 0; i < 4; i++) {
		key.sha256 = names[i];
		assert_int_equal(mp_state_get(s, &key, &c, &e), 0);
		assert_true(c.since == 20);
	}
	mp_state_close(s);
}

static void
a_process_may_die_at_any_time(void **state)
{
	struct home *h = *state;
	struct mp_state_client c;
	int64_t last = 0;
	struct mp_state *s;
	struct mp_error e;
	pid_t pid;

	for (useconds_t wait = 20000; wait < 120000; wait += 9973) {
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			scribble(h, KEY, 0);
		(void)usleep(wait);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		must_open(&s, h);
		assert_int_equal(mp_state_get(s, &self, &c, &e), 0);
		if (c.status != MP_REG_NONE) {
			assert_string_equal(c.smsid, SMSID);
			last = c.since;
		}
		mp_state_close(s);
	}
	assert_true(last > 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(a_missing_parent_is_not_made),
	    TEST(a_directory_that_is_none_is_refused),
	    TEST(a_directory_that_all_may_write_to_is_refused),
	    TEST(a_file_that_is_no_file_is_refused),
	    TEST(a_corrupt_file_is_refused_and_left_alone),
	    TEST(a_corrupt_page_is_refused),
	    TEST(every_truncation_is_refused),
	    TEST(a_database_of_others_is_refused),
	    TEST(a_later_format_is_refused),
	    TEST(a_lost_table_is_refused),
	    TEST(values_that_we_never_wrote_are_refused),
	    TEST(values_out_of_range_are_not_stored),
	    TEST(a_lock_of_others_is_named),
	    TEST(what_may_not_be_written_is_named),
	    TEST(directory_and_file_are_ours_alone),
	    TEST(what_was_never_stored_is_none),
	    TEST(a_client_is_remembered_by_key_mp_and_site),
	    TEST(quotes_in_a_key_are_only_text),
	    TEST(processes_share_a_file),
	    TEST(a_process_may_die_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
