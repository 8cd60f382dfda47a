/*
 * The audit log's files: whoever is killed, and whenever, the next start finds
 * a log that verifies, and in which nothing is missing or twice. The writer is
 * a small one of this test's own; calls of the system are counted, and all
 * ends before the n-th of them, for every n.
 */
#include "agent/supervisor/auditfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <glob.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/auditcheck.h"

#define NEVER 1000
#define DIED 9

/* What outlasts a child that dies. */
static struct shared {
	int left;         /* calls until it dies */
	uint64_t written; /* number of the last whole record */
} * shared;

/* The process ends here if it is its time. */
static void
step(void)
{
	if (shared->left-- == 0)
		_exit(DIED);
}

int __real_renameat2(int, const char *, int, const char *, unsigned);
int __wrap_renameat2(int, const char *, int, const char *, unsigned);
int __real_fdatasync(int);
int __wrap_fdatasync(int);
int __real_fsync(int);
int __wrap_fsync(int);
int __real_unlink(const char *);
int __wrap_unlink(const char *);

int
__wrap_renameat2(
    int from, const char *old, int to, const char *new, unsigned flags)
{
	step();
	return __real_renameat2(from, old, to, new, flags);
}

int
__wrap_fdatasync(int fd)
{
	(void)fd;
	step();
	return 0; /* nothing here loses its power */
}

int
__wrap_fsync(int fd)
{
	(void)fd;
	step();
	return 0;
}

int
__wrap_unlink(const char *path)
{
	step();
	return __real_unlink(path);
}

/* Both processes: who looks after the files, and who writes. */
struct pair {
	struct auditfile a;
	struct audit_chain chain;
	int fd; /* the writer's own */
	char half[AUDIT_LINE_MAX];
	size_t halflen;
};

static char dir[] = "/tmp/auditfile.XXXXXX";
static struct conf conf; /* large */

static int
make_dir(void **state)
{
	(void)state;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || mkdtemp(dir) == NULL)
		return -1;
	(void)snprintf(conf.state, sizeof(conf.state), "%s", dir);
	(void)snprintf(conf.audit.path, sizeof(conf.audit.path), "%s/log", dir);
	return 0;
}

/* All that is there goes. */
static void
clean(void)
{
	char pattern[64];
	glob_t g;

	shared->left = NEVER;
	shared->written = 0;
	(void)snprintf(pattern, sizeof(pattern), "%s/*", dir);
	if (glob(pattern, 0, NULL, &g) != 0)
		return;
	for (size_t i = 0; i < g.gl_pathc; i++)
		assert_int_equal(unlink(g.gl_pathv[i]), 0);
	globfree(&g);
}

static int
drop_dir(void **state)
{
	(void)state;
	clean();
	return rmdir(dir);
}

static void
put(struct pair *p, const char *data, size_t len)
{
	assert_int_equal(write(p->fd, data, len), (ssize_t)len);
}

static void
add(struct pair *p, struct audit_record *r)
{
	char line[AUDIT_LINE_MAX];
	size_t len;

	r->time_us = 1795455601000000;
	len = audit_pack(&p->chain, r, line, sizeof(line));
	assert_true(len != 0);
	put(p, line, len);
	shared->written = p->chain.number;
}

static void
add_open(struct pair *p, enum audit_reason reason)
{
	struct audit_record r = {.event = AUDIT_OPEN, .reason = reason};

	memcpy(r.prev, p->chain.value, sizeof(r.prev));
	add(p, &r);
}

static void
use(struct pair *p)
{
	struct audit_record r = {.event = AUDIT_DENY};

	add(p, &r);
	add(p, &r);
}

/* As the front does it: goes on where the file ends. */
static void
begin(struct pair *p)
{
	struct audit_record torn = {.event = AUDIT_TORN};
	char tail[AUDIT_TAIL_MAX];
	ssize_t len;
	size_t rest;

	p->fd = dup(p->a.fd);
	len = pread(p->fd, tail, sizeof(tail), 0);
	assert_true(len >= 0 && len < (ssize_t)sizeof(tail));
	p->chain = p->a.last;
	if (len != 0) {
		assert_int_equal(
		    audit_tail(tail, (size_t)len, true, &p->chain, &rest), 0);
		assert_true(p->chain.number >= p->a.last.number);
		torn.count = rest;
		torn.digest.len = AUDIT_CHAIN_LEN;
		(void)audit_digest(tail + len - rest, rest, torn.digest.data);
		if (rest != 0) {
			put(p, "\n", 1);
			step();
			add(p, &torn);
		}
	}
	add_open(
	    p, len == 0 && p->a.last.number != 0 ? AUDIT_GONE : AUDIT_START);
}

static void
start(struct pair *p)
{
	char text[1024] = "";
	bool fresh;

	auditfile_init(&p->a);
	assert_int_equal(
	    auditfile_follow(&p->a, &conf, &fresh, text, sizeof(text)), 0);
	assert_true(fresh);
	assert_int_equal(auditfile_resume(&p->a, text, sizeof(text)), 0);
	step();
	begin(p);
}

static void
note(struct pair *p)
{
	char text[1024] = "";

	assert_int_equal(
	    auditfile_note(&p->a, &p->chain, text, sizeof(text)), 0);
	assert_string_equal(text, "");
}

static void
turn(struct pair *p)
{
	char text[1024] = "";

	note(p);
	assert_int_equal(auditfile_turn(&p->a, text, sizeof(text)), 0);
	assert_int_not_equal(p->a.next, -1);
}

/* Into the next file, in two pieces as a write that is killed leaves it. */
static void
take_half(struct pair *p)
{
	struct audit_record r = {
	    .event = AUDIT_OPEN, .reason = AUDIT_ROTATED, .time_us = 1};

	(void)close(p->fd);
	p->fd = dup(p->a.next);
	memcpy(r.prev, p->chain.value, sizeof(r.prev));
	p->halflen = audit_pack(&p->chain, &r, p->half, sizeof(p->half));
	put(p, p->half, p->halflen / 2);
}

static void
take_rest(struct pair *p)
{
	put(p, p->half + p->halflen / 2, p->halflen - p->halflen / 2);
	shared->written = p->chain.number;
}

static void
tear(struct pair *p)
{
	put(p, "{\"n\":99,\"t\":\"20", 15);
}

static void (*const life[])(struct pair *) = {start, use, note, use, turn, use,
    take_half, take_rest, use, note, use, turn, use, note, take_half, take_rest,
    note, use, tear};

#define LIFE (sizeof(life) / sizeof(*life))

static void
found(void *ctx, enum auditcheck_grade grade, uint64_t line, const char *text)
{
	(void)ctx;
	if (grade == AUDITCHECK_FAULT)
		print_error("line %llu: %s\n", (unsigned long long)line, text);
}

static void
feed(struct auditcheck *k, const char *path)
{
	static char all[1 << 20];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, all, sizeof(all));

	assert_true(n >= 0 && n < (ssize_t)sizeof(all));
	auditcheck_feed(k, all, (size_t)n);
	auditcheck_file_end(k);
	(void)close(fd);
}

/* Reads all files as one log; `only` the live one. Faults. */
static uint64_t
check(const struct audit_chain *head, bool only, struct auditcheck_sum *sum)
{
	const struct auditcheck_calls calls = {.found = found};
	struct auditcheck *k = auditcheck_new(&calls, head);
	char pattern[64];
	glob_t g;

	assert_non_null(k);
	(void)snprintf(pattern, sizeof(pattern), "%s/log.*", dir);
	if (!only && glob(pattern, 0, NULL, &g) == 0) {
		for (size_t i = 0; i < g.gl_pathc; i++)
			feed(k, g.gl_pathv[i]);
		globfree(&g);
	}
	feed(k, conf.audit.path);
	auditcheck_end(k, sum);
	auditcheck_free(k);
	return sum->faults;
}

/* Nothing is missing, nothing stands twice. */
static void
check_whole(const struct pair *p)
{
	struct auditcheck_sum sum;
	char name[CONF_PATH_MAX + 8];

	assert_int_equal(check(&p->a.last, false, &sum), 0);
	assert_int_equal(sum.first, 1);
	assert_int_equal(sum.records, sum.last);
	assert_int_equal(sum.last, shared->written);
	(void)snprintf(name, sizeof(name), "%s.new", conf.audit.path);
	assert_int_equal(access(name, F_OK), -1);
}

static void
leave(struct pair *p)
{
	(void)close(p->fd);
	auditfile_close(&p->a);
}

/* All its life, or to its death. Its exit status. */
static int
live(int left)
{
	static struct pair p;
	pid_t pid;
	int status;

	shared->left = left;
	pid = fork();
	if (pid == 0) {
		for (size_t i = 0; i < LIFE; i++) {
			life[i](&p);
			step();
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	shared->left = NEVER;
	return WEXITSTATUS(status);
}

static void
an_agent_killed_at_any_step_finds_a_whole_log(void **state)
{
	static struct pair p;
	int status = DIED, n;

	(void)state;
	for (n = 0; status == DIED; n++) {
		uint64_t before;

		clean();
		status = live(n);
		before = shared->written;
		start(&p);
		assert_true(p.chain.number > before);
		use(&p);
		note(&p);
		check_whole(&p);
		leave(&p);
	}
	assert_int_equal(status, 0);
	assert_true(n > 40);
}

static void
an_agent_killed_again_while_it_mends_finds_a_whole_log(void **state)
{
	static struct pair p;

	(void)state;
	for (int n = 0; n < 60; n += 1)
		for (int m = 0; m < 10; m++) {
			clean();
			(void)live(n);
			(void)live(m);
			start(&p);
			note(&p);
			check_whole(&p);
			leave(&p);
		}
}

/* Only the writer dies: the other one has both files still. */
static void
a_writer_killed_at_any_step_finds_a_whole_log(void **state)
{
	static struct pair p;
	char text[1024];

	(void)state;
	for (size_t n = 1; n <= LIFE; n++) {
		clean();
		for (size_t i = 0; i < n; i++)
			life[i](&p);
		(void)close(p.fd);
		assert_int_equal(auditfile_resume(&p.a, text, sizeof(text)), 0);
		begin(&p);
		if (p.a.next != -1) {
			take_half(&p);
			take_rest(&p);
		}
		use(&p);
		note(&p);
		check_whole(&p);
		leave(&p);
	}
}

static void
a_log_that_was_emptied_or_removed_is_told(void **state)
{
	static struct pair p;
	struct auditcheck_sum sum;

	(void)state;
	for (unsigned removed = 0; removed < 2; removed++) {
		clean();
		start(&p);
		use(&p);
		note(&p);
		leave(&p);
		if (removed)
			assert_int_equal(unlink(conf.audit.path), 0);
		else
			assert_int_equal(truncate(conf.audit.path, 0), 0);
		start(&p);
		note(&p);
		assert_int_equal(check(&p.a.last, true, &sum), 1);
		assert_int_equal(sum.first, 4);
		leave(&p);
	}
}

static void
a_log_removed_while_it_is_written_goes_on_in_a_new_file(void **state)
{
	static struct pair p;
	char text[1024];

	(void)state;
	clean();
	start(&p);
	use(&p);
	note(&p);
	assert_false(auditfile_removed(&p.a));
	assert_int_equal(unlink(conf.audit.path), 0);
	assert_true(auditfile_removed(&p.a));
	assert_int_equal(auditfile_renew(&p.a, text, sizeof(text)), 0);
	assert_false(auditfile_removed(&p.a));
	take_half(&p);
	take_rest(&p);
	note(&p);
	assert_int_equal(p.a.next, -1);
	assert_int_equal(access(conf.audit.path, F_OK), 0);
	leave(&p);
}

static void
a_file_that_is_in_the_way_is_put_aside(void **state)
{
	static struct pair p;
	char name[CONF_PATH_MAX + 8], text[1024];
	bool fresh;
	int fd;

	(void)state;
	clean();
	(void)snprintf(name, sizeof(name), "%s.new", conf.audit.path);
	start(&p);
	fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "stranger", 8), 8);
	(void)close(fd);
	turn(&p);
	/* While one is on its way there is no other. */
	fd = p.a.next;
	assert_int_equal(auditfile_turn(&p.a, text, sizeof(text)), 0);
	assert_int_equal(p.a.next, fd);
	assert_int_equal(
	    auditfile_follow(&p.a, &conf, &fresh, text, sizeof(text)), 0);
	assert_false(fresh);
	take_half(&p);
	take_rest(&p);
	note(&p);
	assert_int_equal(access(name, F_OK), -1);
	leave(&p);
}

/* What a wrong path in the configuration names is not destroyed. */
static void
what_is_no_piece_of_a_record_is_kept(void **state)
{
	static struct auditfile a;
	char name[CONF_PATH_MAX + 8], text[1024];
	bool fresh;

	(void)state;
	(void)snprintf(name, sizeof(name), "%s.new", conf.audit.path);
	for (unsigned new = 0; new < 2; new ++) {
		const char *path = new ? name : conf.audit.path;
		int fd;

		clean();
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		assert_int_equal(write(fd, "my notes\n", 9), 9);
		auditfile_init(&a);
		assert_int_equal(
		    auditfile_follow(&a, &conf, &fresh, text, sizeof(text)), 0);
		assert_int_equal(auditfile_resume(&a, text, sizeof(text)), 0);
		assert_int_equal(access(path, F_OK), 0);
		assert_int_equal(lseek(fd, 0, SEEK_END), 9);
		(void)close(fd);
		auditfile_close(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_no_piece_of_a_record_is_kept),
	    cmocka_unit_test(an_agent_killed_at_any_step_finds_a_whole_log),
	    cmocka_unit_test(
		an_agent_killed_again_while_it_mends_finds_a_whole_log),
	    cmocka_unit_test(a_writer_killed_at_any_step_finds_a_whole_log),
	    cmocka_unit_test(a_log_that_was_emptied_or_removed_is_told),
	    cmocka_unit_test(
		a_log_removed_while_it_is_written_goes_on_in_a_new_file),
	    cmocka_unit_test(a_file_that_is_in_the_way_is_put_aside),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
