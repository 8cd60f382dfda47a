/* Opening a token for provisioning: which one, and at what cost of PINs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <p11-kit/pkcs11.h>

#include "tests/unit/provision/scene.h"

static void
bad_configurations_are_refused_before_any_login(void **state)
{
	struct rig *rig = *state;
	const struct {
		const char *module, *uri;
		int err;
		const char *says;
	} cases[] = {
	    {"/no/such/module.so", rig->cfg.uri, TOKEN_EMODULE, "/no/such"},
	    {"no-such-module", rig->cfg.uri, TOKEN_ECONFIG, "no-such-module"},
	    {COUNTMOD_PATH, "pkcs11:tokn=x", TOKEN_ECONFIG, "tokn"},
	    {COUNTMOD_PATH, "pkcs11:token=x?pin-value=1234", TOKEN_ECONFIG,
		"pin-value"},
	    {COUNTMOD_PATH, "pkcs11:token=absent", TOKEN_EABSENT,
		"pkcs11:token=absent"},
	    {COUNTMOD_PATH, "pkcs11:manufacturer=SoftHSM%20project",
		TOKEN_EAMBIGUOUS, "add the serial number"},
	};
	struct provision_config cfg = scene_config(rig);
	struct provision *p;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cfg.module = cases[i].module;
		cfg.uri = cases[i].uri;
		scene_expect(rig, provision_open(&p, &cfg, &rig->why),
		    cases[i].err, cases[i].says);
		assert_null(p);
		assert_null(strstr(rig->why.text, "1234"));
	}
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 0);
	assert_int_equal(rig->lent, 0);
	provision_close(NULL);
}

static void
flags_of_the_token_stop_the_login(void **state)
{
	static const struct {
		unsigned long flag;
		int err;
		const char *says;
	} cases[] = {
	    {CKF_USER_PIN_LOCKED, TOKEN_EPINLOCKED, "locked"},
	    {CKF_USER_PIN_FINAL_TRY, TOKEN_EPINLOCKED, "one wrong PIN more"},
	    {CKF_USER_PIN_TO_BE_CHANGED, TOKEN_EPIN, "changed first"},
	};
	struct rig *rig = *state;
	struct provision_config cfg = scene_config(rig);
	struct provision *p;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig->mod->flags_on = cases[i].flag;
		scene_expect(rig, provision_open(&p, &cfg, &rig->why),
		    cases[i].err, cases[i].says);
	}
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 0);
	assert_int_equal(rig->lent, 0);
}

static void
a_wrong_pin_reaches_the_token_once(void **state)
{
	struct rig *rig = *state;
	struct provision_config cfg = scene_config(rig);
	struct provision *p;

	rig->pin = "0000-wrong";
	for (int i = 0; i < 3; i++) {
		scene_expect(rig, provision_open(&p, &cfg, &rig->why),
		    TOKEN_EPIN, "put the right PIN into the test");
		assert_null(strstr(rig->why.text, "0000"));
	}
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 1);
	rig->pin = SOFTHSM_PIN;
	provision_close(scene_open(rig));
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 2);
}

/* libp11 would wait for ever. */
static void
a_session_that_cannot_be_had_is_told_and_not_waited_for(void **state)
{
	struct rig *rig = *state;
	struct provision_config cfg = scene_config(rig);
	struct provision *p;

	for (long skip = 0; skip < 2; skip++) {
		rig->mod->fault[COUNTMOD_OPEN].rv = CKR_SESSION_COUNT;
		rig->mod->fault[COUNTMOD_OPEN].skip = skip;
		rig->mod->fault[COUNTMOD_OPEN].times = 100;
		assert_int_not_equal(
		    provision_open(&p, &cfg, &rig->why), TOKEN_OK);
		assert_non_null(strstr(rig->why.text, "CKR_SESSION_COUNT"));
		rig->mod->fault[COUNTMOD_OPEN].times = 0;
	}
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 0);
}

static void
the_pin_is_lent_once_and_taken_back(void **state)
{
	struct rig *rig = *state;
	struct provision_choice names = scene_label("lent once");
	struct provision_key made;
	struct provision *p = scene_open(rig);

	assert_int_equal(rig->lent, 1);
	assert_int_equal(rig->wiped, 1);
	scene_expect(rig,
	    provision_generate(p, PROVISION_EC_P256, &names, &made, &rig->why),
	    TOKEN_OK, "");
	assert_int_equal(rig->lent, 1);
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 1);
	provision_close(p);
}

static void
tokens_are_listed_without_a_login(void **state)
{
	struct rig *rig = *state;
	struct provision_token list[8];
	size_t n, blank = 0;

	scene_expect(rig,
	    provision_list(COUNTMOD_PATH, NULL, list, 8, &n, &rig->why),
	    TOKEN_OK, "");
	assert_int_equal(n, 3);
	for (size_t i = 0; i < n; i++) {
		blank += (list[i].state & PROVISION_BLANK) != 0;
		assert_true(((list[i].state & PROVISION_BLANK) != 0) ==
			    (list[i].uri[0] == '\0'));
	}
	assert_int_equal(blank, 1);
	scene_expect(rig,
	    provision_list(COUNTMOD_PATH, rig->cfg.uri, list, 8, &n, &rig->why),
	    TOKEN_OK, "");
	assert_int_equal(n, 1);
	assert_string_equal(list[0].label, SOFTHSM_LABEL);
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 0);
}

static void
a_listed_uri_opens_its_token(void **state)
{
	struct rig *rig = *state;
	struct provision_config cfg = scene_config(rig);
	struct provision_token list[8];
	struct provision *p;
	size_t n;

	scene_expect(rig,
	    provision_list(COUNTMOD_PATH, rig->cfg.uri, list, 8, &n, &rig->why),
	    TOKEN_OK, "");
	cfg.uri = list[0].uri;
	scene_expect(rig, provision_open(&p, &cfg, &rig->why), TOKEN_OK, "");
	provision_close(p);
}

static void
the_list_tells_what_flags_say(void **state)
{
	static const struct {
		unsigned long on, off;
		unsigned state;
	} cases[] = {
	    {CKF_USER_PIN_LOCKED, 0, PROVISION_PIN_LOCKED},
	    {CKF_USER_PIN_FINAL_TRY, 0, PROVISION_PIN_FINAL},
	    {CKF_USER_PIN_COUNT_LOW, 0, PROVISION_PIN_LOW},
	    {CKF_USER_PIN_TO_BE_CHANGED, 0, PROVISION_PIN_CHANGE},
	    {CKF_WRITE_PROTECTED, 0, PROVISION_READ_ONLY},
	    {CKF_PROTECTED_AUTHENTICATION_PATH, 0, PROVISION_PAD},
	    {0, CKF_USER_PIN_INITIALIZED, PROVISION_NO_PIN},
	    {0, CKF_LOGIN_REQUIRED, PROVISION_OPEN},
	    {0, CKF_TOKEN_INITIALIZED, PROVISION_BLANK},
	    {0, 0, 0},
	};
	struct rig *rig = *state;
	struct provision_token list[8];
	size_t n;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig->mod->flags_on = cases[i].on;
		rig->mod->flags_off = cases[i].off;
		scene_expect(rig,
		    provision_list(
			COUNTMOD_PATH, rig->cfg.uri, list, 8, &n, &rig->why),
		    TOKEN_OK, "");
		assert_int_equal(n, 1);
		assert_int_equal(list[0].state, cases[i].state);
	}
}

static int
make_two(void **state)
{
	int r = rig_make_plain(state);
	struct rig *rig = *state;

	if (r == 0)
		softhsm_add_empty(&rig->hsm, "another");
	return r;
}

int
main(void)
{
#define T(test) cmocka_unit_test_setup(test, rig_clear)
	const struct CMUnitTest tests[] = {
	    T(bad_configurations_are_refused_before_any_login),
	    T(flags_of_the_token_stop_the_login),
	    T(a_wrong_pin_reaches_the_token_once),
	    T(a_session_that_cannot_be_had_is_told_and_not_waited_for),
	    T(the_pin_is_lent_once_and_taken_back),
	    T(tokens_are_listed_without_a_login),
	    T(a_listed_uri_opens_its_token),
	    T(the_list_tells_what_flags_say),
	};

	return cmocka_run_group_tests(tests, make_two, rig_remove);
}
