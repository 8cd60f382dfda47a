#include "tests/unit/pkcs11/rig.h"

#include <pthread.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

static void
bad_configurations_are_refused_at_once(void **state)
{
	static const struct {
		const char *module, *uri;
		int err;
		const char *says;
	} cases[] = {
	    {NULL, "pkcs11:", TOKEN_ECONFIG, "configure both"},
	    {COUNTMOD_PATH, NULL, TOKEN_ECONFIG, "configure both"},
	    {COUNTMOD_PATH, "pkcs11:tokn=x", TOKEN_ECONFIG, "tokn"},
	    {"../x.so", "pkcs11:", TOKEN_ECONFIG, "absolute path"},
	    {"", "pkcs11:", TOKEN_ECONFIG, "absolute path"},
	    {"no-such-module", "pkcs11:", TOKEN_ECONFIG, "no-such-module"},
	    {"/no/such/module.so", "pkcs11:", TOKEN_EMODULE,
		"/no/such/module.so"},
	    {"/etc/passwd", "pkcs11:", TOKEN_EMODULE, "/etc/passwd"},
	};
	struct rig *rig = *state;
	struct token_config cfg = rig->cfg;
	struct token *t;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cfg.module = cases[i].module;
		cfg.uri = cases[i].uri;
		assert_int_equal(token_open(&t, &cfg, &rig->why), cases[i].err);
		assert_null(t);
		assert_non_null(strstr(rig->why.text, cases[i].says));
	}
	token_close(NULL);
}

static void
a_module_that_cannot_be_initialised_is_refused(void **state)
{
	static const struct {
		unsigned long rv;
		const char *says;
	} cases[] = {
	    {CKR_NEED_TO_CREATE_THREADS, "CKR_NEED_TO_CREATE_THREADS"},
	    {CKR_CRYPTOKI_ALREADY_INITIALIZED, "something else"},
	};
	struct rig *rig = *state;
	struct token *t;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig->mod->fault[COUNTMOD_INITIALIZE].rv = cases[i].rv;
		rig->mod->fault[COUNTMOD_INITIALIZE].times = 1;
		assert_int_equal(
		    token_open(&t, &rig->cfg, &rig->why), TOKEN_EMODULE);
		assert_int_equal(rig->why.ckr, cases[i].rv);
		assert_non_null(strstr(rig->why.text, cases[i].says));
	}
}

static void *
sign_ten(void *arg)
{
	uintptr_t bad = 0;

	for (unsigned i = 0; i < 10; i++)
		bad += rig_sign(arg) != TOKEN_OK;
	return (void *)bad;
}

static void
a_module_that_cannot_lock_gets_one_call_at_a_time(void **state)
{
	struct rig *rig = *state;
	pthread_t threads[4];
	void *bad;

	rig->mod->fault[COUNTMOD_INITIALIZE].rv = CKR_CANT_LOCK;
	rig->mod->fault[COUNTMOD_INITIALIZE].times = 1;
	rig_ok(rig, token_open(&rig->token, &rig->cfg, &rig->why));
	assert_int_equal(rig->mod->calls[COUNTMOD_INITIALIZE], 2);
	rig->mod->crowd_max = 0;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, sign_ten, rig), 0);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &bad), 0);
		assert_null(bad);
	}
	assert_int_equal(rig->mod->crowd_max, 1);
	(void)rig_close(state);
}

/* As SoftHSM does while another process logs in to the same token. */
static void
a_library_that_starts_late_is_waited_for(void **state)
{
	struct rig *rig = *state;

	rig->mod->fault[COUNTMOD_INITIALIZE].rv = CKR_GENERAL_ERROR;
	rig->mod->fault[COUNTMOD_INITIALIZE].times = 3;
	rig_ok(rig, token_open(&rig->token, &rig->cfg, &rig->why));
	rig_ok(rig, rig_sign(rig));
	(void)rig_close(state);
}

static void
a_registered_name_finds_its_module(void **state)
{
	struct rig *rig = *state;
	struct token_config cfg = rig->cfg;

	if (access("/usr/share/p11-kit/modules/softhsm2.module", R_OK) != 0)
		skip();
	cfg.module = "softhsm2";
	rig_ok(rig, token_open(&rig->token, &cfg, &rig->why));
	rig_ok(rig, rig_sign(rig));
	(void)rig_close(state);
}

static void
the_list_holds_each_certificate_with_a_key_once(void **state)
{
	struct rig *rig = *state;
	struct token_identity ids[8];
	struct token_stats st;
	uint64_t generation;
	size_t n = rig->hsm.ed25519.len != 0 ? 3 : 2;

	assert_int_equal(token_list(rig->token, 0, ids, 8, &generation), n);
	for (size_t i = 0; i < n; i++) {
		const struct softhsm_cert *c =
		    ids[i].type == TOKEN_RSA  ? &rig->hsm.rsa
		    : ids[i].type == TOKEN_EC ? &rig->hsm.ec
					      : &rig->hsm.ed25519;

		assert_memory_equal(ids[i].sha1, c->sha1, 20);
		assert_memory_equal(ids[i].sha256, c->sha256, 32);
		assert_int_equal(
		    ids[i].bits, ids[i].type == TOKEN_RSA ? 2048 : 256);
		assert_int_equal(ids[i].mechs,
		    ids[i].type == TOKEN_RSA ? TOKEN_MECH(TOKEN_RSA_PKCS1) |
						   TOKEN_MECH(TOKEN_RSA_PSS) |
						   TOKEN_MECH(TOKEN_RSA_OAEP) |
						   TOKEN_MECH_DECRYPT_PKCS1
		    : ids[i].type == TOKEN_EC ? TOKEN_MECH(TOKEN_ECDSA)
					      : TOKEN_MECH(TOKEN_EDDSA));
	}
	assert_int_equal(token_list(rig->token, 1, ids, 8, &generation), n - 1);
	assert_int_equal(token_list(rig->token, 1, ids, 1, &generation), 1);
	assert_int_equal(token_list(rig->token, 99, ids, 8, &generation), 0);
	token_stats(rig->token, &st);
	assert_true(st.ready);
	assert_int_equal(st.identities, n);
	assert_int_equal(st.certs_without_key, 3);
	assert_int_equal(st.keys_without_cert, 1);
	assert_int_equal(st.logins, 1);
	assert_int_equal(strncmp(st.label, "sealpoint test (SoftHSM", 23), 0);
}

static void
the_chain_ends_at_the_root(void **state)
{
	struct rig *rig = *state;
	const struct softhsm_cert *chain[] = {
	    &rig->hsm.rsa, &rig->hsm.issuing, &rig->hsm.root};
	uint8_t der[2048];
	size_t len;

	for (unsigned i = 0; i < 3; i++) {
		len = sizeof(der);
		rig_ok(rig, token_certificate(rig->token, rig->hsm.rsa.sha256,
				i, der, &len, &rig->why));
		assert_int_equal(len, chain[i]->len);
		assert_memory_equal(der, chain[i]->der, len);
		len = chain[i]->len - 1;
		assert_int_equal(
		    token_certificate(rig->token, rig->hsm.rsa.sha256, i, der,
			&len, &rig->why),
		    TOKEN_EARG);
		assert_int_equal(len, 0);
	}
	for (unsigned i = 3; i < 10; i++) {
		len = sizeof(der);
		assert_int_equal(
		    token_certificate(rig->token, rig->hsm.rsa.sha256, i, der,
			&len, &rig->why),
		    TOKEN_ENOKEY);
	}
}

static void
an_unknown_or_keyless_certificate_is_no_key(void **state)
{
	struct rig *rig = *state;
	uint8_t digest[32] = {1}, sig[256], der[2048];
	const uint8_t *keys[] = {
	    digest, rig->hsm.root.sha256, rig->hsm.foreign.sha256};

	for (size_t i = 0; i < 3; i++) {
		size_t len = sizeof(sig);

		assert_int_equal(
		    token_sign(rig->token, keys[i], TOKEN_RSA_PKCS1,
			TOKEN_SHA256, 0, digest, 32, sig, &len, &rig->why),
		    TOKEN_ENOKEY);
		len = sizeof(der);
		assert_int_equal(token_certificate(rig->token, keys[i], 0, der,
				     &len, &rig->why),
		    TOKEN_ENOKEY);
		assert_int_equal(
		    strstr(rig->why.text, "but not its") != NULL, i > 0);
	}
}

static void
a_key_that_wants_its_pin_each_time_is_listed_but_refused(void **state)
{
	struct rig *rig = *state;
	struct token_identity ids[8];
	uint64_t generation;

	rig->mod->always = true;
	assert_true(token_list(rig->token, 0, ids, 8, &generation) >= 2);
	assert_int_equal(ids[0].mechs, 0);
	assert_int_equal(rig_sign(rig), TOKEN_EPIN);
	assert_non_null(strstr(rig->why.text, "reauth = cached or ask"));
}

static void
a_rescan_gives_a_new_generation(void **state)
{
	struct rig *rig = *state;
	struct token_identity ids[8];
	uint64_t before, after;
	size_t n;

	n = token_list(rig->token, 0, ids, 8, &before);
	rig_ok(rig, token_rescan(rig->token, &rig->why));
	assert_int_equal(token_list(rig->token, 0, ids, 8, &after), n);
	assert_true(after > before);
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 1);
}

static void
an_object_that_cannot_be_read_hides_no_other(void **state)
{
	static const unsigned long codes[] = {CKR_OBJECT_HANDLE_INVALID,
	    CKR_ATTRIBUTE_SENSITIVE, CKR_FUNCTION_FAILED, CKR_GENERAL_ERROR};
	struct rig *rig = *state;
	struct token_identity ids[8];
	uint64_t generation;
	size_t n;

	n = token_list(rig->token, 0, ids, 8, &generation);
	for (long i = 0; i < 24; i++) {
		rig->mod->fault[COUNTMOD_READ].rv = codes[i % 4];
		rig->mod->fault[COUNTMOD_READ].skip = i;
		rig->mod->fault[COUNTMOD_READ].times = 1;
		rig_ok(rig, token_rescan(rig->token, &rig->why));
		assert_true(
		    token_list(rig->token, 0, ids, 8, &generation) >= n - 1);
	}
}

static void
two_tokens_that_fit_are_ambiguous(void **state)
{
	struct rig *rig = *state;
	struct token_config cfg = rig->cfg;

	softhsm_add_empty(&rig->hsm, SOFTHSM_LABEL);
	cfg.uri = "pkcs11:token=sealpoint%20test";
	rig_ok(rig, token_open(&rig->token, &cfg, &rig->why));
	assert_int_equal(token_ready(rig->token, &rig->why), TOKEN_EAMBIGUOUS);
	assert_non_null(strstr(rig->why.text, "serial"));
	assert_int_equal(rig->mod->calls[COUNTMOD_LOGIN], 0);
	(void)rig_close(state);
	/* The serial number tells them apart. */
	rig_ok(rig, token_open(&rig->token, &rig->cfg, &rig->why));
	rig_ok(rig, rig_sign(rig));
	(void)rig_close(state);
}

/* Another process makes it; ours has the module loaded. */
static void
init_late_token(void)
{
	static const char *const args[] = {"softhsm2-util", "--init-token",
	    "--free", "--label", "late", "--pin", SOFTHSM_PIN, "--so-pin",
	    SOFTHSM_SO_PIN, NULL};
	union {
		const char *const *in;
		char *const *out;
	} argv = {args};
	posix_spawn_file_actions_t quiet;
	pid_t child;
	int status;

	assert_int_equal(posix_spawn_file_actions_init(&quiet), 0);
	assert_int_equal(posix_spawn_file_actions_addopen(
			     &quiet, 1, "/dev/null", O_WRONLY, 0),
	    0);
	assert_int_equal(
	    posix_spawnp(&child, args[0], &quiet, NULL, argv.out, environ), 0);
	(void)posix_spawn_file_actions_destroy(&quiet);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void
a_token_that_is_made_later_is_found_then(void **state)
{
	struct rig *rig = *state;
	struct softhsm late;
	char conf[128];
	int r = TOKEN_EABSENT;

	(void)snprintf(conf, sizeof(conf), "%s", getenv("SOFTHSM2_CONF"));
	assert_true(softhsm_prepare(&late));
	rig->cfg.uri = "pkcs11:token=late";
	rig_ok(rig, token_open(&rig->token, &rig->cfg, &rig->why));
	assert_int_equal(token_ready(rig->token, &rig->why), TOKEN_EABSENT);
	assert_true(rig->why.retry);
	assert_non_null(strstr(rig->why.text, "pkcs11:token=late"));
	init_late_token();
	/* The library is not started anew at each look. */
	for (unsigned i = 0; i < 20 && r != TOKEN_OK; i++) {
		(void)usleep(100000);
		r = token_ready(rig->token, &rig->why);
	}
	rig_ok(rig, r);
	(void)rig_close(state);
	rig->cfg.uri = rig->hsm.uri;
	softhsm_remove(&late);
	assert_int_equal(setenv("SOFTHSM2_CONF", conf, 1), 0);
}

#define OPEN(f) cmocka_unit_test_setup_teardown(f, rig_open, rig_close)
#define CLEAR(f) cmocka_unit_test_setup(f, rig_clear)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CLEAR(bad_configurations_are_refused_at_once),
	    CLEAR(a_module_that_cannot_be_initialised_is_refused),
	    CLEAR(a_module_that_cannot_lock_gets_one_call_at_a_time),
	    CLEAR(a_library_that_starts_late_is_waited_for),
	    CLEAR(a_registered_name_finds_its_module),
	    OPEN(the_list_holds_each_certificate_with_a_key_once),
	    OPEN(the_chain_ends_at_the_root),
	    OPEN(an_unknown_or_keyless_certificate_is_no_key),
	    OPEN(a_key_that_wants_its_pin_each_time_is_listed_but_refused),
	    OPEN(a_rescan_gives_a_new_generation),
	    OPEN(an_object_that_cannot_be_read_hides_no_other),
	    CLEAR(two_tokens_that_fit_are_ambiguous),
	    CLEAR(a_token_that_is_made_later_is_found_then),
	};

	return cmocka_run_group_tests(tests, rig_make, rig_remove);
}
