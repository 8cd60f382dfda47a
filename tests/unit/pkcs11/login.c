#include "tests/unit/pkcs11/rig.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

/* Opens a token, brings it up, closes it; what came of it. */
static int
visit(struct rig *rig)
{
	struct token *t;
	int r;

	r = token_open(&t, &rig->cfg, &rig->why);
	if (r != TOKEN_OK)
		return r;
	r = token_ready(t, &rig->why);
	token_close(t);
	return r;
}

static unsigned long
logins(const struct rig *rig)
{
	return rig->mod->calls[COUNTMOD_LOGIN];
}

static void
a_wrong_pin_reaches_the_token_once(void **state)
{
	struct rig *rig = *state;
	struct stat st;

	rig->pin = "wrong";
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(visit(rig), TOKEN_EPIN);
		assert_false(rig->why.retry);
		assert_non_null(strstr(rig->why.text, "sealpoint test"));
		assert_non_null(strstr(rig->why.text, rig->cfg.what_to_do));
		assert_null(strstr(rig->why.text, "wrong"));
	}
	assert_int_equal(logins(rig), 1);
	assert_int_equal(rig->lent, 10);
	assert_int_equal(rig->wiped, 10);
	assert_int_equal(stat(rig->hsm.guard, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void
a_wrong_pin_is_not_sent_again_by_one_open_token(void **state)
{
	struct rig *rig = *state;
	struct token *t;
	uint8_t digest[32] = {1}, sig[256];

	rig->pin = "wrong";
	rig_ok(rig, token_open(&t, &rig->cfg, &rig->why));
	for (unsigned i = 0; i < 5; i++) {
		size_t len = sizeof(sig);

		assert_int_equal(
		    token_sign(t, rig->hsm.rsa.sha256, TOKEN_RSA_PKCS1,
			TOKEN_SHA256, 0, digest, 32, sig, &len, &rig->why),
		    TOKEN_EPIN);
	}
	assert_int_equal(logins(rig), 1);
	/* Its source changes: the same token goes on. */
	rig->pin = SOFTHSM_PIN;
	rig_ok(rig, token_ready(t, &rig->why));
	token_close(t);
}

static void
processes_that_start_at_once_send_a_wrong_pin_once(void **state)
{
	struct rig *rig = *state;
	pid_t children[6];
	int status;

	rig->pin = "wrong";
	for (unsigned i = 0; i < 6; i++) {
		children[i] = fork();
		assert_int_not_equal(children[i], -1);
		if (children[i] == 0)
			_exit(visit(rig) == TOKEN_EPIN ? 0 : 1);
	}
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(logins(rig), 1);
}

static void
several_wrong_pins_are_each_remembered(void **state)
{
	static const char *const pins[] = {
	    "one", "two", "three", "one", "two", "three", ""};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(pins) / sizeof(pins[0]); i++) {
		rig->pin = pins[i];
		assert_int_equal(visit(rig), TOKEN_EPIN);
	}
	/* SoftHSM is asked about the empty one too. */
	assert_int_equal(logins(rig), 4);
}

static void
a_right_pin_clears_the_record(void **state)
{
	struct rig *rig = *state;

	rig->pin = "wrong";
	assert_int_equal(visit(rig), TOKEN_EPIN);
	rig->pin = SOFTHSM_PIN;
	rig_ok(rig, visit(rig));
	assert_int_not_equal(access(rig->hsm.guard, F_OK), 0);
	rig_ok(rig, visit(rig));
}

static void
flags_are_heeded_before_any_pin_is_sent(void **state)
{
	static const struct {
		unsigned long flag;
		int err;
	} cases[] = {
	    {CKF_USER_PIN_LOCKED, TOKEN_EPINLOCKED},
	    {CKF_USER_PIN_FINAL_TRY, TOKEN_EPINLOCKED},
	    {CKF_USER_PIN_TO_BE_CHANGED, TOKEN_EPIN},
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig->mod->flags_on = cases[i].flag;
		assert_int_equal(visit(rig), cases[i].err);
	}
	assert_int_equal(logins(rig), 0);
	assert_int_equal(rig->lent, 0);
	assert_int_not_equal(access(rig->hsm.guard, F_OK), 0);
}

static void
a_token_that_needs_no_login_gets_none(void **state)
{
	struct rig *rig = *state;

	rig->mod->flags_off = CKF_LOGIN_REQUIRED;
	rig_ok(rig, visit(rig));
	assert_int_equal(logins(rig), 0);
	assert_int_equal(rig->lent, 0);
}

static void
without_a_pin_only_a_pin_pad_will_do(void **state)
{
	struct rig *rig = *state;

	rig->pin = NULL;
	assert_int_equal(visit(rig), TOKEN_EPIN);
	assert_int_equal(logins(rig), 0);
	/* SoftHSM has no pad: it refuses the NULL, and is asked once only. */
	rig->mod->flags_on = CKF_PROTECTED_AUTHENTICATION_PATH;
	rig->mod->fault[COUNTMOD_LOGIN].rv = CKR_PIN_INCORRECT;
	rig->mod->fault[COUNTMOD_LOGIN].times = 100;
	rig_ok(rig, token_open(&rig->token, &rig->cfg, &rig->why));
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(
		    token_ready(rig->token, &rig->why), TOKEN_EPIN);
	(void)rig_close(state);
	assert_int_equal(logins(rig), 1);
}

/* A library that tells a wrong PIN, or nobody's, by a general name. */
static void
a_pin_pad_is_asked_in_vain_three_times_at_most(void **state)
{
	static const unsigned long codes[] = {CKR_GENERAL_ERROR,
	    CKR_FUNCTION_FAILED, CKR_DEVICE_ERROR, CKR_FUNCTION_CANCELED,
	    CKR_VENDOR_DEFINED | 1};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		(void)rig_clear(state);
		rig->pin = NULL;
		rig->mod->flags_on = CKF_PROTECTED_AUTHENTICATION_PATH;
		rig->mod->fault[COUNTMOD_LOGIN].rv = codes[i];
		rig->mod->fault[COUNTMOD_LOGIN].times = 100;
		rig_ok(rig, token_open(&rig->token, &rig->cfg, &rig->why));
		for (unsigned j = 0; j < 9; j++)
			(void)token_ready(rig->token, &rig->why);
		assert_int_equal(
		    token_ready(rig->token, &rig->why), TOKEN_EPIN);
		(void)rig_close(state);
		assert_int_equal(logins(rig), 3);
	}
}

/* Leaves the record of a login that never came back. */
static void
crash_in_login(struct rig *rig)
{
	rig->mod->fault[COUNTMOD_LOGIN].rv = CKR_DEVICE_ERROR;
	rig->mod->fault[COUNTMOD_LOGIN].times = 1;
	assert_int_equal(visit(rig), TOKEN_EDEVICE);
	assert_int_equal(access(rig->hsm.guard, F_OK), 0);
}

static void
a_login_cut_short_is_tried_again_unless_the_token_says_it_failed(void **state)
{
	struct rig *rig = *state;

	crash_in_login(rig);
	rig_ok(rig, visit(rig));
	assert_int_equal(logins(rig), 2);
	crash_in_login(rig);
	rig->mod->flags_on = CKF_USER_PIN_COUNT_LOW;
	assert_int_equal(visit(rig), TOKEN_EPIN);
	assert_int_equal(logins(rig), 3);
	/* Another PIN may still be tried. */
	rig->pin = "wrong";
	assert_int_equal(visit(rig), TOKEN_EPIN);
	assert_int_equal(logins(rig), 4);
}

/* Some modules name a wrong PIN so; and their tokens set no flag. */
static void
answers_that_say_nothing_of_the_pin_cost_two_tries_at_most(void **state)
{
	static const unsigned long answers[] = {CKR_GENERAL_ERROR,
	    CKR_FUNCTION_FAILED, CKR_DEVICE_ERROR, CKR_VENDOR_DEFINED + 1};
	struct rig *rig = *state;
	uint8_t digest[32] = {1}, sig[256];
	struct token *t;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		(void)rig_clear(state);
		rig->pin = "wrong";
		rig->mod->fault[COUNTMOD_LOGIN].rv = answers[i];
		rig->mod->fault[COUNTMOD_LOGIN].times = 1000;
		rig->mod->flags_off = CKF_USER_PIN_COUNT_LOW;
		for (unsigned n = 0; n < 5; n++)
			assert_int_not_equal(visit(rig), TOKEN_OK);
		assert_int_equal(logins(rig), 2);
		rig_ok(rig, token_open(&t, &rig->cfg, &rig->why));
		for (unsigned n = 0; n < 5; n++) {
			size_t len = sizeof(sig);

			assert_int_equal(token_sign(t, rig->hsm.rsa.sha256,
					     TOKEN_RSA_PKCS1, TOKEN_SHA256, 0,
					     digest, 32, sig, &len, &rig->why),
			    TOKEN_EPIN);
		}
		token_close(t);
		assert_int_equal(logins(rig), 2);
		assert_non_null(strstr(rig->why.text, rig->hsm.guard));
		assert_non_null(strstr(rig->why.text, "verify it"));
		assert_non_null(strstr(rig->why.text, rig->cfg.what_to_do));
	}
}

/* While we wait for its lock, another process uses the tries up. */
static void
flags_are_read_when_no_other_process_logs_in(void **state)
{
	struct rig *rig = *state;
	char lock[160];
	int fd, status;
	pid_t child;

	(void)snprintf(lock, sizeof(lock), "%s.lock", rig->hsm.guard);
	fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_not_equal(fd, -1);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	rig->pin = "wrong";
	child = fork();
	assert_int_not_equal(child, -1);
	if (child == 0) {
		(void)close(fd);
		_exit(visit(rig) == TOKEN_EPINLOCKED ? 0 : 1);
	}
	/* Long enough for it to come as far as the lock. */
	(void)usleep(700000);
	rig->mod->flags_on = CKF_USER_PIN_FINAL_TRY;
	(void)close(fd);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(logins(rig), 0);
}

static void
no_pin_is_sent_if_the_record_cannot_be_kept(void **state)
{
	static const char *const paths[] = {
	    "/no/such/folder/guard", "/proc/guard", "", "/", NULL};
	struct rig *rig = *state;
	char folder[128];

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		rig->cfg.guard = paths[i];
		assert_int_equal(visit(rig), TOKEN_ECONFIG);
		if (paths[i] != NULL)
			assert_non_null(strstr(rig->why.text, paths[i]));
	}
	/* A link may point anywhere: it is not followed. */
	(void)snprintf(folder, sizeof(folder), "%s/link", rig->hsm.dir);
	assert_int_equal(symlink("/dev/null", folder), 0);
	rig->cfg.guard = folder;
	assert_int_equal(visit(rig), TOKEN_ECONFIG);
	rig->cfg.guard = rig->hsm.guard;
	assert_int_equal(logins(rig), 0);
}

static void
put_file(const struct rig *rig, const char *text, mode_t mode)
{
	FILE *f;

	(void)remove(rig->hsm.guard);
	f = fopen(rig->hsm.guard, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(rig->hsm.guard, mode), 0);
}

#define SALT "00112233445566778899aabbccddeeff"
#define WHO SALT SALT

static void
a_spoilt_record_sends_no_pin(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
	} cases[] = {
	    {"", 0600},
	    {"sealpoint-guard 1 " SALT, 0600},
	    {"sealpoint-guard 2 " SALT "\n", 0600},
	    {"sealpoint-guard 1 " SALT "00\n", 0600},
	    {"sealpoint-guard 1 " SALT "\nrefused\n", 0600},
	    {"sealpoint-guard 1 " SALT "\nrefused " WHO " 12G4\n", 0600},
	    {"sealpoint-guard 1 " SALT "\nrefused " WHO " 1234", 0600},
	    {"sealpoint-guard 1 " SALT "\nforgiven " WHO " 1234\n", 0600},
	    {"sealpoint-guard 1 " SALT "\n", 0640},
	    {"sealpoint-guard 1 " SALT "\n", 0602},
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put_file(rig, cases[i].text, cases[i].mode);
		assert_int_equal(visit(rig), TOKEN_ECONFIG);
		assert_non_null(strstr(rig->why.text, rig->hsm.guard));
	}
	assert_int_equal(logins(rig), 0);
	/* Another token's record does not concern us, and stays. */
	put_file(
	    rig, "sealpoint-guard 1 " SALT "\nrefused " WHO " 1234\n", 0600);
	rig_ok(rig, visit(rig));
	assert_int_equal(access(rig->hsm.guard, F_OK), 0);
}

#define TEST(f) cmocka_unit_test_setup(f, rig_clear)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(no_pin_is_sent_if_the_record_cannot_be_kept),
	    TEST(a_spoilt_record_sends_no_pin),
	    TEST(a_wrong_pin_reaches_the_token_once),
	    TEST(a_wrong_pin_is_not_sent_again_by_one_open_token),
	    TEST(processes_that_start_at_once_send_a_wrong_pin_once),
	    TEST(several_wrong_pins_are_each_remembered),
	    TEST(a_right_pin_clears_the_record),
	    TEST(flags_are_heeded_before_any_pin_is_sent),
	    TEST(flags_are_read_when_no_other_process_logs_in),
	    TEST(answers_that_say_nothing_of_the_pin_cost_two_tries_at_most),
	    TEST(a_token_that_needs_no_login_gets_none),
	    TEST(without_a_pin_only_a_pin_pad_will_do),
	    TEST(a_pin_pad_is_asked_in_vain_three_times_at_most),
	    TEST(
		a_login_cut_short_is_tried_again_unless_the_token_says_it_failed),
	};

	return cmocka_run_group_tests(tests, rig_make, rig_remove);
}
