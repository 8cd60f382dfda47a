#include "tests/unit/pkcs11/rig.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

static void
start(struct rig *rig, unsigned keepalive_ms, unsigned release_ms)
{
	void *state = rig;

	(void)rig_clear(&state);
	rig->cfg.keepalive_ms = keepalive_ms;
	rig->cfg.release_ms = release_ms;
	rig->cfg.how_to_open = "run the test's own command";
	rig_ok(rig, token_open(&rig->token, &rig->cfg, &rig->why));
}

static void
a_locked_token_is_not_asked_until_it_is_unlocked(void **state)
{
	struct rig *rig = *state;
	struct token_stats st;

	start(rig, 0, 0);
	rig_ok(rig, rig_sign(rig));
	for (unsigned i = 0; i < 2; i++) {
		rig_ok(rig, token_lock(rig->token, &rig->why));
		assert_int_equal(rig->mod->sessions, 0);
		assert_int_equal(rig_sign(rig), TOKEN_EPIN);
		assert_non_null(
		    strstr(rig->why.text, "locked by the operator"));
		assert_non_null(strstr(rig->why.text, "the test's own"));
		assert_int_equal(
		    token_ready(rig->token, &rig->why), TOKEN_EPIN);
		assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 1);
	}
	token_stats(rig->token, &st);
	assert_false(st.ready);
	token_unlock(rig->token);
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 1);
	rig_ok(rig, rig_sign(rig));
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 2);
	(void)rig_close(state);
}

static int (*quick)(void *ctx, enum token_pin_use use, const uint8_t **pin,
    size_t *len, char *text, size_t textlen);
static atomic_bool asked;

/* A PIN that takes longer to come than anybody waits. */
static int
slow(void *ctx, enum token_pin_use use, const uint8_t **pin, size_t *len,
    char *text, size_t textlen)
{
	asked = true;
	(void)usleep(300000);
	return quick(ctx, use, pin, len, text, textlen);
}

static void *
knock(void *arg)
{
	struct rig *rig = arg;
	struct token_trouble why;

	assert_int_equal(token_ready(rig->token, &why), TOKEN_EPIN);
	return NULL;
}

static void
a_login_that_a_lock_could_not_await_ends_at_once(void **state)
{
	struct rig *rig = *state;
	struct token_stats st;
	pthread_t t;

	(void)rig_clear(state);
	quick = rig->cfg.pin.get;
	rig->cfg.pin.get = slow;
	rig->cfg.wait_ms = 50;
	asked = false;
	rig_ok(rig, token_open(&rig->token, &rig->cfg, &rig->why));
	assert_int_equal(pthread_create(&t, NULL, knock, rig), 0);
	while (!asked)
		(void)usleep(1000);
	assert_int_equal(token_lock(rig->token, &rig->why), TOKEN_EBUSY);
	assert_int_equal(pthread_join(t, NULL), 0);
	rig->cfg.pin.get = quick;
	token_stats(rig->token, &st);
	assert_false(st.ready);
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 1);
	assert_int_equal(rig->mod->sessions, 0);
	(void)rig_close(state);
}

static void
a_token_may_be_locked_before_it_was_ever_used(void **state)
{
	struct rig *rig = *state;

	start(rig, 0, 0);
	rig_ok(rig, token_lock(rig->token, &rig->why));
	assert_int_equal(rig_sign(rig), TOKEN_EPIN);
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 0);
	token_unlock(rig->token);
	rig_ok(rig, rig_sign(rig));
	(void)rig_close(state);
}

static void
a_forgotten_login_is_made_again_by_the_next_request(void **state)
{
	struct rig *rig = *state;

	start(rig, 0, 0);
	for (unsigned i = 1; i <= 3; i++) {
		rig_ok(rig, rig_sign(rig));
		assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], i);
		rig_ok(rig, token_forget(rig->token, &rig->why));
		assert_int_equal(rig->mod->sessions, 0);
	}
	(void)rig_close(state);
}

static void *
sign_one(void *arg)
{
	return (void *)(uintptr_t)(rig_sign(arg) != TOKEN_OK);
}

/* The operation that runs ends well; the login does not go under it. */
static void
a_lock_waits_for_what_runs(void **state)
{
	struct rig *rig = *state;
	pthread_t thread;
	void *bad;

	start(rig, 0, 0);
	rig_ok(rig, rig_sign(rig));
	rig->mod->calls[COUNTMOD_SIGN] = 0;
	rig->mod->nap_us = 200000;
	assert_int_equal(pthread_create(&thread, NULL, sign_one, rig), 0);
	while (rig->mod->calls[COUNTMOD_SIGN] == 0)
		(void)usleep(1000);
	rig_ok(rig, token_lock(rig->token, NULL));
	assert_int_equal(pthread_join(thread, &bad), 0);
	assert_null(bad);
	assert_int_equal(rig->mod->sessions, 0);
	(void)rig_close(state);
}

static void
one_that_does_not_end_is_told_and_the_lock_holds(void **state)
{
	struct rig *rig = *state;
	pthread_t thread;
	void *bad;

	start(rig, 0, 0);
	(void)rig_close(state);
	rig->cfg.wait_ms = 50;
	rig_ok(rig, token_open(&rig->token, &rig->cfg, &rig->why));
	rig_ok(rig, rig_sign(rig));
	rig->mod->calls[COUNTMOD_SIGN] = 0;
	rig->mod->nap_us = 300000;
	assert_int_equal(pthread_create(&thread, NULL, sign_one, rig), 0);
	while (rig->mod->calls[COUNTMOD_SIGN] == 0)
		(void)usleep(1000);
	assert_int_equal(token_lock(rig->token, NULL), TOKEN_EBUSY);
	assert_int_equal(pthread_join(thread, &bad), 0);
	rig->mod->nap_us = 0;
	assert_int_equal(rig_sign(rig), TOKEN_EPIN);
	rig_ok(rig, token_lock(rig->token, &rig->why));
	assert_int_equal(rig->mod->sessions, 0);
	token_unlock(rig->token);
	rig_ok(rig, rig_sign(rig));
	(void)rig_close(state);
}

static int
tend(struct rig *rig, unsigned *left)
{
	int err;

	memset(&rig->why, 0, sizeof(rig->why));
	*left = token_tend(rig->token, &err, &rig->why);
	return err;
}

static unsigned
tended(struct rig *rig)
{
	unsigned left;

	rig_ok(rig, tend(rig, &left));
	return left;
}

static void
an_idle_token_is_let_go_and_taken_again(void **state)
{
	struct rig *rig = *state;
	unsigned left;

	start(rig, 0, 60);
	assert_int_equal(tended(rig), 0);
	for (unsigned i = 1; i <= 2; i++) {
		rig_ok(rig, rig_sign(rig));
		left = tended(rig);
		assert_in_range(left, 1, 60);
		assert_true(rig->mod->sessions > 0);
		(void)usleep((left + 5) * 1000);
		assert_int_equal(tended(rig), 0);
		assert_int_equal(rig->mod->sessions, 0);
		/* And nothing more is to be done for it. */
		assert_int_equal(tended(rig), 0);
		assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], i);
	}
	(void)rig_close(state);
}

static void
idle_sessions_are_used_and_lost_ones_mended(void **state)
{
	struct rig *rig = *state;
	uint64_t before;
	unsigned left;

	start(rig, 500, 0);
	rig->mod->flags_off = CKF_RNG; /* so that the calls are counted */
	rig_ok(rig, rig_sign(rig));
	before = rig->mod->calls[COUNTMOD_SESSION_INFO];
	left = tended(rig);
	assert_in_range(left, 1, 500);
	assert_int_equal(rig->mod->calls[COUNTMOD_SESSION_INFO], before);
	(void)usleep(505000);
	left = tended(rig);
	assert_in_range(left, 1, 500);
	/* The login's session, and the one of the operation. */
	assert_int_equal(rig->mod->calls[COUNTMOD_SESSION_INFO], before + 2);
	(void)usleep(505000);
	rig->mod->fault[COUNTMOD_SESSION_INFO].rv = CKR_SESSION_HANDLE_INVALID;
	rig->mod->fault[COUNTMOD_SESSION_INFO].times = 3;
	(void)tend(rig, &left);
	rig->mod->calls[COUNTMOD_OPEN] = 0;
	rig->mod->calls[COUNTMOD_SIGN_INIT] = 0;
	rig_ok(rig, rig_sign(rig));
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 2);
	assert_int_equal(rig->mod->calls[COUNTMOD_OPEN], 1);
	assert_int_equal(rig->mod->calls[COUNTMOD_SIGN_INIT], 1);
	(void)rig_close(state);
}

static void
a_token_that_idle_use_finds_absent_is_told(void **state)
{
	struct rig *rig = *state;
	unsigned left;

	start(rig, 20, 0);
	rig->mod->flags_off = CKF_RNG;
	rig_ok(rig, rig_sign(rig));
	(void)usleep(25000);
	rig->mod->fault[COUNTMOD_SESSION_INFO].rv = CKR_DEVICE_REMOVED;
	rig->mod->fault[COUNTMOD_SESSION_INFO].times = 100;
	rig->mod->fault[COUNTMOD_TOKEN_INFO].rv = CKR_TOKEN_NOT_PRESENT;
	rig->mod->fault[COUNTMOD_TOKEN_INFO].times = 100;
	assert_int_equal(tend(rig, &left), TOKEN_EABSENT);
	assert_non_null(strstr(rig->why.text, "CKR_TOKEN_NOT_PRESENT"));
	rig->mod->fault[COUNTMOD_SESSION_INFO].times = 0;
	rig->mod->fault[COUNTMOD_TOKEN_INFO].times = 0;
	assert_int_equal(tend(rig, &left), TOKEN_OK);
	assert_int_equal(left, 0);
	rig_ok(rig, rig_sign(rig));
	(void)rig_close(state);
}

static void *
come(void *arg)
{
	struct rig *rig = arg;
	struct token_trouble why;

	rig_ok(rig, token_ready(rig->token, &why));
	return NULL;
}

/* A mended token is no news to whoever waits to tend it. */
static void
one_that_is_being_set_up_is_tended_later(void **state)
{
	struct rig *rig = *state;
	unsigned left;
	pthread_t t;

	(void)rig_clear(state);
	quick = rig->cfg.pin.get;
	rig->cfg.pin.get = slow;
	rig->cfg.keepalive_ms = rig->cfg.release_ms = 0;
	for (unsigned i = 0; i < 2; i++) {
		*(i == 0 ? &rig->cfg.keepalive_ms : &rig->cfg.release_ms) = 60;
		asked = false;
		rig_ok(rig, token_open(&rig->token, &rig->cfg, &rig->why));
		assert_int_equal(pthread_create(&t, NULL, come, rig), 0);
		while (!asked)
			(void)usleep(1000);
		assert_int_equal(tend(rig, &left), TOKEN_OK);
		assert_in_range(left, 1, 60);
		assert_int_equal(pthread_join(t, NULL), 0);
		rig->cfg.keepalive_ms = 0;
		token_close(rig->token);
		rig->token = NULL;
	}
	rig->cfg.pin.get = quick;
	(void)rig_close(state);
}

/* What the module is asked meanwhile would be asked on the same session. */
static void
the_only_session_is_left_alone_while_it_is_used(void **state)
{
	struct rig *rig = *state;
	uint64_t before;
	pthread_t t;
	unsigned left;
	void *bad;

	start(rig, 20, 0);
	rig->mod->flags_off = CKF_RNG;
	rig->mod->sessions_said = 1;
	rig_ok(rig, rig_sign(rig));
	rig->mod->nap_us = 300000;
	before = rig->mod->calls[COUNTMOD_SIGN];
	assert_int_equal(pthread_create(&t, NULL, sign_one, rig), 0);
	while (rig->mod->calls[COUNTMOD_SIGN] == before)
		(void)usleep(1000);
	(void)usleep(25000);
	before = rig->mod->calls[COUNTMOD_SESSION_INFO];
	assert_int_equal(tend(rig, &left), TOKEN_OK);
	assert_int_equal(rig->mod->calls[COUNTMOD_SESSION_INFO], before);
	assert_int_equal(pthread_join(t, &bad), 0);
	assert_null(bad);
	rig->mod->nap_us = 0;
	rig_ok(rig, rig_sign(rig));
	(void)rig_close(state);
}

static void
a_probe_shows_whether_the_token_signs(void **state)
{
	struct rig *rig = *state;
	struct token_stats st;

	start(rig, 0, 0);
	rig_ok(rig, token_probe(rig->token, &rig->why));
	token_stats(rig->token, &st);
	assert_int_equal(st.signatures, 1);
	rig->mod->fault[COUNTMOD_SIGN].rv = CKR_DEVICE_ERROR;
	rig->mod->fault[COUNTMOD_SIGN].times = 100;
	assert_int_equal(token_probe(rig->token, &rig->why), TOKEN_EDEVICE);
	rig->mod->fault[COUNTMOD_SIGN].times = 0;
	rig_ok(rig, token_probe(rig->token, &rig->why));
	(void)rig_close(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_locked_token_is_not_asked_until_it_is_unlocked),
	    cmocka_unit_test(a_login_that_a_lock_could_not_await_ends_at_once),
	    cmocka_unit_test(a_token_may_be_locked_before_it_was_ever_used),
	    cmocka_unit_test(
		a_forgotten_login_is_made_again_by_the_next_request),
	    cmocka_unit_test(a_lock_waits_for_what_runs),
	    cmocka_unit_test(one_that_does_not_end_is_told_and_the_lock_holds),
	    cmocka_unit_test(an_idle_token_is_let_go_and_taken_again),
	    cmocka_unit_test(idle_sessions_are_used_and_lost_ones_mended),
	    cmocka_unit_test(a_token_that_idle_use_finds_absent_is_told),
	    cmocka_unit_test(one_that_is_being_set_up_is_tended_later),
	    cmocka_unit_test(the_only_session_is_left_alone_while_it_is_used),
	    cmocka_unit_test(a_probe_shows_whether_the_token_signs),
	};

	return cmocka_run_group_tests(tests, rig_make_plain, rig_remove);
}
