#include "agent/evp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "tests/unit/agent/evp_rig.h"

#define MSG_MAX (SIGNER_TBS_MAX + 1000)

static const uint8_t msg[MSG_MAX] = "what is signed";

static const struct {
	enum rig_type type;
	const char *md;
	const char *salt; /* what is set */
	const char *seen; /* what a verifier finds */
	uint16_t bytes;   /* what the signer is asked for */
	enum signer_hash hash;
} kinds[] = {
    {RIG_RSA, "SHA1", NULL, NULL, 0, SIGNER_SHA1},
    {RIG_RSA, "SHA256", NULL, NULL, 0, SIGNER_SHA256},
    {RIG_RSA, "SHA2-256", NULL, NULL, 0, SIGNER_SHA256},
    {RIG_RSA, "SHA384", NULL, NULL, 0, SIGNER_SHA384},
    {RIG_RSA, "SHA512", NULL, NULL, 0, SIGNER_SHA512},
    {RIG_RSA, "SHA1", "digest", "20", 20, SIGNER_SHA1},
    {RIG_RSA, "SHA256", "digest", "32", 32, SIGNER_SHA256},
    {RIG_RSA, "SHA256", "32", "32", 32, SIGNER_SHA256},
    {RIG_RSA, "SHA256", "0", "0", 0, SIGNER_SHA256},
    {RIG_RSA, "SHA256", "20", "20", 20, SIGNER_SHA256},
    {RIG_RSA, "SHA256", "max", "222", 222, SIGNER_SHA256},
    {RIG_RSA, "SHA256", "auto", "222", 222, SIGNER_SHA256},
    {RIG_RSA, "SHA256", "-1", "32", 32, SIGNER_SHA256},
    {RIG_RSA, "SHA384", "digest", "48", 48, SIGNER_SHA384},
    {RIG_RSA, "SHA512", "digest", "64", 64, SIGNER_SHA512},
    {RIG_RSA, "SHA512", "max", "190", 190, SIGNER_SHA512},
    {RIG_RSA_PSS, "SHA256", NULL, "32", 32, SIGNER_SHA256},
    {RIG_RSA_PSS, "SHA256", "40", "40", 40, SIGNER_SHA256},
    {RIG_P256, "SHA1", NULL, NULL, 0, SIGNER_SHA1},
    {RIG_P256, "SHA256", NULL, NULL, 0, SIGNER_SHA256},
    {RIG_P256, "SHA512", NULL, NULL, 0, SIGNER_SHA512},
    {RIG_P384, "SHA384", NULL, NULL, 0, SIGNER_SHA384},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The signer was asked once more, for what row i says. */
static void
assert_asked(struct rig *rig, size_t i, bool digest)
{
	struct soft_counts n = soft_signer_counts(rig->soft);

	assert_int_equal(n.digest, digest);
	assert_int_equal(n.hash, kinds[i].hash);
	assert_int_equal(n.saltlen, kinds[i].bytes);
	if (kinds[i].type == RIG_P256 || kinds[i].type == RIG_P384)
		assert_int_equal(n.scheme, SIGNER_ECDSA);
	else
		assert_int_equal(n.scheme,
		    kinds[i].seen != NULL ? SIGNER_RSA_PSS : SIGNER_RSA_PKCS1);
}

/* One-shot, as TLS does it: a length query first, which asks nobody. */
static void
check_one_shot(struct rig *rig, size_t i, size_t len)
{
	struct rig_key *k = &rig->keys[kinds[i].type];
	uint8_t sig[SIGNER_SIG_MAX];
	unsigned long before = rig_signs(rig);
	size_t siglen = 0;
	EVP_MD_CTX *ctx = rig_start(k->key, kinds[i].md, kinds[i].salt);

	if (ctx == NULL)
		fail_msg("row %zu: %s", i, evp_trouble()->text);
	assert_int_equal(EVP_DigestSign(ctx, NULL, &siglen, msg, len), 1);
	assert_int_equal(siglen, EVP_PKEY_get_size(k->pub));
	assert_int_equal(rig_signs(rig), before);
	if (EVP_DigestSign(ctx, sig, &siglen, msg, len) != 1)
		fail_msg("row %zu: %s", i, evp_trouble()->text);
	EVP_MD_CTX_free(ctx);
	assert_int_equal(rig_signs(rig), before + 1);
	assert_asked(rig, i, len > SIGNER_TBS_MAX);
	if (!rig_verify(
		k->pub, kinds[i].md, kinds[i].seen, msg, len, sig, siglen))
		fail_msg("row %zu does not verify", i);
	assert_string_equal(evp_trouble()->text, "");
}

static void
a_message_in_one_piece_reaches_the_signer_whole(void **state)
{
	for (size_t i = 0; i < KINDS; i++) {
		check_one_shot(*state, i, 0);
		check_one_shot(*state, i, 14);
	}
	check_one_shot(*state, 1, SIGNER_TBS_MAX);
}

static void
a_message_too_long_for_the_signer_is_hashed_here(void **state)
{
	for (size_t i = 0; i < KINDS; i++)
		check_one_shot(*state, i, SIGNER_TBS_MAX + 1);
}

static void
updates_and_copies_of_them_are_hashed_here(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < KINDS; i++) {
		struct rig_key *k = &rig->keys[kinds[i].type];
		EVP_MD_CTX *ctx = rig_start(k->key, kinds[i].md, kinds[i].salt);
		EVP_MD_CTX *copy = EVP_MD_CTX_new();
		uint8_t sig[SIGNER_SIG_MAX];
		size_t len = sizeof(sig);

		assert_int_equal(EVP_DigestSignUpdate(ctx, msg, 5), 1);
		assert_int_equal(EVP_MD_CTX_copy_ex(copy, ctx), 1);
		assert_int_equal(EVP_DigestSignUpdate(ctx, msg + 5, 9), 1);
		assert_int_equal(EVP_DigestSignFinal(ctx, sig, &len), 1);
		assert_asked(rig, i, true);
		assert_true(rig_verify(
		    k->pub, kinds[i].md, kinds[i].seen, msg, 14, sig, len));

		/* Final works on a duplicate, so more may follow. */
		assert_int_equal(EVP_DigestSignUpdate(ctx, msg + 14, 1), 1);
		len = sizeof(sig);
		assert_int_equal(EVP_DigestSignFinal(ctx, sig, &len), 1);
		assert_true(rig_verify(
		    k->pub, kinds[i].md, kinds[i].seen, msg, 15, sig, len));

		len = sizeof(sig);
		assert_int_equal(EVP_DigestSignFinal(copy, sig, &len), 1);
		assert_true(rig_verify(
		    k->pub, kinds[i].md, kinds[i].seen, msg, 5, sig, len));
		EVP_MD_CTX_free(copy);
		EVP_MD_CTX_free(ctx);
	}
}

static void
one_shot_after_updates_signs_all_of_it(void **state)
{
	struct rig *rig = *state;
	struct rig_key *k = &rig->keys[RIG_RSA];
	EVP_MD_CTX *ctx = rig_start(k->key, "SHA256", NULL);
	uint8_t sig[SIGNER_SIG_MAX];
	size_t len = sizeof(sig);

	assert_int_equal(EVP_DigestSignUpdate(ctx, msg, 5), 1);
	assert_int_equal(EVP_DigestSign(ctx, sig, &len, msg + 5, 9), 1);
	assert_true(rig_verify(k->pub, "SHA256", NULL, msg, 14, sig, len));
	/* What is over is over, until it is begun again. */
	len = sizeof(sig);
	assert_int_equal(EVP_DigestSign(ctx, sig, &len, msg, 9), 0);
	assert_string_not_equal(evp_trouble()->text, "");
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, NULL, NULL, NULL), 1);
	len = sizeof(sig);
	assert_int_equal(EVP_DigestSign(ctx, sig, &len, msg, 9), 1);
	assert_true(rig_verify(k->pub, "SHA256", NULL, msg, 9, sig, len));
	EVP_MD_CTX_free(ctx);
}

static void
a_plain_signature_carries_the_digest(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < KINDS; i++) {
		struct rig_key *k = &rig->keys[kinds[i].type];
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(k->key, NULL);
		uint8_t digest[EVP_MAX_MD_SIZE], sig[SIGNER_SIG_MAX];
		size_t dlen, len = sizeof(sig);

		assert_int_equal(EVP_Q_digest(NULL, kinds[i].md, NULL, msg, 14,
				     digest, &dlen),
		    1);
		assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
		if (kinds[i].salt != NULL) {
			assert_int_equal(
			    rig_set_text(ctx, "pad-mode", "pss"), 1);
			assert_int_equal(
			    rig_set_text(ctx, "saltlen", kinds[i].salt), 1);
		}
		assert_int_equal(rig_set_text(ctx, "digest", kinds[i].md), 1);
		assert_int_equal(
		    EVP_PKEY_sign(ctx, sig, &len, digest, dlen - 1), 0);
		len = sizeof(sig);
		assert_int_equal(
		    EVP_PKEY_sign(ctx, sig, &len, digest, dlen), 1);
		assert_asked(rig, i, true);
		assert_true(rig_verify(
		    k->pub, kinds[i].md, kinds[i].seen, msg, 14, sig, len));
		EVP_PKEY_CTX_free(ctx);
	}
}

static void
ed25519_signs_whole_messages_only(void **state)
{
	struct rig *rig = *state;
	struct rig_key *k = &rig->keys[RIG_ED25519];
	EVP_MD_CTX *ctx = rig_start(k->key, NULL, NULL);
	uint8_t sig[SIGNER_SIG_MAX];
	size_t len = sizeof(sig);

	assert_non_null(ctx);
	assert_int_equal(EVP_DigestSign(ctx, sig, &len, msg, 14), 1);
	assert_int_equal(len, 64);
	assert_int_equal(soft_signer_counts(rig->soft).scheme, SIGNER_EDDSA);
	assert_true(rig_verify(k->pub, NULL, NULL, msg, 14, sig, len));
	assert_int_equal(
	    EVP_DigestSign(ctx, sig, &len, msg, SIGNER_TBS_MAX + 1), 0);
	assert_int_not_equal(EVP_DigestSignUpdate(ctx, msg, 1), 1);
	EVP_MD_CTX_free(ctx);
	assert_null(rig_start(k->key, "SHA512", NULL));
}

static void
what_no_signer_does_is_refused_before_it_is_asked(void **state)
{
	static const struct {
		enum rig_type type;
		const char *md, *name, *value;
	} cases[] = {
	    {RIG_RSA, "SHA224", NULL, NULL},
	    {RIG_RSA, "MD5", NULL, NULL},
	    {RIG_RSA, "MD5-SHA1", NULL, NULL},
	    {RIG_RSA, "SHA3-256", NULL, NULL},
	    {RIG_P256, "SHA224", NULL, NULL},
	    {RIG_RSA_PSS, "SHA512", NULL, NULL},
	    {RIG_RSA, "SHA256", "pad-mode", "none"},
	    {RIG_RSA, "SHA256", "pad-mode", "x931"},
	    {RIG_RSA, "SHA256", "pad-mode", "oaep"},
	    {RIG_RSA, "SHA256", "pad-mode", "nonsense"},
	    {RIG_RSA, "SHA256", "saltlen", "digest"},
	    {RIG_RSA, "SHA256", "mgf1-digest", "SHA256"},
	    {RIG_RSA, "SHA256", "digest", "SHA512"},
	    {RIG_RSA_PSS, "SHA256", "pad-mode", "pkcs1"},
	    {RIG_RSA_PSS, "SHA256", "saltlen", "nonsense"},
	    {RIG_RSA_PSS, "SHA256", "saltlen", "-5"},
	    {RIG_RSA_PSS, "SHA256", "saltlen", "99999999999999999999"},
	    {RIG_RSA_PSS, "SHA256", "saltlen", "32x"},
	    {RIG_RSA_PSS, "SHA256", "saltlen", ""},
	    {RIG_RSA_PSS, "SHA256", "mgf1-digest", "SHA224"},
	};
	struct rig *rig = *state;
	unsigned long before = rig_signs(rig);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		EVP_PKEY_CTX *pctx = NULL;
		int r;

		ERR_clear_error();
		r = EVP_DigestSignInit_ex(ctx, &pctx, cases[i].md, NULL, NULL,
		    rig->keys[cases[i].type].key, NULL);
		if (r == 1 && cases[i].name != NULL)
			r = rig_set_text(pctx, cases[i].name, cases[i].value);
		if (r > 0)
			fail_msg("case %zu is taken", i);
		assert_string_not_equal(evp_trouble()->text, "");
		assert_int_equal(evp_trouble()->err, SIGNER_EMECH);
		assert_int_not_equal(ERR_peek_error(), 0);
		EVP_MD_CTX_free(ctx);
	}
	assert_int_equal(rig_signs(rig), before);
	ERR_clear_error();
}

static void
a_salt_or_mask_that_does_not_fit_is_refused_when_signing(void **state)
{
	static const struct {
		enum rig_type type;
		const char *md, *name, *value;
	} cases[] = {
	    {RIG_RSA, "SHA256", "saltlen", "223"},
	    {RIG_RSA, "SHA512", "saltlen", "191"},
	    {RIG_RSA, "SHA256", "saltlen", "1024"},
	    {RIG_RSA_PSS, "SHA256", "saltlen", "31"},
	    {RIG_RSA, "SHA256", "mgf1-digest", "SHA1"},
	};
	struct rig *rig = *state;
	unsigned long before = rig_signs(rig);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		EVP_PKEY_CTX *pctx = NULL;
		uint8_t sig[SIGNER_SIG_MAX];
		size_t len = sizeof(sig);

		assert_int_equal(
		    EVP_DigestSignInit_ex(ctx, &pctx, cases[i].md, NULL, NULL,
			rig->keys[cases[i].type].key, NULL),
		    1);
		assert_int_equal(rig_set_text(pctx, "pad-mode", "pss"), 1);
		assert_int_equal(
		    rig_set_text(pctx, cases[i].name, cases[i].value), 1);
		assert_int_equal(EVP_DigestSign(ctx, sig, &len, msg, 3), 0);
		assert_string_not_equal(evp_trouble()->text, "");
		EVP_MD_CTX_free(ctx);
	}
	assert_int_equal(rig_signs(rig), before);
	ERR_clear_error();
}

static void
settings_are_read_back_in_both_forms(void **state)
{
	struct rig *rig = *state;
	EVP_MD_CTX *ctx = rig_start(rig->keys[RIG_RSA].key, "SHA384", "digest");
	EVP_PKEY_CTX *pctx = EVP_MD_CTX_get_pkey_ctx(ctx);
	char pad[16], salt[16], md[16], mgf1[16];
	OSSL_PARAM params[] = {
	    OSSL_PARAM_utf8_string("pad-mode", pad, sizeof(pad)),
	    OSSL_PARAM_utf8_string("saltlen", salt, sizeof(salt)),
	    OSSL_PARAM_utf8_string("digest", md, sizeof(md)),
	    OSSL_PARAM_utf8_string("mgf1-digest", mgf1, sizeof(mgf1)),
	    OSSL_PARAM_END,
	};
	int n = 0;

	assert_int_equal(EVP_PKEY_CTX_get_params(pctx, params), 1);
	assert_string_equal(pad, "pss");
	assert_string_equal(salt, "digest");
	assert_string_equal(md, "SHA2-384");
	assert_string_equal(mgf1, "SHA2-384");
	assert_true(EVP_PKEY_CTX_get_rsa_padding(pctx, &n) > 0);
	assert_int_equal(n, RSA_PKCS1_PSS_PADDING);
	assert_true(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PADDING) > 0);
	assert_true(EVP_PKEY_CTX_get_rsa_padding(pctx, &n) > 0);
	assert_int_equal(n, RSA_PKCS1_PADDING);
	assert_true(
	    EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) > 0);
	assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, 17) > 0);
	params[1] = OSSL_PARAM_construct_utf8_string("saltlen", salt, 16);
	assert_int_equal(EVP_PKEY_CTX_get_params(pctx, params), 1);
	assert_string_equal(salt, "17");
	EVP_MD_CTX_free(ctx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_no_signer_does_is_refused_before_it_is_asked),
	    cmocka_unit_test(
		a_salt_or_mask_that_does_not_fit_is_refused_when_signing),
	    cmocka_unit_test(a_message_in_one_piece_reaches_the_signer_whole),
	    cmocka_unit_test(a_message_too_long_for_the_signer_is_hashed_here),
	    cmocka_unit_test(updates_and_copies_of_them_are_hashed_here),
	    cmocka_unit_test(one_shot_after_updates_signs_all_of_it),
	    cmocka_unit_test(a_plain_signature_carries_the_digest),
	    cmocka_unit_test(ed25519_signs_whole_messages_only),
	    cmocka_unit_test(settings_are_read_back_in_both_forms),
	};

	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
