#include "tests/unit/pkcs11/rig.h"

#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include <time.h>

#include <p11-kit/pkcs11.h>

#define THREADS 8

struct crowd {
	struct rig *rig;
	unsigned rounds;
};

/* Signs with the EC key; how many failed, all of them as TOKEN_EBUSY. */
static void *
sign_some(void *arg)
{
	const struct crowd *c = arg;
	uint8_t digest[32] = {1}, sig[256];
	struct token_trouble why;
	uintptr_t busy = 0;

	for (unsigned i = 0; i < c->rounds; i++) {
		size_t len = sizeof(sig);
		int r = token_sign(c->rig->token, c->rig->hsm.ec.sha256,
		    TOKEN_ECDSA, TOKEN_SHA256, 0, digest, 32, sig, &len, &why);

		if (r == TOKEN_EBUSY && why.retry)
			busy++;
		else if (r != TOKEN_OK)
			busy += 1000000;
	}
	return (void *)busy;
}

static uintptr_t
rush(struct rig *rig, unsigned rounds)
{
	struct crowd crowd = {rig, rounds};
	pthread_t threads[THREADS];
	uintptr_t busy = 0;
	void *one;

	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, sign_some, &crowd), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &one), 0);
		busy += (uintptr_t)one;
	}
	return busy;
}

static void
start(void **state, unsigned sessions, unsigned wait_ms)
{
	struct rig *rig = *state;

	(void)rig_clear(state);
	rig->cfg.sessions = sessions;
	rig->cfg.wait_ms = wait_ms;
	rig_ok(rig, token_open(&rig->token, &rig->cfg, &rig->why));
}

static void
no_more_sessions_are_opened_than_configured(void **state)
{
	struct rig *rig = *state;
	struct token_stats st;

	for (unsigned sessions = 1; sessions <= 3; sessions++) {
		start(state, sessions, 0);
		rig->mod->nap_us = 200;
		assert_int_equal(rush(rig, 30), 0);
		token_stats(rig->token, &st);
		assert_in_range(st.sessions, 1, sessions);
		/* And one for the login. */
		assert_int_equal(rig->mod->sessions, st.sessions + 1);
		(void)rig_close(state);
	}
}

static void
the_tokens_own_limit_is_kept(void **state)
{
	struct rig *rig = *state;

	for (unsigned limit = 1; limit <= 4; limit++) {
		start(state, 0, 0);
		rig->mod->sessions_said = limit;
		rig->mod->nap_us = 200;
		assert_int_equal(rush(rig, 20), 0);
		assert_true(rig->mod->sessions <= (long)limit);
		(void)rig_close(state);
	}
}

/* The token says nothing of a limit, and then has none left. */
static void
a_limit_met_by_surprise_makes_all_wait_their_turn(void **state)
{
	struct rig *rig = *state;

	for (unsigned limit = 2; limit <= 4; limit++) {
		start(state, 0, 0);
		rig->mod->sessions_max = limit;
		rig->mod->nap_us = 200;
		assert_int_equal(rush(rig, 20), 0);
		assert_int_equal(rig->mod->sessions, limit);
		(void)rig_close(state);
	}
}

static void
when_others_hold_every_session_the_wait_ends(void **state)
{
	struct rig *rig = *state;
	struct timespec a, b;
	long ms;

	start(state, 0, 300);
	rig->mod->fault[COUNTMOD_OPEN].rv = CKR_SESSION_COUNT;
	rig->mod->fault[COUNTMOD_OPEN].times = 100000;
	(void)clock_gettime(CLOCK_MONOTONIC, &a);
	assert_int_equal(rush(rig, 1), THREADS);
	(void)clock_gettime(CLOCK_MONOTONIC, &b);
	ms = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
	assert_in_range(ms, 290, 3000);
	assert_int_equal(rig_sign(rig), TOKEN_EBUSY);
	assert_non_null(strstr(rig->why.text, "CKR_SESSION_COUNT (0xb1)"));
	/* They let go of one: it is found without a restart. */
	rig->mod->fault[COUNTMOD_OPEN].times = 0;
	rig_ok(rig, rig_sign(rig));
	(void)rig_close(state);
}

/* What is wrong with a request ends its session, and no more than that. */
static void
a_refused_request_leaves_the_next_one_its_session(void **state)
{
	struct rig *rig = *state;

	for (unsigned said = 0; said <= 1; said++) {
		start(state, 0, 500);
		rig->mod->sessions_said = said;
		rig->mod->sessions_max = 1;
		rig_ok(rig, rig_sign(rig));
		rig->mod->fault[COUNTMOD_SIGN].rv = CKR_DATA_LEN_RANGE;
		rig->mod->fault[COUNTMOD_SIGN].times = 1;
		assert_int_equal(rig_sign(rig), TOKEN_EARG);
		rig_ok(rig, rig_sign(rig));
		(void)rig_close(state);
	}
}

/* The token says nothing of it: the login and the operations share it. */
static void
one_session_in_all_serves_everybody_in_turn(void **state)
{
	struct rig *rig = *state;

	start(state, 0, 0);
	rig->mod->sessions_max = 1;
	rig->mod->nap_us = 200;
	assert_int_equal(rush(rig, 10), 0);
	assert_int_equal(rig->mod->sessions, 1);
	/* Nor does a failure on it end in a token without sessions. */
	rig->mod->fault[COUNTMOD_SIGN].rv = CKR_DEVICE_ERROR;
	rig->mod->fault[COUNTMOD_SIGN].times = 1;
	rig_ok(rig, rig_sign(rig));
	assert_int_equal(rush(rig, 10), 0);
	(void)rig_close(state);
}

static void *
free_later(void *arg)
{
	struct rig *rig = arg;
	struct timespec t = {0, 400000000};

	(void)nanosleep(&t, NULL);
	rig->mod->fault[COUNTMOD_OPEN].times = 0;
	return NULL;
}

static void
a_session_that_comes_free_in_time_is_used(void **state)
{
	struct rig *rig = *state;
	pthread_t thread;

	start(state, 0, 0);
	rig_ok(rig, token_ready(rig->token, &rig->why));
	rig->mod->fault[COUNTMOD_OPEN].rv = CKR_SESSION_COUNT;
	rig->mod->fault[COUNTMOD_OPEN].times = 100000;
	assert_int_equal(pthread_create(&thread, NULL, free_later, rig), 0);
	assert_int_equal(rush(rig, 1), 0);
	(void)pthread_join(thread, NULL);
	(void)rig_close(state);
}

static void
a_slow_token_makes_late_comers_busy_not_stuck(void **state)
{
	struct rig *rig = *state;

	start(state, 1, 100);
	rig_ok(rig, token_ready(rig->token, &rig->why));
	rig->mod->nap_us = 300000;
	assert_in_range(rush(rig, 1), 1, THREADS - 1);
	rig->mod->nap_us = 0;
	rig_ok(rig, rig_sign(rig));
	(void)rig_close(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(when_others_hold_every_session_the_wait_ends),
	    cmocka_unit_test(a_slow_token_makes_late_comers_busy_not_stuck),
	    cmocka_unit_test(no_more_sessions_are_opened_than_configured),
	    cmocka_unit_test(the_tokens_own_limit_is_kept),
	    cmocka_unit_test(a_limit_met_by_surprise_makes_all_wait_their_turn),
	    cmocka_unit_test(one_session_in_all_serves_everybody_in_turn),
	    cmocka_unit_test(a_refused_request_leaves_the_next_one_its_session),
	    cmocka_unit_test(a_session_that_comes_free_in_time_is_used),
	};

	return cmocka_run_group_tests(tests, rig_make, rig_remove);
}
