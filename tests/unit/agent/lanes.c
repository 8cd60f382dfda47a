#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/front/lanes.h"

#define SECOND 1000000u /* us */
#define NOW UINT64_C(5000)

static const struct conf_token card = {
    .sessions = 1, .queue = 1024, .deadline_ms = 10000};

struct rig {
	struct lanes *ls;
	struct tickets *t;
};

static int
make(void **state)
{
	static struct rig r;

	r.ls = lanes_new();
	r.t = tickets_new();
	*state = &r;
	return r.ls == NULL || r.t == NULL ? -1 : 0;
}

static int
unmake(void **state)
{
	struct rig *r = *state;

	lanes_free(r->ls);
	tickets_free(r->t);
	return 0;
}

/* A request of this caller, with the whole deadline left. */
static struct ticket *
request(struct rig *r, uint32_t caller)
{
	struct ticket *k = tickets_take(r->t, NOW + card.deadline_ms);

	assert_non_null(k);
	k->client.slot = caller;
	return k;
}

/* The token signs once, and that takes so long. */
static void
measure(struct rig *r, uint32_t us)
{
	struct ticket *k = request(r, 1000);
	uint32_t after;

	assert_int_equal(lanes_enter(r->ls, &card, k, NOW, &after), 0);
	assert_ptr_equal(lanes_next(r->ls, 0, &card), k);
	(void)lanes_done(r->ls, k, true, us, NOW);
}

static void
ten_callers_of_a_slow_card_have_time_and_the_eleventh_has_not(void **state)
{
	struct rig *r = *state;
	uint32_t after;

	measure(r, SECOND);
	for (uint32_t i = 0; i < 10; i++) {
		assert_int_equal(
		    lanes_enter(r->ls, &card, request(r, i), NOW, &after), 0);
		(void)lanes_next(r->ls, 0, &card);
	}
	assert_int_equal(
	    lanes_enter(r->ls, &card, request(r, 10), NOW, &after), -1);
	assert_in_range(after, 900, 1100);
	assert_int_equal(lanes_load(r->ls, 0), 10);
}

static void
a_caller_with_much_to_ask_is_no_reason_to_refuse_another(void **state)
{
	struct rig *r = *state;
	uint32_t after;
	int taken = 0;

	measure(r, SECOND);
	for (int i = 0; i < 32; i++)
		taken +=
		    lanes_enter(r->ls, &card, request(r, 1), NOW, &after) == 0;
	assert_int_equal(taken, 10);
	assert_int_equal(
	    lanes_enter(r->ls, &card, request(r, 2), NOW, &after), 0);
}

static void
an_idle_session_is_tried_however_slow_the_token_was(void **state)
{
	struct rig *r = *state;
	struct conf_token ct = card;
	uint32_t after;

	ct.sessions = 2;
	measure(r, 60 * SECOND);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(
		    lanes_enter(r->ls, &ct, request(r, i), NOW, &after), 0);
	assert_int_equal(
	    lanes_enter(r->ls, &ct, request(r, 2), NOW, &after), -1);
	assert_true(after > 0);
}

static void
a_worker_has_enough_in_hand_and_no_more(void **state)
{
	static const struct {
		uint32_t us;
		unsigned window;
	} cases[] = {{1000, 8}, {SECOND, 4}};
	struct conf_token ct = card;

	(void)state;
	ct.sessions = 4;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig r = {lanes_new(), tickets_new()};
		struct ticket *k;
		uint32_t after;
		unsigned n = 0;

		measure(&r, cases[i].us);
		for (uint32_t j = 0; j < 20; j++)
			assert_int_equal(
			    lanes_enter(r.ls, &ct, request(&r, j), NOW, &after),
			    0);
		for (k = NULL; lanes_next(r.ls, 0, &ct) != NULL; n++)
			k = tickets_first(r.t);
		assert_int_equal(n, cases[i].window);
		(void)lanes_done(r.ls, k, true, cases[i].us, NOW);
		assert_non_null(lanes_next(r.ls, 0, &ct));
		assert_null(lanes_next(r.ls, 0, &ct));
		lanes_free(r.ls);
		tickets_free(r.t);
	}
}

static void
the_queue_of_the_configuration_is_the_limit(void **state)
{
	struct rig *r = *state;
	struct conf_token ct = card;
	uint32_t after;

	ct.queue = 3;
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(
		    lanes_enter(r->ls, &ct, request(r, i), NOW, &after), 0);
	assert_int_equal(
	    lanes_enter(r->ls, &ct, request(r, 3), NOW, &after), -1);
}

static void
a_token_that_turns_slow_is_told_at_once(void **state)
{
	struct rig *r = *state;
	struct ticket *k = request(r, 1);
	uint32_t after;

	measure(r, 1000);
	assert_int_equal(lanes_enter(r->ls, &card, k, NOW, &after), 0);
	assert_ptr_equal(lanes_next(r->ls, 0, &card), k);
	assert_true(lanes_done(r->ls, k, true, SECOND, NOW));
	assert_true(lanes_service_us(r->ls, 0) > SECOND / 5);
}

static void
a_failure_says_nothing_of_how_long_the_token_takes(void **state)
{
	struct rig *r = *state;
	struct ticket *k = request(r, 1);
	struct client_token t = {0};
	uint32_t after;

	measure(r, 1000);
	assert_int_equal(lanes_enter(r->ls, &card, k, NOW, &after), 0);
	assert_ptr_equal(lanes_next(r->ls, 0, &card), k);
	assert_false(lanes_done(r->ls, k, false, SECOND, NOW + 1));
	assert_int_equal(lanes_service_us(r->ls, 0), 1000);
	lanes_report(r->ls, 0, &t);
	assert_int_equal(t.served, 1);
	assert_int_equal(t.last_ms, NOW);
}

static void
one_that_leaves_is_not_sent(void **state)
{
	struct rig *r = *state;
	struct ticket *a = request(r, 1), *b = request(r, 2);
	uint32_t after;

	assert_int_equal(lanes_enter(r->ls, &card, a, NOW, &after), 0);
	assert_int_equal(lanes_enter(r->ls, &card, b, NOW, &after), 0);
	lanes_leave(r->ls, a);
	assert_ptr_equal(lanes_next(r->ls, 0, &card), b);
	assert_null(lanes_next(r->ls, 0, &card));
	lanes_lose(r->ls, 0);
	assert_int_equal(lanes_load(r->ls, 0), 0);
}

#define LANES_TEST(f) cmocka_unit_test_setup_teardown(f, make, unmake)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    LANES_TEST(
		ten_callers_of_a_slow_card_have_time_and_the_eleventh_has_not),
	    LANES_TEST(
		a_caller_with_much_to_ask_is_no_reason_to_refuse_another),
	    LANES_TEST(an_idle_session_is_tried_however_slow_the_token_was),
	    LANES_TEST(a_worker_has_enough_in_hand_and_no_more),
	    LANES_TEST(the_queue_of_the_configuration_is_the_limit),
	    LANES_TEST(a_token_that_turns_slow_is_told_at_once),
	    LANES_TEST(a_failure_says_nothing_of_how_long_the_token_takes),
	    LANES_TEST(one_that_leaves_is_not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
