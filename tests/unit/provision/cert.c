/* Certificates made by, requested for and stored beside keys of a token. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/x509.h>

#include "tests/unit/provision/scene.h"

static const struct provision_wish wish = {
    "CN=ConfigMgr Client", 30, TOKEN_SHA256};

static void
generate(struct rig *rig, enum provision_kind kind, const char *label)
{
	struct provision_choice names = scene_label(label);
	struct provision *p = scene_open(rig);
	struct provision_key made;

	scene_expect(rig, provision_generate(p, kind, &names, &made, &rig->why),
	    TOKEN_OK, "");
	provision_close(p);
}

static void
what_cannot_be_self_signed_is_refused(void **state)
{
	static const uint8_t id[] = {9, 9};
	const struct {
		struct provision_choice choice;
		struct provision_wish wish;
		int err;
		const char *says;
	} cases[] = {
	    {{"absent", NULL, 0}, wish, TOKEN_ENOKEY, "token generate"},
	    {{"rsa", id, 2}, wish, TOKEN_ENOKEY, "token generate"},
	    {{NULL, NULL, 0}, wish, TOKEN_EAMBIGUOUS, "private keys fit"},
	    {{"ec", NULL, 0}, wish, TOKEN_EMECH, "not an RSA key"},
	    {{"rsa", NULL, 0}, {"XX=pc7", 30, TOKEN_SHA256}, TOKEN_ECONFIG,
		"this type is not known"},
	    {{"rsa", NULL, 0}, {NULL, 30, TOKEN_SHA256}, TOKEN_ECONFIG,
		"missing"},
	    {{"rsa", NULL, 0}, {"CN=x", 0, TOKEN_SHA256}, TOKEN_EARG, "days"},
	    {{"rsa", NULL, 0}, {"CN=x", 36501, TOKEN_SHA256}, TOKEN_EARG,
		"days"},
	};
	struct rig *rig = *state;
	struct provision *p = scene_open(rig);
	uint8_t der[PROVISION_DER_MAX];
	struct provision_key key;
	size_t len;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		scene_expect(rig,
		    provision_self_sign(p, &cases[i].choice, &cases[i].wish,
			der, &len, &key, &rig->why),
		    cases[i].err, cases[i].says);
		assert_int_equal(len, 0);
	}
	assert_int_equal(rig->mod->calls[COUNTMOD_SIGN], 0);
	provision_close(p);
}

static void
a_key_that_wants_its_pin_each_time_is_refused(void **state)
{
	struct provision_choice choice = scene_label("rsa");
	struct rig *rig = *state;
	struct provision *p = scene_open(rig);
	uint8_t der[PROVISION_DER_MAX];
	struct provision_key key;
	size_t len;

	rig->mod->always = true;
	scene_expect(rig,
	    provision_self_sign(p, &choice, &wish, der, &len, &key, &rig->why),
	    TOKEN_EMECH, "CKA_ALWAYS_AUTHENTICATE");
	provision_close(p);
}

static void
a_self_signed_certificate_serves_at_once(void **state)
{
	struct provision_choice choice = scene_label("client");
	struct rig *rig = *state;
	uint8_t der[PROVISION_DER_MAX];
	const uint8_t *at = der;
	struct provision_key key;
	struct provision *p;
	size_t len;
	X509 *x;

	generate(rig, PROVISION_RSA_2048, "client");
	p = scene_open(rig);
	scene_expect(rig,
	    provision_self_sign(p, &choice, &wish, der, &len, &key, &rig->why),
	    TOKEN_OK, "");
	provision_close(p);
	assert_int_equal(rig->mod->calls[COUNTMOD_SIGN], 1);
	assert_string_equal(key.label, "client");
	x = d2i_X509(NULL, &at, (long)len);
	assert_int_equal(X509_verify(x, X509_get0_pubkey(x)), 1);
	X509_free(x);
	assert_int_equal(scene_objects(rig, "client"), 3);
	assert_true(scene_serves(rig, der, len));
}

static void
a_token_that_signs_wrongly_gets_no_certificate(void **state)
{
	struct provision_choice choice = scene_label("rsa");
	struct rig *rig = *state;
	struct provision *p = scene_open(rig);
	uint8_t der[PROVISION_DER_MAX];
	struct provision_key key;
	size_t len;

	rig->mod->sign_len = -1;
	assert_int_not_equal(
	    provision_self_sign(p, &choice, &wish, der, &len, &key, &rig->why),
	    TOKEN_OK);
	assert_int_equal(len, 0);
	provision_close(p);
}

static void
a_request_leads_to_a_certificate_that_serves(void **state)
{
	static const struct {
		enum provision_kind kind;
		const char *label;
	} cases[] = {
	    {PROVISION_RSA_2048, "req rsa"},
	    {PROVISION_EC_P256, "req p256"},
	    {PROVISION_EC_P384, "req p384"},
	};
	static const char *const names[] = {"DNS:pc7.example"};
	struct rig *rig = *state;
	uint8_t csr[PROVISION_DER_MAX], der[2048];
	struct provision_choice any = {0};
	struct provision_key key;
	struct provision *p;
	size_t csrlen, len;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct provision_choice choice = scene_label(cases[i].label);

		generate(rig, cases[i].kind, cases[i].label);
		p = scene_open(rig);
		scene_expect(rig,
		    provision_request(p, &choice, "CN=pc7", names, 1, csr,
			&csrlen, &key, &rig->why),
		    TOKEN_OK, "");
		len = scene_issue(csr, csrlen, der);
		scene_expect(rig,
		    provision_import(p, &any, der, len, &key, &rig->why),
		    TOKEN_OK, "");
		assert_string_equal(key.label, cases[i].label);
		scene_expect(rig,
		    provision_import(p, &any, der, len, &key, &rig->why),
		    TOKEN_EAMBIGUOUS, "on it already");
		provision_close(p);
		assert_int_equal(scene_objects(rig, cases[i].label), 3);
		assert_true(scene_serves(rig, der, len));
	}
}

static void
a_certificate_of_another_key_is_refused(void **state)
{
	struct rig *rig = *state;
	struct provision *p = scene_open(rig);
	struct provision_choice any = {0}, rsa = scene_label("rsa"),
				ec = scene_label("ec"),
				lone = scene_label("lone");
	const struct softhsm_cert *h = &rig->hsm.foreign;
	struct provision_key key;

	scene_expect(rig,
	    provision_import(p, &any, h->der, h->len, &key, &rig->why),
	    TOKEN_ENOKEY, "is for another key than any");
	scene_expect(rig,
	    provision_import(p, &ec, h->der, h->len, &key, &rig->why),
	    TOKEN_ENOKEY, "is for another key than the one");
	h = &rig->hsm.ec;
	scene_expect(rig,
	    provision_import(p, &rsa, h->der, h->len, &key, &rig->why),
	    TOKEN_ENOKEY, "is for another key");
	/* Of the same type and size, too. */
	h = &rig->hsm.rsa;
	scene_expect(rig,
	    provision_import(p, &lone, h->der, h->len, &key, &rig->why),
	    TOKEN_ENOKEY, "is for another key");
	provision_close(p);
	assert_int_equal(scene_objects(rig, "ec"), 2);
	assert_int_equal(scene_objects(rig, "lone"), 2);
}

static void
every_truncation_of_a_certificate_is_refused(void **state)
{
	struct rig *rig = *state;
	struct provision *p = scene_open(rig);
	struct provision_choice any = {0};
	const struct softhsm_cert *c = &rig->hsm.rsa;
	uint8_t more[sizeof(c->der) + 1] = {0};
	struct provision_key key;

	for (size_t n = 0; n < c->len; n++)
		scene_expect(rig,
		    provision_import(p, &any, c->der, n, &key, &rig->why),
		    TOKEN_EARG, "certificate");
	memcpy(more, c->der, c->len);
	scene_expect(rig,
	    provision_import(p, &any, more, c->len + 1, &key, &rig->why),
	    TOKEN_EARG, "certificate");
	provision_close(p);
}

static void
too_many_names_are_refused(void **state)
{
	const char *names[PROVISION_NAMES_MAX + 1];
	struct rig *rig = *state;
	struct provision *p = scene_open(rig);
	struct provision_choice choice = scene_label("rsa");
	uint8_t der[PROVISION_DER_MAX];
	struct provision_key key;
	size_t len;

	for (size_t i = 0; i <= PROVISION_NAMES_MAX; i++)
		names[i] = "DNS:x.example";
	scene_expect(rig,
	    provision_request(p, &choice, "CN=x", names,
		PROVISION_NAMES_MAX + 1, der, &len, &key, &rig->why),
	    TOKEN_EARG, "at most 32");
	provision_close(p);
}

int
main(void)
{
#define T(test) cmocka_unit_test_setup(test, rig_clear)
	const struct CMUnitTest tests[] = {
	    T(what_cannot_be_self_signed_is_refused),
	    T(a_key_that_wants_its_pin_each_time_is_refused),
	    T(a_certificate_of_another_key_is_refused),
	    T(every_truncation_of_a_certificate_is_refused),
	    T(too_many_names_are_refused),
	    T(a_token_that_signs_wrongly_gets_no_certificate),
	    T(a_self_signed_certificate_serves_at_once),
	    T(a_request_leads_to_a_certificate_that_serves),
	};

	return cmocka_run_group_tests(tests, rig_make_plain, rig_remove);
}
