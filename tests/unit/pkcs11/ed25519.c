/*
 * What signs with Ed25519, apart from the rest: SoftHSM 2.6.1 leaks in each
 * C_SignInit of such a key, so no leaks are looked for here.
 */
#include "tests/unit/pkcs11/rig.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

static void
sign(struct rig *rig, const struct softhsm_cert *c, enum token_scheme scheme,
    enum token_hash hash, size_t len)
{
	uint8_t data[300], sig[300];
	size_t siglen = sizeof(sig);

	memset(data, 0xa5, sizeof(data));
	rig_ok(rig, token_sign(rig->token, c->sha256, scheme, hash, 0, data,
			len, sig, &siglen, &rig->why));
	assert_true(rig_verify(c, scheme, hash, 0, data, len, sig, siglen));
	sig[siglen / 2] ^= 1;
	assert_false(rig_verify(c, scheme, hash, 0, data, len, sig, siglen));
}

static void
ed25519_signs_messages_of_any_length(void **state)
{
	static const size_t lens[] = {0, 1, 32, 64, 300};
	struct rig *rig = *state;

	if (rig->hsm.ed25519.len == 0)
		skip();
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
		sign(rig, &rig->hsm.ed25519, TOKEN_EDDSA, TOKEN_HASH_NONE,
		    lens[i]);
}

static void
ed25519_signs_no_digests(void **state)
{
	struct rig *rig = *state;
	uint8_t digest[32] = {1}, sig[64];
	size_t len = sizeof(sig);

	if (rig->hsm.ed25519.len == 0)
		skip();
	assert_int_equal(
	    token_sign(rig->token, rig->hsm.ed25519.sha256, TOKEN_EDDSA,
		TOKEN_SHA256, 0, digest, 32, sig, &len, &rig->why),
	    TOKEN_EARG);
	assert_int_equal(len, 0);
}

/* The foreign certificate has the EC key's CKA_ID, but another public key. */
static void
a_key_that_hides_its_public_part_proves_itself(void **state)
{
	struct rig *rig = *state;
	struct token_identity ids[8];
	uint64_t generation;
	size_t n;

	rig->mod->mute = true;
	n = token_list(rig->token, 0, ids, 8, &generation);
	assert_int_equal(n, rig->hsm.ed25519.len != 0 ? 3 : 2);
	assert_true(rig->mod->calls[COUNTMOD_SIGN] >= 2);
	for (size_t i = 0; i < n; i++)
		assert_memory_not_equal(
		    ids[i].sha256, rig->hsm.foreign.sha256, 32);
	sign(rig, &rig->hsm.ec, TOKEN_ECDSA, TOKEN_SHA256, 32);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_open, rig_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(ed25519_signs_no_digests),
	    TEST(ed25519_signs_messages_of_any_length),
	    TEST(a_key_that_hides_its_public_part_proves_itself),
	};

	return cmocka_run_group_tests(tests, rig_make, rig_remove);
}
