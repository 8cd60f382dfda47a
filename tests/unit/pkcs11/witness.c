/*
 * libp11 as an independent witness: another implementation, on the same
 * token and keys, must agree with our signatures and decryptions. One
 * thread; ours is closed before libp11 opens the module. The token has no
 * Ed25519 key: libp11 0.4.12 would then show none at all.
 */
#include "tests/unit/pkcs11/rig.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include <libp11.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

struct witness {
	PKCS11_CTX *ctx;
	PKCS11_SLOT *slots, *slot;
	unsigned nslots;
	EVP_PKEY *rsa, *ec;
};

static EVP_PKEY *
key_of(struct witness *w, const char *label)
{
	PKCS11_KEY *keys;
	unsigned n;

	assert_int_equal(PKCS11_enumerate_keys(w->slot->token, &keys, &n), 0);
	for (unsigned i = 0; i < n; i++)
		if (strcmp(keys[i].label, label) == 0)
			return PKCS11_get_private_key(&keys[i]);
	return NULL;
}

static void
witness_open(struct witness *w, struct rig *rig)
{
	w->ctx = PKCS11_CTX_new();
	assert_int_equal(PKCS11_CTX_load(w->ctx, rig->hsm.module), 0);
	assert_int_equal(
	    PKCS11_enumerate_slots(w->ctx, &w->slots, &w->nslots), 0);
	w->slot = PKCS11_find_token(w->ctx, w->slots, w->nslots);
	assert_non_null(w->slot);
	assert_int_equal(PKCS11_login(w->slot, 0, SOFTHSM_PIN), 0);
	w->rsa = key_of(w, "rsa");
	w->ec = key_of(w, "ec");
	assert_non_null(w->rsa);
	assert_non_null(w->ec);
}

static void
witness_close(struct witness *w)
{
	EVP_PKEY_free(w->rsa);
	EVP_PKEY_free(w->ec);
	PKCS11_release_all_slots(w->ctx, w->slots, w->nslots);
	PKCS11_CTX_unload(w->ctx);
	PKCS11_CTX_free(w->ctx);
}

#define HASHES 4

static const struct {
	enum token_hash hash;
	const char *md;
	size_t len;
} hashes[HASHES] = {
    {TOKEN_SHA1, "SHA1", 20},
    {TOKEN_SHA256, "SHA256", 32},
    {TOKEN_SHA384, "SHA384", 48},
    {TOKEN_SHA512, "SHA512", 64},
};

struct made {
	uint8_t sig[256];
	size_t len;
};

/* What the witness signs with its own key object. */
static void
witness_sign(EVP_PKEY *key, int padding, const char *md, const uint8_t *digest,
    size_t len, struct made *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);

	out->len = sizeof(out->sig);
	assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
	if (padding != 0)
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
	if (padding == RSA_PKCS1_PSS_PADDING)
		assert_int_equal(
		    EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)len), 1);
	assert_int_equal(
	    EVP_PKEY_CTX_set_signature_md(ctx, EVP_get_digestbyname(md)), 1);
	assert_int_equal(
	    EVP_PKEY_sign(ctx, out->sig, &out->len, digest, len), 1);
	EVP_PKEY_CTX_free(ctx);
}

/* Whether the witness, by its own key object, takes our signature. */
static int
witness_verify(EVP_PKEY *key, int padding, const char *md,
    const uint8_t *digest, size_t len, const struct made *m)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	int ok;

	ok = EVP_PKEY_verify_init(ctx) == 1;
	if (padding != 0)
		ok = ok && EVP_PKEY_CTX_set_rsa_padding(ctx, padding) == 1;
	ok =
	    ok &&
	    EVP_PKEY_CTX_set_signature_md(ctx, EVP_get_digestbyname(md)) == 1 &&
	    EVP_PKEY_verify(ctx, m->sig, m->len, digest, len) == 1;
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static void
ours(struct rig *rig, const struct softhsm_cert *c, enum token_scheme scheme,
    size_t i, const uint8_t *digest, struct made *m)
{
	m->len = sizeof(m->sig);
	rig_ok(rig, token_sign(rig->token, c->sha256, scheme, hashes[i].hash,
			scheme == TOKEN_RSA_PSS ? (unsigned)hashes[i].len : 0,
			digest, hashes[i].len, m->sig, &m->len, &rig->why));
}

static void
libp11_agrees_with_our_signatures(void **state)
{
	struct rig *rig = *state;
	struct made pkcs1[HASHES], pss[HASHES], ec[HASHES], theirs;
	struct witness w;
	uint8_t digest[64];

	memset(digest, 0x77, sizeof(digest));
	(void)rig_open(state);
	for (size_t i = 0; i < HASHES; i++) {
		ours(rig, &rig->hsm.rsa, TOKEN_RSA_PKCS1, i, digest, &pkcs1[i]);
		ours(rig, &rig->hsm.rsa, TOKEN_RSA_PSS, i, digest, &pss[i]);
		ours(rig, &rig->hsm.ec, TOKEN_ECDSA, i, digest, &ec[i]);
	}
	(void)rig_close(state);
	witness_open(&w, rig);
	for (size_t i = 0; i < HASHES; i++) {
		size_t len = hashes[i].len;

		witness_sign(w.rsa, RSA_PKCS1_PADDING, hashes[i].md, digest,
		    len, &theirs);
		assert_int_equal(theirs.len, pkcs1[i].len);
		assert_memory_equal(theirs.sig, pkcs1[i].sig, theirs.len);
		assert_true(witness_verify(w.rsa, RSA_PKCS1_PSS_PADDING,
		    hashes[i].md, digest, len, &pss[i]));
		assert_true(
		    witness_verify(w.ec, 0, hashes[i].md, digest, len, &ec[i]));
		witness_sign(w.rsa, RSA_PKCS1_PSS_PADDING, hashes[i].md, digest,
		    len, &theirs);
		assert_true(
		    rig_verify(&rig->hsm.rsa, TOKEN_RSA_PSS, hashes[i].hash,
			(unsigned)len, digest, len, theirs.sig, theirs.len));
		witness_sign(w.ec, 0, hashes[i].md, digest, len, &theirs);
		assert_true(rig_verify(&rig->hsm.ec, TOKEN_ECDSA,
		    hashes[i].hash, 0, digest, len, theirs.sig, theirs.len));
	}
	witness_close(&w);
}

static void
witness_decrypt(EVP_PKEY *key, int padding, const uint8_t c[256],
    uint8_t out[256], size_t *len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);

	*len = 256;
	assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
	assert_int_equal(EVP_PKEY_decrypt(ctx, out, len, c, 256), 1);
	EVP_PKEY_CTX_free(ctx);
}

static void
libp11_agrees_with_our_decryptions(void **state)
{
	static const struct {
		enum token_scheme scheme;
		int padding;
	} cases[] = {
	    {TOKEN_RSA_PKCS1, RSA_PKCS1_PADDING},
	    {TOKEN_RSA_OAEP, RSA_PKCS1_OAEP_PADDING},
	};
	struct rig *rig = *state;
	uint8_t in[48], c[2][256], out[2][256], theirs[256];
	size_t len[2] = {256, 256}, theirlen;
	struct witness w;

	memset(in, 0x66, sizeof(in));
	(void)rig_open(state);
	for (size_t i = 0; i < 2; i++) {
		(void)rig_encrypt(&rig->hsm.rsa, cases[i].padding, TOKEN_SHA1,
		    in, sizeof(in), c[i], 256);
		rig_ok(rig, token_decrypt(rig->token, rig->hsm.rsa.sha256,
				cases[i].scheme, TOKEN_SHA1, c[i], 256, out[i],
				&len[i], &rig->why));
	}
	(void)rig_close(state);
	witness_open(&w, rig);
	for (size_t i = 0; i < 2; i++) {
		witness_decrypt(
		    w.rsa, cases[i].padding, c[i], theirs, &theirlen);
		assert_int_equal(theirlen, sizeof(in));
		assert_int_equal(len[i], theirlen);
		assert_memory_equal(theirs, in, theirlen);
		assert_memory_equal(out[i], theirs, theirlen);
	}
	witness_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(libp11_agrees_with_our_signatures),
	    cmocka_unit_test(libp11_agrees_with_our_decryptions),
	};

	return cmocka_run_group_tests(tests, rig_make_plain, rig_remove);
}
