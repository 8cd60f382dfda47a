#include "tests/unit/pkcs11/rig.h"

#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include <p11-kit/pkcs11.h>

static void
steady_state_needs_no_login_and_no_search(void **state)
{
	struct rig *rig = *state;
	struct token_stats before, after;

	rig_ok(rig, rig_sign(rig));
	token_stats(rig->token, &before);
	for (unsigned i = 0; i < 50; i++)
		rig_ok(rig, rig_sign(rig));
	token_stats(rig->token, &after);
	assert_int_equal(after.signatures, before.signatures + 50);
	assert_int_equal(after.logins, before.logins);
	assert_int_equal(after.searches, before.searches);
	assert_int_equal(after.recoveries, 0);
	assert_int_equal(after.sessions, 1);
	/* And so says the module. */
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], after.logins);
	assert_int_equal(rig->mod->calls[COUNTMOD_FIND], after.searches);
	assert_int_equal(rig->mod->calls[COUNTMOD_OPEN], 2);
}

static void
sessions_closed_behind_our_back_cost_no_error(void **state)
{
	struct rig *rig = *state;
	struct token_stats st;

	for (unsigned i = 0; i < 5; i++) {
		rig_ok(rig, rig_sign(rig));
		rig->mod->drop = true;
		rig_ok(rig, rig_sign(rig));
	}
	token_stats(rig->token, &st);
	assert_int_equal(st.recoveries, 5);
	assert_int_equal(st.logins, 6);
}

static void
decryption_recovers_too(void **state)
{
	struct rig *rig = *state;
	uint8_t c[256] = {0}, a[256], b[256];
	size_t alen = 256, blen = 256;

	rig_ok(rig, token_decrypt(rig->token, rig->hsm.rsa.sha256,
			TOKEN_RSA_PKCS1, 0, c, 256, a, &alen, &rig->why));
	rig->mod->fault[COUNTMOD_DECRYPT].rv = CKR_DEVICE_ERROR;
	rig->mod->fault[COUNTMOD_DECRYPT].times = 1;
	rig_ok(rig, token_decrypt(rig->token, rig->hsm.rsa.sha256,
			TOKEN_RSA_PKCS1, 0, c, 256, b, &blen, &rig->why));
	assert_int_equal(alen, blen);
	assert_memory_equal(a, b, 256);
}

static void
a_reset_leaves_no_session_behind(void **state)
{
	struct rig *rig = *state;
	struct token_stats st;

	for (unsigned i = 0; i < 5; i++) {
		rig_ok(rig, rig_sign(rig));
		rig->mod->fault[COUNTMOD_SIGN].rv = CKR_DEVICE_ERROR;
		rig->mod->fault[COUNTMOD_SIGN].times = 1;
		rig_ok(rig, rig_sign(rig));
	}
	token_stats(rig->token, &st);
	assert_int_equal(st.recoveries, 5);
	assert_int_equal(st.sessions, 1);
	/* As the module counts: ours, and the login's. */
	assert_int_equal(
	    rig->mod->calls[COUNTMOD_OPEN] - rig->mod->calls[COUNTMOD_CLOSE],
	    2);
}

/* Each call of a signature, with each value that a reset may cure. */
static void
every_curable_failure_is_cured_once(void **state)
{
	static const unsigned long codes[] = {CKR_SESSION_HANDLE_INVALID,
	    CKR_SESSION_CLOSED, CKR_USER_NOT_LOGGED_IN, CKR_KEY_HANDLE_INVALID,
	    CKR_OBJECT_HANDLE_INVALID, CKR_DEVICE_ERROR, CKR_DEVICE_REMOVED,
	    CKR_TOKEN_NOT_PRESENT, CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED,
	    CKR_OPERATION_ACTIVE, CKR_CRYPTOKI_NOT_INITIALIZED,
	    CKR_VENDOR_DEFINED | 1};
	static const enum countmod_call calls[] = {
	    COUNTMOD_OPEN, COUNTMOD_SIGN_INIT, COUNTMOD_SIGN};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		for (size_t j = 0; j < 3; j++) {
			(void)rig_open(state);
			rig_ok(rig, token_ready(rig->token, &rig->why));
			rig->mod->fault[calls[j]].rv = codes[i];
			rig->mod->fault[calls[j]].times = 1;
			rig_ok(rig, rig_sign(rig));
			assert_int_equal(rig->mod->fault[calls[j]].times, 0);
			rig->mod->fault[calls[j]].times = 1000;
			(void)rig_close(state);
		}
}

static void
a_failure_that_stays_is_told_after_one_more_try(void **state)
{
	struct rig *rig = *state;

	rig_ok(rig, rig_sign(rig));
	rig->mod->calls[COUNTMOD_SIGN] = 0;
	rig->mod->fault[COUNTMOD_SIGN].rv = CKR_DEVICE_ERROR;
	rig->mod->fault[COUNTMOD_SIGN].times = 1000;
	assert_int_equal(rig_sign(rig), TOKEN_EDEVICE);
	assert_int_equal(rig->mod->calls[COUNTMOD_SIGN], 2);
	assert_int_equal(rig->why.ckr, CKR_DEVICE_ERROR);
	assert_true(rig->why.retry);
	assert_non_null(
	    strstr(rig->why.text, "C_Sign says CKR_DEVICE_ERROR (0x30)"));
	assert_non_null(strstr(rig->why.text, "sealpoint test"));
	rig->mod->fault[COUNTMOD_SIGN].times = 0;
	rig_ok(rig, rig_sign(rig));
}

static void
what_cannot_be_cured_is_not_tried_again(void **state)
{
	static const struct {
		unsigned long rv;
		int err;
	} cases[] = {
	    {CKR_MECHANISM_INVALID, TOKEN_EMECH},
	    {CKR_KEY_FUNCTION_NOT_PERMITTED, TOKEN_EMECH},
	    {CKR_DATA_LEN_RANGE, TOKEN_EARG},
	    {CKR_FUNCTION_CANCELED, TOKEN_EBUSY},
	    {CKR_PIN_LOCKED, TOKEN_EPINLOCKED},
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_ok(rig, rig_sign(rig));
		rig->mod->calls[COUNTMOD_SIGN_INIT] = 0;
		rig->mod->fault[COUNTMOD_SIGN_INIT].rv = cases[i].rv;
		rig->mod->fault[COUNTMOD_SIGN_INIT].times = 1;
		assert_int_equal(rig_sign(rig), cases[i].err);
		assert_int_equal(rig->mod->calls[COUNTMOD_SIGN_INIT], 1);
	}
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 1);
}

/* HSMs that throttle have several names for it. */
static void
a_busy_token_is_asked_thrice_more_and_no_oftener(void **state)
{
	static const struct {
		unsigned long rv;
		int err;
	} cases[] = {
	    {CKR_HOST_MEMORY, TOKEN_ENOMEM},
	    {CKR_DEVICE_MEMORY, TOKEN_EBUSY},
	    {CKR_FUNCTION_FAILED, TOKEN_EDEVICE},
	    {CKR_OPERATION_ACTIVE, TOKEN_EDEVICE},
	};
	struct rig *rig = *state;
	struct token_stats st;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_ok(rig, rig_sign(rig));
		rig->mod->fault[COUNTMOD_SIGN_INIT].rv = cases[i].rv;
		rig->mod->fault[COUNTMOD_SIGN_INIT].times = 3;
		rig_ok(rig, rig_sign(rig));
		rig->mod->calls[COUNTMOD_SIGN_INIT] = 0;
		rig->mod->fault[COUNTMOD_SIGN_INIT].times = 1000;
		assert_int_equal(rig_sign(rig), cases[i].err);
		assert_int_equal(rig->mod->calls[COUNTMOD_SIGN_INIT], 4);
		assert_true(rig->why.retry);
		rig->mod->fault[COUNTMOD_SIGN_INIT].times = 0;
	}
	token_stats(rig->token, &st);
	assert_int_equal(st.retries, 4 * 6);
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 1);
}

/* Another key under the same handle, or a fault that would tell the key. */
static void
a_wrong_signature_is_never_handed_out(void **state)
{
	struct rig *rig = *state;

	rig_ok(rig, rig_sign(rig));
	rig->mod->calls[COUNTMOD_FIND] = 0;
	rig->mod->spoil = 1;
	rig_ok(rig, rig_sign(rig));
	assert_int_equal(rig->mod->spoil, 0);
	assert_true(rig->mod->calls[COUNTMOD_FIND] > 0);
	rig->mod->spoil = 1000;
	assert_int_equal(rig_sign(rig), TOKEN_EDEVICE);
	assert_int_equal(rig->mod->spoil, 998);
	assert_non_null(strstr(rig->why.text, "not what its key makes"));
	rig->mod->spoil = 0;
	rig_ok(rig, rig_sign(rig));
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 1);
}

static void
a_token_that_is_pulled_and_put_back_serves_again(void **state)
{
	struct rig *rig = *state;
	struct token_stats st;

	rig_ok(rig, rig_sign(rig));
	rig->mod->absent = true;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(rig_sign(rig), TOKEN_EABSENT);
		assert_true(rig->why.retry);
		token_stats(rig->token, &st);
		assert_false(st.ready);
	}
	rig->mod->absent = false;
	rig_ok(rig, rig_sign(rig));
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 2);
}

static void
another_token_in_its_place_is_not_used(void **state)
{
	struct rig *rig = *state;

	(void)rig_close(state);
	rig->cfg.uri = "pkcs11:token=sealpoint%20test";
	(void)rig_open(state);
	rig->cfg.uri = rig->hsm.uri;
	rig_ok(rig, rig_sign(rig));
	rig->mod->serial = '?';
	rig->mod->drop = true;
	assert_int_equal(rig_sign(rig), TOKEN_EABSENT);
	assert_non_null(strstr(rig->why.text, "another token"));
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 1);
	rig->mod->serial = 0;
	rig_ok(rig, rig_sign(rig));
}

#define THREADS 8
#define ROUNDS 400

/* Signs with either key; libcrypto is asked for each tenth only: it is slow. */
static void *
sign_often(void *arg)
{
	struct rig *rig = arg;
	uint8_t digest[32] = {1}, sig[256];
	struct token_trouble why;
	uintptr_t bad = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		bool rsa = i % 5 == 0;
		const struct softhsm_cert *c =
		    rsa ? &rig->hsm.rsa : &rig->hsm.ec;
		enum token_scheme scheme = rsa ? TOKEN_RSA_PSS : TOKEN_ECDSA;
		unsigned saltlen = rsa ? 32 : 0;
		size_t len = sizeof(sig);

		digest[1] = (uint8_t)i;
		if (token_sign(rig->token, c->sha256, scheme, TOKEN_SHA256,
			saltlen, digest, 32, sig, &len, &why) != TOKEN_OK) {
			print_error("%s\n", why.text);
			bad++;
		} else if (i % 10 < 2 && !rig_verify(c, scheme, TOKEN_SHA256,
					     saltlen, digest, 32, sig, len)) {
			print_error("signature %u is wrong\n", i);
			bad++;
		}
	}
	return (void *)bad;
}

static void
hammer(struct rig *rig, void (*meanwhile)(struct rig *))
{
	pthread_t threads[THREADS];
	void *bad;

	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, sign_often, rig), 0);
	if (meanwhile != NULL)
		meanwhile(rig);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &bad), 0);
		assert_null(bad);
	}
}

/* Closes all sessions, five times, each when the last time is overcome. */
static void
pull_the_rug(struct rig *rig)
{
	struct token_stats st;
	uint64_t next = 0;

	for (unsigned i = 0; i < 5; i++) {
		do
			token_stats(rig->token, &st);
		while (st.signatures < next || st.recoveries < i);
		next = st.signatures + 500;
		rig->mod->drop = true;
	}
}

static void
eight_threads_sign_at_once(void **state)
{
	struct rig *rig = *state;
	struct token_stats st;

	hammer(rig, NULL);
	token_stats(rig->token, &st);
	assert_int_equal(st.signatures, THREADS * ROUNDS);
	assert_int_equal(st.logins, 1);
	assert_int_equal(st.recoveries, 0);
	assert_true(st.sessions <= 8);
}

static void
eight_threads_notice_nothing_of_lost_sessions(void **state)
{
	struct rig *rig = *state;
	struct token_stats st;

	hammer(rig, pull_the_rug);
	token_stats(rig->token, &st);
	assert_int_equal(st.signatures, THREADS * ROUNDS);
	assert_in_range(st.recoveries, 1, 8);
	assert_int_equal(st.logins, rig->mod->calls[COUNTMOD_LOGIN]);
}

static void
rescan_often(struct rig *rig)
{
	for (unsigned i = 0; i < 10; i++)
		rig_ok(rig, token_rescan(rig->token, &rig->why));
}

static void
a_rescan_disturbs_no_operation(void **state)
{
	hammer(*state, rescan_often);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_open, rig_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_cannot_be_cured_is_not_tried_again),
	    TEST(a_busy_token_is_asked_thrice_more_and_no_oftener),
	    TEST(a_failure_that_stays_is_told_after_one_more_try),
	    TEST(steady_state_needs_no_login_and_no_search),
	    TEST(sessions_closed_behind_our_back_cost_no_error),
	    TEST(a_reset_leaves_no_session_behind),
	    TEST(decryption_recovers_too),
	    cmocka_unit_test_setup(
		every_curable_failure_is_cured_once, rig_clear),
	    TEST(a_wrong_signature_is_never_handed_out),
	    TEST(a_token_that_is_pulled_and_put_back_serves_again),
	    TEST(another_token_in_its_place_is_not_used),
	    TEST(eight_threads_sign_at_once),
	    TEST(eight_threads_notice_nothing_of_lost_sessions),
	    TEST(a_rescan_disturbs_no_operation),
	};

	return cmocka_run_group_tests(tests, rig_make, rig_remove);
}
