#include "tests/timing/place.h"

#include <err.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "agent/client.h"
#include "pkcs11/reject.h"
#include "pkcs11/token.h"
#include "tests/fake/softhsm.h"

struct remote {
	struct signer signer;
	struct signer_identity id;
};

struct local {
	struct softhsm hsm;
	struct token *token;
};

static EVP_PKEY *
public_of(const uint8_t *der, size_t len)
{
	X509 *cert = d2i_X509(NULL, &der, (long)len);
	EVP_PKEY *key = cert == NULL ? NULL : X509_get_pubkey(cert);

	X509_free(cert);
	if (key == NULL || EVP_PKEY_get_size(key) != PLACE_RSA_LEN)
		errx(2, "the certificate has no RSA-2048 key");
	return key;
}

static int
remote_decrypt(void *ctx, const uint8_t in[PLACE_RSA_LEN],
    uint8_t out[PLACE_RSA_LEN], size_t *outlen)
{
	struct remote *r = ctx;
	struct signer_trouble why;

	*outlen = PLACE_RSA_LEN;
	if (signer_decrypt(&r->signer, r->id.sha256, SIGNER_RSA_PKCS1,
		SIGNER_HASH_NONE, in, PLACE_RSA_LEN, out, outlen,
		&why) == SIGNER_OK)
		return 0;
	warnx("agent: %s", why.text);
	return -1;
}

static void
remote_close(void *ctx)
{
	struct remote *r = ctx;

	signer_close(&r->signer);
	free(r);
}

int
place_agent(struct place *p, const char *socket, const char *thumbprint)
{
	uint8_t thumb[SIGNER_SHA256_LEN], der[SIGNER_CERT_MAX];
	struct remote *r = calloc(1, sizeof(*r));
	struct signer_trouble why = {.text = "no such thumbprint"};
	struct client *client;
	size_t n, len = sizeof(der);

	if (r == NULL || client_open(&client, socket, 0, &why) != SIGNER_OK) {
		warnx("agent: %s", why.text);
		free(r);
		return -1;
	}
	client_signer(client, &r->signer);
	*p = (struct place){remote_decrypt, remote_close, r, NULL};
	if (signer_thumbprint_parse(thumbprint, thumb, &n) != SIGNER_OK ||
	    signer_find(&r->signer, thumb, n, &r->id, &why) != SIGNER_OK ||
	    signer_certificate(&r->signer, r->id.sha256, 0, der, &len, &why) !=
		SIGNER_OK) {
		warnx("agent: %s", why.text);
		return -1;
	}
	p->public = public_of(der, len);
	return 0;
}

static int
local_decrypt(void *ctx, const uint8_t in[PLACE_RSA_LEN],
    uint8_t out[PLACE_RSA_LEN], size_t *outlen)
{
	struct local *l = ctx;
	struct token_trouble why;

	*outlen = PLACE_RSA_LEN;
	if (token_decrypt(l->token, l->hsm.rsa.sha256, TOKEN_RSA_PKCS1,
		TOKEN_HASH_NONE, in, PLACE_RSA_LEN, out, outlen,
		&why) == TOKEN_OK)
		return 0;
	warnx("token: %s", why.text);
	return -1;
}

static void
local_close(void *ctx)
{
	struct local *l = ctx;

	token_close(l->token);
	softhsm_remove(&l->hsm);
	free(l);
}

static int
lend(void *ctx, enum token_pin_use use, const uint8_t **pin, size_t *len,
    char *text, size_t textlen)
{
	(void)ctx;
	(void)use;
	(void)text;
	(void)textlen;
	*pin = (const uint8_t *)SOFTHSM_PIN;
	*len = strlen(SOFTHSM_PIN);
	return 0;
}

static void
take_back(void *ctx)
{
	(void)ctx;
}

int
place_token(struct place *p)
{
	struct token_config cfg = {.what_to_do = "mend the test",
	    .pin = {.get = lend, .put = take_back}};
	struct local *l = calloc(1, sizeof(*l));
	struct token_trouble why;

	if (l == NULL)
		return -1;
	if (!softhsm_make(&l->hsm)) {
		free(l);
		return 77;
	}
	*p = (struct place){local_decrypt, local_close, l, NULL};
	cfg.module = l->hsm.module;
	cfg.uri = l->hsm.uri;
	cfg.guard = l->hsm.guard;
	if (token_open(&l->token, &cfg, &why) != TOKEN_OK) {
		warnx("token: %s", why.text);
		return -1;
	}
	p->public = public_of(l->hsm.rsa.der, l->hsm.rsa.len);
	return 0;
}

/* Where the message of a padded block begins; 0 if it is none. */
static size_t
unpad(const uint8_t block[PLACE_RSA_LEN])
{
	if (block[0] != 0 || block[1] != 2)
		return 0;
	for (size_t i = 2; i < PLACE_RSA_LEN; i++)
		if (block[i] == 0)
			return i >= 10 ? i + 1 : 0;
	return 0;
}

static int
planted_decrypt(void *ctx, const uint8_t in[PLACE_RSA_LEN],
    uint8_t out[PLACE_RSA_LEN], size_t *outlen)
{
	static const uint8_t seed[TOKEN_SEED_LEN], name[PUB_DIGEST_LEN];
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(ctx, NULL);
	size_t n = PLACE_RSA_LEN, begin;
	struct reject reject;
	int r = -1;

	if (c == NULL || EVP_PKEY_decrypt_init(c) != 1 ||
	    EVP_PKEY_CTX_set_rsa_padding(c, RSA_NO_PADDING) != 1 ||
	    EVP_PKEY_decrypt(c, out, &n, in, PLACE_RSA_LEN) != 1)
		goto out;
	r = 0;
	begin = unpad(out);
	*outlen = PLACE_RSA_LEN - begin;
	if (begin != 0)
		goto out; /* the early exit */
	r = reject_make(&reject, seed, name, in, PLACE_RSA_LEN);
	reject_select(&reject, 0, out, PLACE_RSA_LEN, outlen);
out:
	EVP_PKEY_CTX_free(c);
	return r;
}

static void
planted_close(void *ctx)
{
	EVP_PKEY_free(ctx);
}

int
place_planted(struct place *p)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);

	if (key == NULL)
		return -1;
	*p = (struct place){planted_decrypt, planted_close, key, key};
	return EVP_PKEY_up_ref(key) == 1 ? 0 : -1;
}
