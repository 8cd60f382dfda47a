/* A token with an Ed25519 key, on which libp11 sees no key at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/x509.h>

#include "tests/unit/provision/scene.h"

static void
self_signing_works_all_the_same(void **state)
{
	static const struct provision_wish wish = {
	    "CN=ConfigMgr Client", 30, TOKEN_SHA256};
	struct provision_choice choice = scene_label("rsa");
	struct rig *rig = *state;
	uint8_t der[PROVISION_DER_MAX];
	struct provision_key key;
	struct provision *p;
	size_t len;

	if (rig->hsm.ed25519.len == 0)
		skip();
	p = scene_open(rig);
	scene_expect(rig,
	    provision_self_sign(p, &choice, &wish, der, &len, &key, &rig->why),
	    TOKEN_OK, "");
	provision_close(p);
	assert_true(scene_serves(rig, der, len));
}

static void
so_do_requests(void **state)
{
	struct provision_choice choice = scene_label("ec");
	struct rig *rig = *state;
	uint8_t csr[PROVISION_DER_MAX], der[2048];
	const uint8_t *at = csr;
	struct provision_key key;
	struct provision *p;
	size_t len;
	X509_REQ *req;

	p = scene_open(rig);
	scene_expect(rig,
	    provision_request(
		p, &choice, "CN=x", NULL, 0, csr, &len, &key, &rig->why),
	    TOKEN_OK, "");
	req = d2i_X509_REQ(NULL, &at, (long)len);
	assert_int_equal(X509_REQ_verify(req, X509_REQ_get0_pubkey(req)), 1);
	X509_REQ_free(req);
	len = scene_issue(csr, len, der);
	scene_expect(rig,
	    provision_import(p, &choice, der, len, &key, &rig->why), TOKEN_OK,
	    "");
	provision_close(p);
	assert_true(scene_serves(rig, der, len));
}

static void
an_ed25519_key_is_refused_by_name(void **state)
{
	struct provision_choice choice = scene_label("ed25519");
	struct rig *rig = *state;
	uint8_t csr[PROVISION_DER_MAX];
	struct provision_key key;
	struct provision *p;
	size_t len;

	if (rig->hsm.ed25519.len == 0)
		skip();
	p = scene_open(rig);
	assert_int_not_equal(provision_request(p, &choice, "CN=x", NULL, 0, csr,
				 &len, &key, &rig->why),
	    TOKEN_OK);
	assert_non_null(strstr(rig->why.text, "ed25519"));
	provision_close(p);
}

int
main(void)
{
#define T(test) cmocka_unit_test_setup(test, rig_clear)
	const struct CMUnitTest tests[] = {
	    T(an_ed25519_key_is_refused_by_name),
	    T(self_signing_works_all_the_same),
	    T(so_do_requests),
	};

	return cmocka_run_group_tests(tests, rig_make, rig_remove);
}
