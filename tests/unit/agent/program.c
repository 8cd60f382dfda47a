#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/front/program.h"
#include "agent/front/sender.h"

/* A process that lives until it is ended, and its descriptor. */
static pid_t
begin(int *pidfd)
{
	pid_t pid = fork();

	if (pid == 0) {
		/* It does not outlive a test that fails. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)pause();
		_exit(0);
	}
	assert_true(pid > 0);
	*pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_true(*pidfd >= 0);
	return pid;
}

static void
finish(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static struct link_program
word(pid_t pid)
{
	struct link_program w = {
	    .who = {.pid = (uint32_t)pid}, .sections = 5, .path = "/bin/x"};

	return w;
}

static void
nothing_is_known_of_anybody_at_first(void **state)
{
	struct program g;

	(void)state;
	program_init(&g);
	assert_true(program_sections(&g, 1) == 0);
	assert_true(program_early(&g, 10));
	assert_false(program_awaited(&g, 1, 1000));
	program_release(&g);
}

static void
it_holds_for_that_process_while_it_lives(void **state)
{
	struct link_program w;
	struct program g;
	int pidfd;
	pid_t pid = begin(&pidfd);

	(void)state;
	w = word(pid);
	program_init(&g);
	program_await(&g, pid, 1000);
	assert_true(program_awaited(&g, pid, 1500));
	assert_false(program_awaited(&g, pid + 1, 1500));
	assert_false(program_awaited(&g, pid, 9000));
	assert_true(program_told(&g, &w, pidfd, 0));
	assert_true(program_sections(&g, pid) == 5);
	assert_true(program_sections(&g, pid + 1) == 0);
	assert_string_equal(g.path, "/bin/x");
	finish(pid);
	assert_true(program_sections(&g, pid) == 0);
	program_release(&g);
}

static void
what_was_sent_before_it_was_known_stays_early(void **state)
{
	struct link_program w;
	struct program g;
	int pidfd;
	pid_t pid = begin(&pidfd);

	(void)state;
	w = word(pid);
	program_init(&g);
	program_await(&g, pid, 1000);
	assert_true(program_early(&g, 8));
	assert_true(program_told(&g, &w, pidfd, 30));
	assert_true(program_early(&g, 8));
	assert_true(program_early(&g, 8));
	assert_true(program_early(&g, 14));
	assert_false(program_early(&g, 8));
	finish(pid);
	program_release(&g);
}

static void
what_cannot_be_counted_stays_early_for_ever(void **state)
{
	struct link_program w;
	struct program g;
	int pidfd, ends[2];
	pid_t pid = begin(&pidfd);

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	assert_true(sender_pending(ends[0]) == 0);
	assert_int_equal(send(ends[1], "12345", 5, 0), 5);
	assert_int_equal(send(ends[1], "678", 3, 0), 3);
	assert_true(sender_pending(ends[0]) == 8);
	(void)close(ends[0]);
	(void)close(ends[1]);

	w = word(pid);
	program_init(&g);
	program_await(&g, pid, 1000);
	assert_true(program_told(&g, &w, pidfd, sender_pending(-1)));
	for (int i = 0; i < 1000; i++)
		assert_true(program_early(&g, 65536));
	finish(pid);
	program_release(&g);
}

static void
word_of_another_process_or_a_second_word_is_not_believed(void **state)
{
	struct link_program w;
	struct program g;
	int pidfd;
	pid_t pid = begin(&pidfd);

	(void)state;
	w = word(pid);
	program_init(&g);
	assert_false(program_told(&g, &w, dup(pidfd), 0));
	program_await(&g, pid + 1, 1000);
	assert_false(program_told(&g, &w, dup(pidfd), 0));
	program_await(&g, pid, 1000);
	assert_true(program_told(&g, &w, pidfd, 0));
	w.sections = 15;
	assert_false(program_told(&g, &w, -1, 0));
	assert_true(program_sections(&g, pid) == 5);
	finish(pid);
	program_release(&g);
}

static void
one_that_cannot_be_seen_has_no_rules(void **state)
{
	struct link_program w = word(7);
	struct program g;

	(void)state;
	(void)snprintf(w.trouble, sizeof(w.trouble), "no");
	program_init(&g);
	program_await(&g, 7, 1000);
	assert_true(program_told(&g, &w, -1, 0));
	assert_true(program_sections(&g, 7) == 0);
	assert_string_equal(g.trouble, "no");
	program_release(&g);
}

static void
question_and_answer_cross_the_link(void **state)
{
	const struct link_who who = {{7, 9}, 4711};
	struct link_program w = word(4711), back;
	struct link_who asked;
	struct wire_reader r;
	uint8_t p[1024];
	size_t len = link_who_pack(p, sizeof(p), &who);

	(void)state;
	assert_int_equal(link_kind_get(&r, p, len), LINK_WHO);
	assert_int_equal(link_who_parse(&r, &asked), SIGNER_OK);
	assert_memory_equal(&asked, &who, sizeof(who));
	w.who = who;
	memset(w.path, 'p', sizeof(w.path) - 1);
	memset(w.trouble, 't', sizeof(w.trouble) - 1);
	len = link_program_pack(p, sizeof(p), &w);
	assert_true(len != 0);
	for (size_t n = 1; n < len; n++) {
		assert_int_equal(link_kind_get(&r, p, n), LINK_PROGRAM);
		assert_int_equal(link_program_parse(&r, &back), SIGNER_EPROTO);
	}
	(void)link_kind_get(&r, p, len);
	assert_int_equal(link_program_parse(&r, &back), SIGNER_OK);
	/* One by one: there is padding between them. */
	assert_memory_equal(&back.who, &w.who, sizeof(w.who));
	assert_true(back.sections == w.sections);
	assert_string_equal(back.path, w.path);
	assert_string_equal(back.trouble, w.trouble);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_is_known_of_anybody_at_first),
	    cmocka_unit_test(it_holds_for_that_process_while_it_lives),
	    cmocka_unit_test(what_was_sent_before_it_was_known_stays_early),
	    cmocka_unit_test(what_cannot_be_counted_stays_early_for_ever),
	    cmocka_unit_test(
		word_of_another_process_or_a_second_word_is_not_believed),
	    cmocka_unit_test(one_that_cannot_be_seen_has_no_rules),
	    cmocka_unit_test(question_and_answer_cross_the_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
