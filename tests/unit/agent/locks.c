/* The front's locks and the supervisor's marks, over their own socket. */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "agent/front/auditor.h"
#include "agent/front/auditseal.h"
#include "agent/front/catalogue.h"
#include "agent/front/control.h"
#include "agent/front/lanes.h"
#include "agent/front/locks.h"
#include "agent/front/metrics.h"
#include "agent/front/overseer.h"
#include "agent/front/tickets.h"
#include "agent/front/timer.h"
#include "agent/front/workers.h"
#include "agent/mark.h"
#include "agent/supervisor/crew.h"

static struct conf conf;
static struct front front;
static struct crew crew;

/* All of a front but its clients; the other end is the supervisor's. */
static int
furnish(void **state)
{
	struct front *f = &front;
	int ends[2];

	(void)state;
	memset(f, 0, sizeof(*f));
	memset(&conf, 0, sizeof(conf));
	(void)snprintf(conf.state, sizeof(conf.state), "/tmp/sp.locks.XXXXXX");
	assert_non_null(mkdtemp(conf.state));
	conf.audit.size_mib = 1;
	(void)snprintf(conf.audit.path, sizeof(conf.audit.path), "log");
	conf.ntokens = 1;
	(void)snprintf(conf.tokens[0].name, sizeof(conf.tokens[0].name), "old");
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	f->conf = crew.conf = &conf;
	crew.ctl = ends[1];
	f->base = event_base_new();
	f->catalogue = catalogue_new();
	f->lanes = lanes_new();
	f->locks = locks_new();
	f->metrics = metrics_new(f);
	f->tickets = tickets_new();
	f->timer = timer_open(f);
	f->workers = workers_open(f);
	f->overseer = overseer_open(f, ends[0]);
	f->auditor = auditor_open(f);
	f->seal = auditseal_open();
	f->control = control_open(f, -1);
	return f->control == NULL || f->seal == NULL || f->auditor == NULL;
}

static int
clear_out(void **state)
{
	struct front *f = &front;

	(void)state;
	control_close(f->control);
	auditor_close(f->auditor);
	auditseal_close(f->seal);
	overseer_close(f->overseer);
	workers_close(f->workers);
	timer_close(f->timer);
	tickets_free(f->tickets);
	metrics_free(f->metrics);
	locks_free(f->locks);
	lanes_free(f->lanes);
	catalogue_free(f->catalogue);
	event_base_free(f->base);
	(void)close(crew.ctl);
	(void)mark_clear(conf.state, "old");
	(void)mark_clear(conf.state, "new");
	return rmdir(conf.state);
}

static void
turn(void)
{
	assert_true(event_base_loop(front.base, EVLOOP_NONBLOCK) >= 0);
}

/* What the front asks to be marked; false: nothing. */
static bool
asked(struct link_mark *m)
{
	uint8_t p[LINK_MARK_MAX];
	struct wire_reader r;
	int fd;
	long n = link_recv(crew.ctl, p, sizeof(p), &fd, MSG_DONTWAIT);

	if (n <= 0)
		return false;
	memset(m, 0, sizeof(*m));
	assert_int_equal(link_kind_get(&r, p, (size_t)n), LINK_MARK);
	assert_int_equal(link_mark_parse(&r, m), SIGNER_OK);
	return true;
}

static void
tell(const char *token, uint32_t id, bool on)
{
	struct link_mark m = {.id = id, .on = on};
	uint8_t p[LINK_MARK_MAX];
	size_t len;

	(void)snprintf(m.token, sizeof(m.token), "%s", token);
	len = link_mark_pack(p, sizeof(p), LINK_MARKED, &m);
	assert_int_equal(link_send(crew.ctl, p, len, NULL, 0, -1, 0), 0);
	turn();
}

/* As a reload does, when the number goes to another token. */
static void
replace(const char *name)
{
	(void)snprintf(
	    conf.tokens[0].name, sizeof(conf.tokens[0].name), "%s", name);
	workers_reset(&front, 0);
	locks_reset(&front, 0, true);
}

static void
a_token_is_locked_at_once_and_opened_by_the_answer(void **state)
{
	struct link_mark m;

	(void)state;
	tell("old", 0, false);
	assert_true(locks_known(&front, 0));
	assert_false(locks_on(&front, 0));
	locks_put(&front, 0);
	assert_true(locks_on(&front, 0));
	assert_true(locks_pending(&front, 0));
	assert_true(asked(&m));
	crew_mark(&crew, &m);
	assert_true(mark_is_set(conf.state, "old"));
	turn();
	assert_false(locks_pending(&front, 0));
	locks_lift(&front, 0);
	assert_true(locks_on(&front, 0));
	assert_true(asked(&m));
	crew_mark(&crew, &m);
	assert_false(mark_is_set(conf.state, "old"));
	turn();
	assert_false(locks_on(&front, 0));
}

static void
an_order_about_the_token_before_does_nothing_to_the_next(void **state)
{
	struct link_mark m;

	(void)state;
	tell("old", 0, true);
	locks_lift(&front, 0);
	assert_true(asked(&m));
	replace("new");
	assert_int_equal(mark_set(conf.state, "new"), 0);
	crew_mark(&crew, &m);
	assert_true(mark_is_set(conf.state, "new"));
	turn();
	assert_false(locks_known(&front, 0));
}

static void
the_next_token_is_known_though_an_answer_about_the_last_is_out(void **state)
{
	struct link_mark m;

	(void)state;
	tell("old", 0, false);
	locks_put(&front, 0);
	assert_true(asked(&m));
	replace("new");
	assert_false(locks_pending(&front, 0));
	tell("new", 0, true);
	assert_true(locks_known(&front, 0));
	tell("old", m.id, false);
	assert_true(locks_on(&front, 0));
}

static void
no_name_but_a_token_s_makes_a_mark(void **state)
{
	struct link_mark m = {.on = true};

	(void)state;
	conf.ntokens = 2; /* the second has no name: it is gone */
	crew_mark(&crew, &m);
	assert_false(mark_is_set(conf.state, ""));
	(void)snprintf(m.token, sizeof(m.token), "new");
	crew_mark(&crew, &m);
	assert_false(mark_is_set(conf.state, "new"));
}

/* Fills the socket to the supervisor, which is busy. */
static void
choke(void)
{
	while (overseer_reload(front.overseer) == 0)
		;
	assert_int_equal(errno, EAGAIN);
}

/* How many words of this kind wait, of all that do. */
static unsigned
hear(enum link_kind kind)
{
	struct wire_reader r;
	unsigned found = 0;
	uint8_t p[128];
	int fd;
	long n;

	while ((n = link_recv(crew.ctl, p, sizeof(p), &fd, MSG_DONTWAIT)) > 0)
		found += link_kind_get(&r, p, (size_t)n) == kind;
	return found;
}

static void
a_full_log_is_told_again_to_a_supervisor_that_was_busy(void **state)
{
	const struct audit_chain none = {0};
	struct audit_record r = {.event = AUDIT_TORN};
	int fd = open(conf.state, O_TMPFILE | O_RDWR | O_APPEND, 0600);

	(void)state;
	assert_int_not_equal(fd, -1);
	auditor_take(&front, fd, &none, false);
	turn();
	assert_int_equal(ftruncate(fd, 0), 0);
	conf.audit.size_mib = 0;
	auditor_reload(&front);
	choke();
	auditor_add(&front, &r);
	turn();
	assert_int_equal(hear(LINK_AUDIT_NEXT), 0);
	r = (struct audit_record){.event = AUDIT_TORN};
	auditor_add(&front, &r);
	turn();
	assert_int_equal(hear(LINK_AUDIT_NEXT), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_token_is_locked_at_once_and_opened_by_the_answer, furnish,
		clear_out),
	    cmocka_unit_test_setup_teardown(
		an_order_about_the_token_before_does_nothing_to_the_next,
		furnish, clear_out),
	    cmocka_unit_test_setup_teardown(
		the_next_token_is_known_though_an_answer_about_the_last_is_out,
		furnish, clear_out),
	    cmocka_unit_test_setup_teardown(
		no_name_but_a_token_s_makes_a_mark, furnish, clear_out),
	    cmocka_unit_test_setup_teardown(
		a_full_log_is_told_again_to_a_supervisor_that_was_busy, furnish,
		clear_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
