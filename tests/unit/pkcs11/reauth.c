#include "tests/unit/pkcs11/rig.h"

#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include <openssl/rsa.h>
#include <p11-kit/pkcs11.h>

#define THREADS 6
#define ROUNDS 5

static void
start(struct rig *rig, enum token_reauth reauth)
{
	void *state = rig;

	(void)rig_clear(&state);
	rig->cfg.reauth = reauth;
	rig_ok(rig, token_open(&rig->token, &rig->cfg, &rig->why));
}

static int
sign_ec(struct rig *rig)
{
	uint8_t digest[32] = {7}, sig[128];
	size_t len = sizeof(sig);

	return token_sign(rig->token, rig->hsm.ec.sha256, TOKEN_ECDSA,
	    TOKEN_SHA256, 0, digest, 32, sig, &len, &rig->why);
}

/* SoftHSM itself insists on the login between C_SignInit and C_Sign. */
static void
each_use_of_the_key_has_a_login_of_its_own(void **state)
{
	static const enum token_pin_use uses[] = {
	    [TOKEN_REAUTH_CACHED] = TOKEN_PIN_AGAIN,
	    [TOKEN_REAUTH_ASK] = TOKEN_PIN_ASK,
	};
	struct rig *rig = *state;
	uint8_t in[32] = {9}, c[256], out[256];

	for (unsigned i = TOKEN_REAUTH_CACHED; i <= TOKEN_REAUTH_ASK; i++) {
		size_t len = sizeof(out);

		start(rig, (enum token_reauth)i);
		rig_ok(rig, sign_ec(rig));
		assert_int_equal(rig->use, TOKEN_PIN_LOGIN);
		assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 1);
		rig_ok(rig, rig_sign(rig));
		assert_int_equal(rig->use, uses[i]);
		rig_ok(rig, rig_sign(rig));
		assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 3);
		(void)rig_encrypt(&rig->hsm.rsa, RSA_PKCS1_PADDING, 0, in,
		    sizeof(in), c, sizeof(c));
		rig_ok(
		    rig, token_decrypt(rig->token, rig->hsm.rsa.sha256,
			     TOKEN_RSA_PKCS1, 0, c, 256, out, &len, &rig->why));
		assert_int_equal(len, 32);
		assert_memory_equal(out, in, 32);
		assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 4);
		assert_int_equal(rig->lent, 4);
		assert_int_equal(rig->wiped, 4);
		(void)rig_close(state);
	}
}

static void
without_leave_the_key_is_not_used(void **state)
{
	struct rig *rig = *state;

	start(rig, TOKEN_REAUTH_NEVER);
	assert_int_equal(rig_sign(rig), TOKEN_EPIN);
	assert_false(rig->why.retry);
	assert_non_null(strstr(rig->why.text, "reauth = cached or ask"));
	assert_int_equal(rig->mod->calls[COUNTMOD_SIGN_INIT], 0);
	rig_ok(rig, sign_ec(rig));
	(void)rig_close(state);
}

static void
a_wrong_pin_for_a_key_is_sent_once(void **state)
{
	struct rig *rig = *state;

	start(rig, TOKEN_REAUTH_CACHED);
	rig_ok(rig, rig_sign(rig));
	rig->pin = "0000-wrong";
	assert_int_equal(rig_sign(rig), TOKEN_EPIN);
	assert_int_equal(rig->why.ckr, CKR_PIN_INCORRECT);
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(rig_sign(rig), TOKEN_EPIN);
		assert_non_null(strstr(rig->why.text, "refused this PIN"));
	}
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 3);
	/* It is only this key's: others are used as before. */
	rig_ok(rig, sign_ec(rig));
	rig->pin = SOFTHSM_PIN;
	rig_ok(rig, rig_sign(rig));
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 4);
	(void)rig_close(state);
}

static void
a_pin_that_nobody_gives_leaves_no_operation_behind(void **state)
{
	struct rig *rig = *state;

	start(rig, TOKEN_REAUTH_ASK);
	rig_ok(rig, rig_sign(rig));
	rig->pin = NULL; /* the PIN pad, which SoftHSM has not */
	assert_int_equal(rig_sign(rig), TOKEN_EPIN);
	rig->pin = SOFTHSM_PIN;
	rig_ok(rig, sign_ec(rig));
	rig_ok(rig, rig_sign(rig));
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 3);
	(void)rig_close(state);
}

static void
a_session_lost_at_the_login_is_mended(void **state)
{
	struct rig *rig = *state;

	start(rig, TOKEN_REAUTH_CACHED);
	rig_ok(rig, rig_sign(rig));
	rig->mod->fault[COUNTMOD_LOGIN].rv = CKR_SESSION_HANDLE_INVALID;
	rig->mod->fault[COUNTMOD_LOGIN].times = 1;
	rig_ok(rig, rig_sign(rig));
	/* An answer that may have cost a try is not repeated. */
	rig->mod->calls[COUNTMOD_LOGIN] = 0;
	rig->mod->fault[COUNTMOD_LOGIN].rv = CKR_GENERAL_ERROR;
	rig->mod->fault[COUNTMOD_LOGIN].times = 1;
	assert_int_equal(rig_sign(rig), TOKEN_EDEVICE);
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 1);
	rig_ok(rig, rig_sign(rig));
	(void)rig_close(state);
}

static void *
sign_often(void *arg)
{
	struct rig *rig = arg;
	uint8_t digest[32] = {1}, sig[256];
	struct token_trouble why;
	uintptr_t bad = 0;

	for (unsigned i = 0; i < ROUNDS * 4; i++) {
		bool rsa = i % 4 == 0;
		const struct softhsm_cert *c =
		    rsa ? &rig->hsm.rsa : &rig->hsm.ec;
		size_t len = sizeof(sig);

		if (token_sign(rig->token, c->sha256,
			rsa ? TOKEN_RSA_PKCS1 : TOKEN_ECDSA, TOKEN_SHA256, 0,
			digest, 32, sig, &len, &why) != TOKEN_OK) {
			print_error("%s\n", why.text);
			bad++;
		}
	}
	return (void *)bad;
}

/* Nothing else runs between the login and the signature, and none starves. */
static void
both_kinds_of_keys_are_used_at_once(void **state)
{
	struct rig *rig = *state;
	pthread_t threads[THREADS];
	void *bad;

	start(rig, TOKEN_REAUTH_CACHED);
	(void)rig_close(state);
	rig->cfg.wait_ms = 60000; /* a login is slow under a sanitizer */
	rig_ok(rig, token_open(&rig->token, &rig->cfg, &rig->why));
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, sign_often, rig), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &bad), 0);
		assert_null(bad);
	}
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 1 + THREADS * ROUNDS);
	(void)rig_close(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_use_of_the_key_has_a_login_of_its_own),
	    cmocka_unit_test(without_leave_the_key_is_not_used),
	    cmocka_unit_test(a_wrong_pin_for_a_key_is_sent_once),
	    cmocka_unit_test(
		a_pin_that_nobody_gives_leaves_no_operation_behind),
	    cmocka_unit_test(a_session_lost_at_the_login_is_mended),
	    cmocka_unit_test(both_kinds_of_keys_are_used_at_once),
	};

	return cmocka_run_group_tests(tests, rig_make_always, rig_remove);
}
