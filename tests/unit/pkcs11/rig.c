#include "tests/unit/pkcs11/rig.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

static struct rig the_rig;

static int
lend(void *ctx, enum token_pin_use use, const uint8_t **pin, size_t *len,
    char *text, size_t textlen)
{
	struct rig *rig = ctx;

	rig->lent++;
	rig->use = use;
	*pin = (const uint8_t *)rig->pin;
	*len = rig->pin == NULL ? 0 : strlen(rig->pin);
	(void)snprintf(text, textlen, "the test lends none");
	return 0;
}

static void
take_back(void *ctx)
{
	struct rig *rig = ctx;

	rig->wiped++;
}

static int
make(void **state, const struct softhsm *wanted)
{
	struct rig *rig = &the_rig;
	char page[128];

	memset(rig, 0, sizeof(*rig));
	if (!softhsm_prepare(&rig->hsm))
		exit(77);
	rig->hsm.plain = wanted->plain;
	rig->hsm.always = wanted->always;
	rig->hsm.bare = wanted->bare;
	softhsm_fill(&rig->hsm);
	(void)snprintf(page, sizeof(page), "%.63s/page", rig->hsm.dir);
	rig->mod = countmod_make(page, rig->hsm.module);
	rig->cfg.module = COUNTMOD_PATH;
	rig->cfg.uri = rig->hsm.uri;
	rig->cfg.guard = rig->hsm.guard;
	rig->cfg.what_to_do = "put the right PIN into the test";
	rig->cfg.pin.get = lend;
	rig->cfg.pin.put = take_back;
	rig->cfg.pin.ctx = rig;
	memset(rig->cfg.seed, 7, sizeof(rig->cfg.seed));
	*state = rig;
	return 0;
}

int
rig_make(void **state)
{
	return make(state, &(struct softhsm){0});
}

int
rig_make_plain(void **state)
{
	return make(state, &(struct softhsm){.plain = true});
}

int
rig_make_always(void **state)
{
	return make(state, &(struct softhsm){.always = true});
}

int
rig_make_bare(void **state)
{
	return make(state, &(struct softhsm){.bare = true});
}

int
rig_remove(void **state)
{
	struct rig *rig = *state;

	softhsm_remove(&rig->hsm);
	return 0;
}

int
rig_clear(void **state)
{
	struct rig *rig = *state;

	memset(rig->mod, 0, sizeof(*rig->mod));
	rig->pin = SOFTHSM_PIN;
	rig->lent = rig->wiped = 0;
	rig->cfg.sessions = 0;
	rig->cfg.wait_ms = 0;
	rig->cfg.reauth = TOKEN_REAUTH_NEVER;
	rig->cfg.keepalive_ms = rig->cfg.release_ms = 0;
	memset(rig->cfg.certs, 0, sizeof(rig->cfg.certs));
	(void)remove(rig->hsm.guard);
	return 0;
}

int
rig_open(void **state)
{
	struct rig *rig = *state;

	(void)rig_clear(state);
	rig_ok(rig, token_open(&rig->token, &rig->cfg, &rig->why));
	return 0;
}

int
rig_close(void **state)
{
	struct rig *rig = *state;

	token_close(rig->token);
	rig->token = NULL;
	return 0;
}

void
rig_ok(struct rig *rig, int r)
{
	if (r != TOKEN_OK)
		fail_msg("%s: %s", token_strerror(r), rig->why.text);
}

static const EVP_MD *
md(enum token_hash hash)
{
	return hash == TOKEN_SHA1     ? EVP_sha1()
	       : hash == TOKEN_SHA256 ? EVP_sha256()
	       : hash == TOKEN_SHA384 ? EVP_sha384()
				      : EVP_sha512();
}

static EVP_PKEY *
public_key(const struct softhsm_cert *c)
{
	const uint8_t *at = c->der;
	X509 *x = d2i_X509(NULL, &at, (long)c->len);
	EVP_PKEY *key = X509_get_pubkey(x);

	X509_free(x);
	return key;
}

static int
verify_eddsa(EVP_PKEY *key, const uint8_t *message, size_t len,
    const uint8_t *sig, size_t siglen)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok;

	ok = EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
	     EVP_DigestVerify(ctx, sig, siglen, message, len) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

int
rig_verify(const struct softhsm_cert *c, enum token_scheme scheme,
    enum token_hash hash, unsigned saltlen, const uint8_t *digest,
    size_t digestlen, const uint8_t *sig, size_t siglen)
{
	EVP_PKEY *key = public_key(c);
	EVP_PKEY_CTX *ctx;
	int ok;

	if (scheme == TOKEN_EDDSA) {
		ok = verify_eddsa(key, digest, digestlen, sig, siglen);
		EVP_PKEY_free(key);
		return ok;
	}
	ctx = EVP_PKEY_CTX_new(key, NULL);
	ok = EVP_PKEY_verify_init(ctx) == 1;
	if (scheme == TOKEN_RSA_PSS)
		ok = ok &&
		     EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) ==
			 1 &&
		     EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)saltlen) == 1;
	ok = ok && EVP_PKEY_CTX_set_signature_md(ctx, md(hash)) == 1 &&
	     EVP_PKEY_verify(ctx, sig, siglen, digest, digestlen) == 1;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return ok;
}

size_t
rig_encrypt(const struct softhsm_cert *c, int padding, enum token_hash hash,
    const uint8_t *in, size_t inlen, uint8_t *out, size_t room)
{
	EVP_PKEY *key = public_key(c);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	size_t len = room;

	assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
	if (padding == RSA_PKCS1_OAEP_PADDING)
		assert_int_equal(
		    EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md(hash)), 1);
	assert_int_equal(EVP_PKEY_encrypt(ctx, out, &len, in, inlen), 1);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	return len;
}

int
rig_sign(struct rig *rig)
{
	uint8_t digest[32], sig[512];
	size_t len = sizeof(sig);
	struct token_trouble why;
	int r;

	memset(digest, 0x5a, sizeof(digest));
	r = token_sign(rig->token, rig->hsm.rsa.sha256, TOKEN_RSA_PKCS1,
	    TOKEN_SHA256, 0, digest, sizeof(digest), sig, &len, &why);
	if (r != TOKEN_OK)
		rig->why = why;
	else if (!rig_verify(&rig->hsm.rsa, TOKEN_RSA_PKCS1, TOKEN_SHA256, 0,
		     digest, sizeof(digest), sig, len))
		return TOKEN_EDATA;
	return r;
}
