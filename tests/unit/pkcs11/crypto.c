#include "tests/unit/pkcs11/rig.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include <openssl/rsa.h>
#include <p11-kit/pkcs11.h>

static const size_t hash_lens[] = {0, 20, 32, 48, 64};

static void
misuse_is_refused_in_words(void **state)
{
	static const struct {
		enum token_scheme scheme;
		enum token_hash hash;
		unsigned saltlen;
		size_t len;
		int err;
	} cases[] = {
	    {0, TOKEN_SHA256, 0, 32, TOKEN_EMECH},
	    {77, TOKEN_SHA256, 0, 32, TOKEN_EMECH},
	    {TOKEN_RSA_OAEP, TOKEN_SHA256, 0, 32, TOKEN_EMECH},
	    {TOKEN_ECDSA, TOKEN_SHA256, 0, 32, TOKEN_EMECH},
	    {TOKEN_EDDSA, TOKEN_HASH_NONE, 0, 32, TOKEN_EMECH},
	    {TOKEN_RSA_PKCS1, TOKEN_SHA256, 0, 31, TOKEN_EARG},
	    {TOKEN_RSA_PKCS1, TOKEN_SHA256, 0, 33, TOKEN_EARG},
	    {TOKEN_RSA_PKCS1, TOKEN_HASH_NONE, 0, 32, TOKEN_EARG},
	    {TOKEN_RSA_PKCS1, 9, 0, 32, TOKEN_EARG},
	    {TOKEN_RSA_PKCS1, TOKEN_SHA256, 1, 32, TOKEN_EARG},
	    {TOKEN_RSA_PSS, TOKEN_SHA256, 223, 32, TOKEN_EARG},
	    {TOKEN_RSA_PSS, TOKEN_SHA256, 4000000000u, 32, TOKEN_EARG},
	};
	struct rig *rig = *state;
	uint8_t digest[64] = {1}, sig[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = sizeof(sig);
		int r = token_sign(rig->token, rig->hsm.rsa.sha256,
		    cases[i].scheme, cases[i].hash, cases[i].saltlen, digest,
		    cases[i].len, sig, &len, &rig->why);

		assert_int_equal(r, cases[i].err);
		assert_int_equal(len, 0);
		assert_false(rig->why.retry);
		assert_non_null(strstr(rig->why.text, "sealpoint test"));
	}
}

static void
room_too_small_is_refused(void **state)
{
	struct rig *rig = *state;
	uint8_t digest[32] = {1}, sig[256];
	size_t len = 255;

	assert_int_equal(
	    token_sign(rig->token, rig->hsm.rsa.sha256, TOKEN_RSA_PKCS1,
		TOKEN_SHA256, 0, digest, 32, sig, &len, &rig->why),
	    TOKEN_EARG);
	len = 71;
	assert_int_equal(token_sign(rig->token, rig->hsm.ec.sha256, TOKEN_ECDSA,
			     TOKEN_SHA256, 0, digest, 32, sig, &len, &rig->why),
	    TOKEN_EARG);
	len = 255;
	assert_int_equal(
	    token_decrypt(rig->token, rig->hsm.rsa.sha256, TOKEN_RSA_PKCS1,
		TOKEN_HASH_NONE, sig, 256, sig, &len, &rig->why),
	    TOKEN_EARG);
}

static void
signs(struct rig *rig, const struct softhsm_cert *c, enum token_scheme scheme,
    enum token_hash hash, unsigned saltlen, size_t len)
{
	uint8_t digest[300], sig[300];
	size_t siglen = sizeof(sig);

	memset(digest, 0xa5, sizeof(digest));
	rig_ok(rig, token_sign(rig->token, c->sha256, scheme, hash, saltlen,
			digest, len, sig, &siglen, &rig->why));
	assert_true(
	    rig_verify(c, scheme, hash, saltlen, digest, len, sig, siglen));
	digest[0] ^= 1;
	assert_false(
	    rig_verify(c, scheme, hash, saltlen, digest, len, sig, siglen));
}

static void
every_scheme_signs_with_every_hash(void **state)
{
	struct rig *rig = *state;

	for (enum token_hash h = TOKEN_SHA1; h <= TOKEN_SHA512; h++) {
		unsigned n = (unsigned)hash_lens[h];

		signs(rig, &rig->hsm.rsa, TOKEN_RSA_PKCS1, h, 0, n);
		signs(rig, &rig->hsm.rsa, TOKEN_RSA_PSS, h, n, n);
		signs(rig, &rig->hsm.rsa, TOKEN_RSA_PSS, h, 0, n);
		signs(rig, &rig->hsm.rsa, TOKEN_RSA_PSS, h, 5, n);
		signs(rig, &rig->hsm.ec, TOKEN_ECDSA, h, 0, n);
	}
	signs(rig, &rig->hsm.rsa, TOKEN_RSA_PSS, TOKEN_SHA256, 222, 32);
}

static void
pss_goes_by_raw_rsa_where_the_token_has_no_pss(void **state)
{
	struct rig *rig = *state;
	struct token_identity ids[8];
	uint64_t generation;
	size_t n;

	rig->mod->no_pss = true;
	rig_ok(rig, token_ready(rig->token, &rig->why));
	n = token_list(rig->token, 0, ids, 8, &generation);
	for (size_t i = 0; i < n; i++)
		assert_int_equal((ids[i].mechs & TOKEN_MECH_RAW_PSS) != 0,
		    ids[i].type == TOKEN_RSA);
	for (enum token_hash h = TOKEN_SHA1; h <= TOKEN_SHA512; h++) {
		signs(rig, &rig->hsm.rsa, TOKEN_RSA_PSS, h,
		    (unsigned)hash_lens[h], hash_lens[h]);
		signs(rig, &rig->hsm.rsa, TOKEN_RSA_PSS, h, 0, hash_lens[h]);
	}
}

static void
signatures_of_a_wrong_length_are_refused(void **state)
{
	struct rig *rig = *state;
	uint8_t digest[32] = {1}, sig[1024];
	static const long lies[] = {-1, 1, -256, 4096};

	for (size_t i = 0; i < 4; i++) {
		size_t len = sizeof(sig);

		rig->mod->sign_len = lies[i];
		assert_int_equal(
		    token_sign(rig->token, rig->hsm.rsa.sha256, TOKEN_RSA_PKCS1,
			TOKEN_SHA256, 0, digest, 32, sig, &len, &rig->why),
		    TOKEN_EDEVICE);
		assert_int_equal(len, 0);
		len = sizeof(sig);
		assert_int_equal(
		    token_sign(rig->token, rig->hsm.ec.sha256, TOKEN_ECDSA,
			TOKEN_SHA256, 0, digest, 32, sig, &len, &rig->why),
		    TOKEN_EDEVICE);
	}
	rig->mod->sign_len = 0;
	rig_ok(rig, rig_sign(rig));
}

static void
pkcs1_decrypts_messages_of_every_length(void **state)
{
	static const size_t lens[] = {0, 1, 16, 24, 32, 100, 245};
	struct rig *rig = *state;
	uint8_t in[245], c[256], out[256];

	memset(in, 0x3c, sizeof(in));
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		size_t len = sizeof(out);

		assert_int_equal(rig_encrypt(&rig->hsm.rsa, RSA_PKCS1_PADDING,
				     0, in, lens[i], c, sizeof(c)),
		    256);
		rig_ok(rig, token_decrypt(rig->token, rig->hsm.rsa.sha256,
				TOKEN_RSA_PKCS1, TOKEN_HASH_NONE, c, sizeof(c),
				out, &len, &rig->why));
		assert_int_equal(len, lens[i]);
		assert_memory_equal(out, in, len);
		for (size_t j = len; j < sizeof(out); j++)
			assert_int_equal(out[j], 0);
	}
}

static size_t
decrypt(struct rig *rig, const uint8_t c[256], uint8_t out[256])
{
	size_t len = 256;

	rig_ok(
	    rig, token_decrypt(rig->token, rig->hsm.rsa.sha256, TOKEN_RSA_PKCS1,
		     TOKEN_HASH_NONE, c, 256, out, &len, &rig->why));
	return len;
}

static void
bad_padding_decrypts_to_a_message_that_depends_on_the_ciphertext(void **state)
{
	struct rig *rig = *state;
	uint8_t in[32] = {9}, c[256], out[3][256];
	size_t len[3];
	unsigned differ = 0;

	for (unsigned i = 0; i < 8; i++) {
		(void)rig_encrypt(&rig->hsm.rsa, RSA_PKCS1_PADDING, 0, in,
		    sizeof(in), c, sizeof(c));
		c[255] ^= (uint8_t)(1 + i);
		len[0] = decrypt(rig, c, out[0]);
		len[1] = decrypt(rig, c, out[1]);
		assert_int_equal(len[0], len[1]);
		assert_memory_equal(out[0], out[1], 256);
		assert_true(len[0] <= 245);
		c[254] ^= 1;
		len[2] = decrypt(rig, c, out[2]);
		differ += len[2] != len[0] || memcmp(out[0], out[2], 256) != 0;
	}
	assert_int_equal(differ, 8);
}

static void
another_seed_rejects_to_another_message(void **state)
{
	struct rig *rig = *state;
	uint8_t c[256], out[2][256];
	size_t len[2];

	memset(c, 0x42, sizeof(c));
	len[0] = decrypt(rig, c, out[0]);
	(void)rig_close(state);
	memset(rig->cfg.seed, 8, sizeof(rig->cfg.seed));
	(void)rig_open(state);
	len[1] = decrypt(rig, c, out[1]);
	memset(rig->cfg.seed, 7, sizeof(rig->cfg.seed));
	assert_true(len[0] != len[1] || memcmp(out[0], out[1], 256) != 0);
}

/* So that who asks cannot tell by which way the token went. */
static void
with_and_without_raw_rsa_the_answers_are_the_same(void **state)
{
	struct rig *rig = *state;
	uint8_t in[32] = {9}, c[2][256], want[2][256], out[256];
	size_t len[2];

	(void)rig_encrypt(&rig->hsm.rsa, RSA_PKCS1_PADDING, 0, in, sizeof(in),
	    c[0], sizeof(c[0]));
	memset(c[1], 0x42, sizeof(c[1]));
	for (unsigned i = 0; i < 2; i++)
		len[i] = decrypt(rig, c[i], want[i]);
	assert_int_equal(len[0], 32);
	assert_memory_equal(want[0], in, 32);
	(void)rig_close(state);
	(void)rig_open(state);
	rig->mod->no_raw = true;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(decrypt(rig, c[i], out), len[i]);
		assert_memory_equal(out, want[i], 256);
	}
}

static void
raw_rsa_that_is_promised_and_not_done_is_done_without(void **state)
{
	struct rig *rig = *state;
	uint8_t in[32] = {9}, c[256], out[256];

	(void)rig_encrypt(
	    &rig->hsm.rsa, RSA_PKCS1_PADDING, 0, in, sizeof(in), c, sizeof(c));
	rig->mod->fault[COUNTMOD_DECRYPT_INIT].rv = CKR_MECHANISM_INVALID;
	rig->mod->fault[COUNTMOD_DECRYPT_INIT].times = 1;
	assert_int_equal(decrypt(rig, c, out), 32);
	assert_memory_equal(out, in, 32);
	assert_int_equal(rig->mod->fault[COUNTMOD_DECRYPT_INIT].times, 0);
}

/*
 * Whatever a token that looks at the padding calls a bad one: same status,
 * same message.
 */
static void
every_name_for_bad_padding_gives_the_same_answer(void **state)
{
	static const unsigned long names[] = {CKR_GENERAL_ERROR,
	    CKR_FUNCTION_FAILED, CKR_ENCRYPTED_DATA_INVALID,
	    CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_DATA_INVALID, CKR_DATA_LEN_RANGE,
	    CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL, CKR_MECHANISM_INVALID,
	    CKR_VENDOR_DEFINED | 5, 0x12345};
	struct rig *rig = *state;
	uint8_t c[256], want[256], out[256];
	size_t len, wantlen;

	memset(c, 0, sizeof(c));
	(void)rig_encrypt(&rig->hsm.rsa, RSA_PKCS1_PADDING, 0, c, 0, c, 256);
	rig->mod->no_raw = true;
	rig->mod->fault[COUNTMOD_DECRYPT].rv = CKR_ENCRYPTED_DATA_INVALID;
	rig->mod->fault[COUNTMOD_DECRYPT].times = 1;
	wantlen = decrypt(rig, c, want);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		rig->mod->fault[COUNTMOD_DECRYPT].rv = names[i];
		rig->mod->fault[COUNTMOD_DECRYPT].times = 1;
		len = decrypt(rig, c, out);
		assert_int_equal(rig->mod->fault[COUNTMOD_DECRYPT].times, 0);
		assert_int_equal(len, wantlen);
		assert_memory_equal(out, want, 256);
		/* The faked answer left the operation running. */
		(void)rig_close(state);
		(void)rig_open(state);
		rig->mod->no_raw = true;
	}
	rig->mod->decrypt_len = 246;
	len = decrypt(rig, c, out);
	assert_int_equal(len, wantlen);
	assert_memory_equal(out, want, 256);
}

/* These say nothing of the padding: an error, or one more try. */
static void
a_busy_token_or_a_stale_session_is_no_bad_padding(void **state)
{
	static const struct {
		enum token_scheme scheme;
		int padding;
		unsigned long rv;
		long times;
		int err;
	} cases[] = {
	    {TOKEN_RSA_PKCS1, RSA_PKCS1_PADDING, CKR_DEVICE_MEMORY, 4,
		TOKEN_EBUSY},
	    {TOKEN_RSA_OAEP, RSA_PKCS1_OAEP_PADDING, CKR_DEVICE_MEMORY, 4,
		TOKEN_EBUSY},
	    {TOKEN_RSA_PKCS1, RSA_PKCS1_PADDING, CKR_DEVICE_MEMORY, 2,
		TOKEN_OK},
	    {TOKEN_RSA_PKCS1, RSA_PKCS1_PADDING, CKR_OPERATION_NOT_INITIALIZED,
		1, TOKEN_OK},
	    {TOKEN_RSA_OAEP, RSA_PKCS1_OAEP_PADDING, CKR_OPERATION_ACTIVE, 2,
		TOKEN_OK},
	};
	struct rig *rig = *state;
	uint8_t in[32] = {9}, c[256], out[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = sizeof(out);

		(void)rig_encrypt(&rig->hsm.rsa, cases[i].padding, TOKEN_SHA1,
		    in, sizeof(in), c, sizeof(c));
		rig->mod->fault[COUNTMOD_DECRYPT].rv = cases[i].rv;
		rig->mod->fault[COUNTMOD_DECRYPT].times = cases[i].times;
		assert_int_equal(token_decrypt(rig->token, rig->hsm.rsa.sha256,
				     cases[i].scheme, TOKEN_SHA1, c, 256, out,
				     &len, &rig->why),
		    cases[i].err);
		assert_int_equal(rig->mod->fault[COUNTMOD_DECRYPT].times, 0);
		assert_int_equal(len, cases[i].err == TOKEN_OK ? 32 : 0);
		if (cases[i].err == TOKEN_OK)
			assert_memory_equal(out, in, 32);
	}
}

static void
a_ciphertext_of_another_length_is_refused(void **state)
{
	static const size_t lens[] = {0, 1, 128, 255, 257, 512, 1024};
	struct rig *rig = *state;
	uint8_t c[1024] = {1}, out[1024];

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		size_t len = sizeof(out);

		assert_int_equal(token_decrypt(rig->token, rig->hsm.rsa.sha256,
				     TOKEN_RSA_PKCS1, TOKEN_HASH_NONE, c,
				     lens[i], out, &len, &rig->why),
		    TOKEN_EARG);
		assert_int_equal(len, 0);
	}
}

static void
oaep_decrypts_and_refuses_with_one_error(void **state)
{
	struct rig *rig = *state;
	uint8_t in[32] = {9}, c[256], out[256];
	size_t len = 256;

	(void)rig_encrypt(&rig->hsm.rsa, RSA_PKCS1_OAEP_PADDING, TOKEN_SHA1, in,
	    sizeof(in), c, sizeof(c));
	rig_ok(
	    rig, token_decrypt(rig->token, rig->hsm.rsa.sha256, TOKEN_RSA_OAEP,
		     TOKEN_SHA1, c, 256, out, &len, &rig->why));
	assert_int_equal(len, sizeof(in));
	assert_memory_equal(out, in, len);
	for (unsigned i = 0; i < 16; i++) {
		len = 256;
		c[i * 16 + 15] ^= 1;
		assert_int_equal(token_decrypt(rig->token, rig->hsm.rsa.sha256,
				     TOKEN_RSA_OAEP, TOKEN_SHA1, c, 256, out,
				     &len, &rig->why),
		    TOKEN_EDATA);
		assert_int_equal(len, 0);
		assert_int_equal(rig->why.ckr, 0);
	}
}

static void
an_oaep_hash_that_the_token_lacks_is_said_so(void **state)
{
	struct rig *rig = *state;
	uint8_t c[256] = {0}, out[256];
	size_t len = 256;

	assert_int_equal(
	    token_decrypt(rig->token, rig->hsm.rsa.sha256, TOKEN_RSA_OAEP,
		TOKEN_SHA256, c, 256, out, &len, &rig->why),
	    TOKEN_EMECH);
	assert_non_null(strstr(rig->why.text, "C_DecryptInit"));
	len = 256;
	assert_int_equal(
	    token_decrypt(rig->token, rig->hsm.rsa.sha256, TOKEN_RSA_OAEP,
		TOKEN_HASH_NONE, c, 256, out, &len, &rig->why),
	    TOKEN_EARG);
	len = 256;
	assert_int_equal(
	    token_decrypt(rig->token, rig->hsm.ec.sha256, TOKEN_RSA_PKCS1,
		TOKEN_HASH_NONE, c, 256, out, &len, &rig->why),
	    TOKEN_EMECH);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_open, rig_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(misuse_is_refused_in_words),
	    TEST(room_too_small_is_refused),
	    TEST(every_scheme_signs_with_every_hash),
	    TEST(pss_goes_by_raw_rsa_where_the_token_has_no_pss),
	    TEST(signatures_of_a_wrong_length_are_refused),
	    TEST(pkcs1_decrypts_messages_of_every_length),
	    TEST(
		bad_padding_decrypts_to_a_message_that_depends_on_the_ciphertext),
	    TEST(another_seed_rejects_to_another_message),
	    TEST(with_and_without_raw_rsa_the_answers_are_the_same),
	    TEST(raw_rsa_that_is_promised_and_not_done_is_done_without),
	    TEST(every_name_for_bad_padding_gives_the_same_answer),
	    TEST(a_busy_token_or_a_stale_session_is_no_bad_padding),
	    TEST(a_ciphertext_of_another_length_is_refused),
	    TEST(oaep_decrypts_and_refuses_with_one_error),
	    TEST(an_oaep_hash_that_the_token_lacks_is_said_so),
	};

	return cmocka_run_group_tests(tests, rig_make, rig_remove);
}
