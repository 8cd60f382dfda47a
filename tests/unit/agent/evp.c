#include "agent/evp.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/provider.h>

#include "tests/unit/agent/evp_rig.h"

static const uint8_t msg[64] = "what is signed";

static void
a_failing_signer_fails_the_signature_and_is_quoted(void **state)
{
	struct rig *rig = *state;
	struct rig_key *k = &rig->keys[RIG_P256];
	EVP_MD_CTX *ctx = rig_start(k->key, "SHA256", NULL);
	uint8_t sig[SIGNER_SIG_MAX];
	size_t len = sizeof(sig);
	const char *data = NULL;

	ERR_clear_error();
	soft_signer_fail(rig->soft, SIGNER_EBUSY, 1);
	assert_int_equal(EVP_DigestSign(ctx, sig, &len, msg, 3), 0);
	assert_non_null(strstr(evp_trouble()->text, "told to fail"));
	assert_true(evp_trouble()->retry);
	assert_int_equal(evp_trouble()->err, SIGNER_EBUSY);
	assert_int_not_equal(
	    ERR_peek_last_error_all(NULL, NULL, NULL, &data, NULL), 0);
	assert_non_null(strstr(data, "told to fail"));
	ERR_clear_error();

	len = sizeof(sig);
	assert_int_equal(EVP_DigestSign(ctx, sig, &len, msg, 3), 1);
	assert_string_equal(evp_trouble()->text, "");
	len = 8;
	assert_int_equal(EVP_DigestSign(ctx, sig, &len, msg, 3), 0);
	assert_non_null(strstr(evp_trouble()->text, "room"));
	assert_int_equal(evp_trouble()->err, SIGNER_EARG);
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
}

/* A signer that says OK to everything, with a length that its ctx holds. */
static int
lie(void *ctx, const uint8_t key[SIGNER_SHA256_LEN],
    const struct signer_sign *what, uint8_t *sig, size_t *siglen,
    struct signer_trouble *why)
{
	(void)key;
	(void)what;
	(void)sig;
	(void)why;
	*siglen = *(const size_t *)ctx;
	return SIGNER_OK;
}

static int
lie_decrypting(void *ctx, const uint8_t key[SIGNER_SHA256_LEN],
    enum signer_scheme scheme, enum signer_hash hash, const uint8_t *in,
    size_t inlen, uint8_t *out, size_t *outlen, struct signer_trouble *why)
{
	(void)key;
	(void)scheme;
	(void)hash;
	(void)in;
	(void)inlen;
	(void)out;
	(void)why;
	*outlen = *(const size_t *)ctx;
	return SIGNER_OK;
}

static void
a_signer_that_lies_about_lengths_is_not_believed(void **state)
{
	static const struct signer_ops ops = {
	    .name = "liar", .sign = lie, .decrypt = lie_decrypting};
	static const size_t lies[] = {0, 1, 255, 257, SIZE_MAX};
	struct rig *rig = *state;
	struct rig_key *k = &rig->keys[RIG_RSA];
	size_t claim = 0, len;
	struct signer liar = {&ops, &claim};
	uint8_t in[256] = {1}, out[256];
	EVP_PKEY_CTX *dec;
	EVP_MD_CTX *ctx;
	EVP_PKEY *key;

	assert_int_equal(
	    evp_key(rig->evp, &liar, &k->id, k->cert, &key, NULL), SIGNER_OK);
	ctx = rig_start(key, "SHA256", NULL);
	dec = EVP_PKEY_CTX_new(key, NULL);
	assert_int_equal(EVP_PKEY_decrypt_init(dec), 1);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		claim = lies[i];
		len = sizeof(out);
		assert_int_equal(EVP_DigestSign(ctx, out, &len, msg, 3), 0);
		assert_string_not_equal(evp_trouble()->text, "");
		assert_int_equal(evp_trouble()->err, SIGNER_EPROTO);
		if (claim <= sizeof(out))
			continue; /* a plaintext may be that short */
		len = sizeof(out);
		assert_int_not_equal(
		    EVP_PKEY_decrypt(dec, out, &len, in, sizeof(in)), 1);
		assert_string_not_equal(evp_trouble()->text, "");
	}
	EVP_PKEY_CTX_free(dec);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	ERR_clear_error();
}

static void
the_key_looks_like_its_certificates(void **state)
{
	static const struct {
		const char *name;
		int id;
	} names[RIG_TYPES] = {
	    {"RSA", EVP_PKEY_RSA},
	    {"RSA-PSS", EVP_PKEY_RSA_PSS},
	    {"EC", EVP_PKEY_EC},
	    {"EC", EVP_PKEY_EC},
	    {"ED25519", EVP_PKEY_ED25519},
	};
	struct rig *rig = *state;
	char group[32];
	BIGNUM *n = NULL;

	for (int i = 0; i < RIG_TYPES; i++) {
		struct rig_key *k = &rig->keys[i];

		assert_true(EVP_PKEY_is_a(k->key, names[i].name));
		assert_int_equal(EVP_PKEY_get_id(k->key), names[i].id);
		assert_int_equal(
		    EVP_PKEY_get_bits(k->key), EVP_PKEY_get_bits(k->pub));
		assert_int_equal(
		    EVP_PKEY_get_size(k->key), EVP_PKEY_get_size(k->pub));
		assert_int_equal(X509_check_private_key(k->cert, k->key), 1);
		assert_int_equal(EVP_PKEY_eq(k->pub, k->key), 1);
		for (int j = 0; j < RIG_TYPES; j++)
			if (i != j)
				assert_int_equal(X509_check_private_key(
						     rig->keys[j].cert, k->key),
				    0);
	}
	assert_int_equal(
	    EVP_PKEY_get_group_name(rig->keys[RIG_P384].key, group, 32, NULL),
	    1);
	assert_string_equal(group, "secp384r1");
	assert_int_equal(
	    EVP_PKEY_get_bn_param(rig->keys[RIG_RSA].key, "n", &n), 1);
	BN_free(n);
	n = NULL;
	assert_int_equal(
	    EVP_PKEY_get_bn_param(rig->keys[RIG_RSA].key, "d", &n), 0);
	ERR_clear_error();
}

static int
took(const OSSL_PARAM params[], void *arg)
{
	(void)params;
	(*(int *)arg)++;
	return 1;
}

static void
only_the_public_half_is_exported(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < RIG_TYPES; i++) {
		int n = 0;

		assert_int_equal(EVP_PKEY_export(rig->keys[i].key,
				     EVP_PKEY_KEYPAIR, took, &n),
		    0);
		assert_int_equal(n, 0);
		assert_int_equal(EVP_PKEY_export(rig->keys[i].key,
				     EVP_PKEY_PUBLIC_KEY, took, &n),
		    1);
		assert_int_equal(n, 1);
	}
	ERR_clear_error();
}

static void
nothing_else_ever_fetches_our_provider(void **state)
{
	static const char *const names[] = {
	    "RSA", "ECDSA", "ED25519", "RSA-PSS"};

	(void)state;
	assert_int_equal(OSSL_PROVIDER_available(NULL, "sealpoint"), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		EVP_SIGNATURE *s = EVP_SIGNATURE_fetch(NULL, names[i], NULL);
		EVP_KEYMGMT *k = EVP_KEYMGMT_fetch(NULL, names[i], NULL);

		if (s != NULL)
			assert_string_equal(OSSL_PROVIDER_get0_name(
						EVP_SIGNATURE_get0_provider(s)),
			    "default");
		if (k != NULL)
			assert_string_equal(OSSL_PROVIDER_get0_name(
						EVP_KEYMGMT_get0_provider(k)),
			    "default");
		EVP_SIGNATURE_free(s);
		EVP_KEYMGMT_free(k);
		assert_null(
		    EVP_SIGNATURE_fetch(NULL, names[i], "provider=sealpoint"));
	}
	ERR_clear_error();
}

static void
default_properties_of_the_program_do_not_disturb_our_keys(void **state)
{
	struct rig *rig = *state;
	EVP_MD_CTX *ctx;
	uint8_t sig[SIGNER_SIG_MAX];
	size_t len = sizeof(sig);

	assert_int_equal(
	    EVP_set_default_properties(NULL, "provider=default"), 1);
	ctx = rig_start(rig->keys[RIG_RSA].key, "SHA256", "digest");
	assert_non_null(ctx);
	assert_int_equal(EVP_DigestSign(ctx, sig, &len, msg, 3), 1);
	EVP_MD_CTX_free(ctx);
	assert_int_equal(EVP_set_default_properties(NULL, ""), 1);
}

static void
a_certificate_that_is_not_the_keys_is_refused(void **state)
{
	struct rig *rig = *state;
	struct signer_identity id = rig->keys[RIG_RSA].id;
	struct signer_trouble why;
	EVP_PKEY *key = rig->keys[RIG_RSA].key;

	assert_int_equal(evp_key(rig->evp, &rig->signer, &id,
			     rig->keys[RIG_P256].cert, &key, &why),
	    SIGNER_EARG);
	assert_null(key);
	assert_non_null(strstr(why.text, "another"));
	id.type = SIGNER_KEY_EC;
	assert_int_equal(evp_key(rig->evp, &rig->signer, &id,
			     rig->keys[RIG_RSA].cert, &key, &why),
	    SIGNER_EMECH);
	assert_null(key);
	assert_string_not_equal(why.text, "");
}

static void
a_key_outlives_what_it_was_made_from(void **state)
{
	struct rig *rig = *state;
	struct rig_key *k = &rig->keys[RIG_RSA];
	struct evp *evp;
	EVP_PKEY *key;
	EVP_MD_CTX *ctx;
	uint8_t sig[SIGNER_SIG_MAX];
	size_t len = sizeof(sig);

	assert_int_equal(evp_open(&evp, NULL), SIGNER_OK);
	assert_int_equal(
	    evp_key(evp, &rig->signer, &k->id, k->cert, &key, NULL), SIGNER_OK);
	evp_close(evp);
	ctx = rig_start(key, "SHA256", "digest");
	assert_non_null(ctx);
	EVP_PKEY_free(key);
	assert_int_equal(EVP_DigestSign(ctx, sig, &len, msg, 3), 1);
	assert_true(rig_verify(k->pub, "SHA256", "32", msg, 3, sig, len));
	EVP_MD_CTX_free(ctx);
	evp_close(NULL);
}

#define THREADS 8
#define ROUNDS 20

static void *
work(void *arg)
{
	struct rig_key *k = arg;
	unsigned long bad = 0;

	for (int i = 0; i < ROUNDS; i++) {
		uint8_t sig[SIGNER_SIG_MAX];
		size_t len = sizeof(sig);
		EVP_MD_CTX *ctx = rig_start(k->key, "SHA256", NULL);

		if (ctx == NULL ||
		    EVP_DigestSign(ctx, sig, &len, msg, 14) != 1 ||
		    !rig_verify(k->pub, "SHA256", NULL, msg, 14, sig, len) ||
		    evp_trouble()->text[0] != '\0')
			bad++;
		EVP_MD_CTX_free(ctx);
	}
	return bad == 0 ? NULL : k;
}

static void
many_threads_share_one_key(void **state)
{
	struct rig *rig = *state;
	pthread_t threads[THREADS];
	enum rig_type types[] = {RIG_RSA, RIG_P256};

	for (size_t t = 0; t < 2; t++) {
		unsigned long before = rig_signs(rig);

		for (int i = 0; i < THREADS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, work,
					     &rig->keys[types[t]]),
			    0);
		for (int i = 0; i < THREADS; i++) {
			void *bad;

			assert_int_equal(pthread_join(threads[i], &bad), 0);
			assert_null(bad);
		}
		assert_int_equal(rig_signs(rig), before + THREADS * ROUNDS);
	}
}

static void *
fail_alone(void *arg)
{
	struct rig_key *k = arg;
	EVP_MD_CTX *ctx = rig_start(k->key, "MD5", NULL);
	bool told = ctx == NULL && evp_trouble()->text[0] != '\0';

	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return told ? NULL : k;
}

static void
trouble_stays_in_its_thread(void **state)
{
	struct rig *rig = *state;
	EVP_MD_CTX *ctx = rig_start(rig->keys[RIG_RSA].key, "SHA256", NULL);
	pthread_t thread;
	void *bad;

	assert_non_null(ctx);
	assert_int_equal(
	    pthread_create(&thread, NULL, fail_alone, &rig->keys[RIG_RSA]), 0);
	assert_int_equal(pthread_join(thread, &bad), 0);
	assert_null(bad);
	assert_string_equal(evp_trouble()->text, "");
	EVP_MD_CTX_free(ctx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_certificate_that_is_not_the_keys_is_refused),
	    cmocka_unit_test(
		a_failing_signer_fails_the_signature_and_is_quoted),
	    cmocka_unit_test(a_signer_that_lies_about_lengths_is_not_believed),
	    cmocka_unit_test(the_key_looks_like_its_certificates),
	    cmocka_unit_test(only_the_public_half_is_exported),
	    cmocka_unit_test(nothing_else_ever_fetches_our_provider),
	    cmocka_unit_test(
		default_properties_of_the_program_do_not_disturb_our_keys),
	    cmocka_unit_test(a_key_outlives_what_it_was_made_from),
	    cmocka_unit_test(many_threads_share_one_key),
	    cmocka_unit_test(trouble_stays_in_its_thread),
	};

	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
