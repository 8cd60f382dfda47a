/* A supervisor whose clock is quick, and whose signals reach nobody. */
#include <sys/wait.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/supervisor/supervisor.h"

#define STEP_MS 500 /* from one look at the clock to the next */

static struct conf conf;
static struct supervisor s;
static unsigned looks, killed;

int __wrap_kill(pid_t pid, int sig);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);

int
__wrap_kill(pid_t pid, int sig)
{
	(void)pid;
	killed += sig == SIGKILL;
	return 0;
}

int
__wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	uint64_t ms = (uint64_t)++looks * STEP_MS;

	(void)id;
	ts->tv_sec = (time_t)(ms / 1000);
	ts->tv_nsec = (long)(ms % 1000) * 1000000;
	return 0;
}

/* A supervisor of one worker, which is told to end at once. */
static void
prepare(pid_t worker)
{
	memset(&s, 0, sizeof(s));
	looks = killed = 0;
	(void)snprintf(conf.tokens[0].name, sizeof(conf.tokens[0].name), "far");
	conf.ntokens = 1;
	s.crew.conf = &conf;
	s.crew.snapshot = s.notify.fd = -1;
	s.crew.listener = s.crew.control = -1;
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++)
		pinsource_init(&s.crew.pins[i]);
	auditfile_init(&s.crew.audit);
	s.crew.front.due = UINT64_MAX;
	s.crew.workers[0].pid = worker;
	assert_int_equal(raise(SIGTERM), 0);
}

/* It lives as long as the other end of its pipe. */
static pid_t
begin(int *end)
{
	int ends[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(ends[1]);
		(void)!read(ends[0], &byte, 1);
		_exit(0);
	}
	(void)close(ends[0]);
	*end = ends[1];
	return pid;
}

static void
children_that_end_are_waited_for(void **state)
{
	int end;
	pid_t pid = begin(&end);

	(void)state;
	(void)close(end);
	prepare(pid);
	assert_int_equal(supervisor_run(&s), 0);
	assert_int_equal(s.crew.workers[0].pid, 0);
}

static void
one_that_no_signal_ends_is_left_behind_with_a_word(void **state)
{
	char said[1024] = "", want[64];
	int end, status, own = dup(STDERR_FILENO);
	FILE *log = tmpfile();
	pid_t pid = begin(&end);

	(void)state;
	assert_non_null(log);
	(void)alarm(20);
	prepare(pid);
	(void)dup2(fileno(log), STDERR_FILENO);
	status = supervisor_run(&s);
	(void)dup2(own, STDERR_FILENO);
	(void)close(own);
	(void)alarm(0);
	assert_int_equal(status, 1);
	assert_true(pread(fileno(log), said, sizeof(said) - 1, 0) > 0);
	(void)fclose(log);
	(void)snprintf(
	    want, sizeof(want), "token far (pid %d) does not end", (int)pid);
	assert_non_null(strstr(said, want));
	assert_true(killed > 0);
	(void)close(end);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(children_that_end_are_waited_for),
	    cmocka_unit_test(
		one_that_no_signal_ends_is_left_behind_with_a_word),
	};
	sigset_t set;

	/* They wait for the supervisor's signalfd. */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
