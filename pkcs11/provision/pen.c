#include "pkcs11/provision/pen.h"

#include <stdlib.h>
#include <string.h>

#include <libp11.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "pkcs11/trouble.h"

struct pen {
	PKCS11_CTX *ctx;
	bool loaded; /* unloading what never loaded is fatal */
	PKCS11_SLOT *slots, *slot;
	unsigned nslots;
	const char *name;
};

/* libp11 leaves its CKR value in OpenSSL's queue, if there was one. */
static int
failed(const struct pen *p, const char *doing, const char *call,
    struct token_trouble *why)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(code);
	struct rv rv = {(unsigned long)ERR_GET_REASON(code), call};

	ERR_clear_error();
	if (code != 0 && ERR_GET_LIB(code) == ERR_get_CKR_code() &&
	    rv.value != 0 && rv.value < 1024)
		return trouble_rv(why, p->name, doing, rv);
	return trouble_say(why, TOKEN_EDEVICE, true,
	    "%s: %s: libp11 says %s; try again, and if it stays, ask the "
	    "module's vendor",
	    p->name, doing, reason != NULL ? reason : "nothing");
}

static int
choose(struct pen *p, unsigned long slot, struct token_trouble *why)
{
	if (PKCS11_enumerate_slots(p->ctx, &p->slots, &p->nslots) != 0)
		return failed(
		    p, "cannot look for the token", "C_GetSlotList", why);
	for (unsigned i = 0; i < p->nslots; i++)
		if (PKCS11_get_slotid_from_slot(&p->slots[i]) == slot)
			p->slot = &p->slots[i];
	if (p->slot != NULL && p->slot->token != NULL)
		return TOKEN_OK;
	return trouble_say(why, TOKEN_EABSENT, true,
	    "%s: is not in its slot any more; insert it and try again",
	    p->name);
}

int
pen_open(struct pen **pp, const char *path, unsigned long slot,
    const char *name, struct token_trouble *why)
{
	struct pen *p = calloc(1, sizeof(*p));
	int r;

	*pp = NULL;
	r = trouble_say(why, TOKEN_ENOMEM, true, "out of memory");
	if (p == NULL)
		return r;
	p->name = name;
	p->ctx = PKCS11_CTX_new();
	if (p->ctx == NULL)
		goto out;
	p->loaded = PKCS11_CTX_load(p->ctx, path) == 0;
	r = p->loaded ? choose(p, slot, why)
		      : failed(p, "libp11 cannot use its module",
			    "C_Initialize", why);
	if (r == TOKEN_OK && PKCS11_open_session(p->slot, 1) != 0)
		r = failed(
		    p, "cannot be opened for writing", "C_OpenSession", why);
	if (r != TOKEN_OK)
		goto out;
	trouble_clear(why);
	*pp = p;
	p = NULL;
out:
	pen_close(p);
	return r;
}

void
pen_close(struct pen *p)
{
	if (p == NULL)
		return;
	if (p->slots != NULL)
		PKCS11_release_all_slots(p->ctx, p->slots, p->nslots);
	if (p->loaded)
		PKCS11_CTX_unload(p->ctx);
	if (p->ctx != NULL)
		PKCS11_CTX_free(p->ctx);
	ERR_clear_error();
	free(p);
}

static bool
is(EVP_PKEY *key, const uint8_t *spki, size_t len)
{
	uint8_t *der = NULL;
	int n = key == NULL ? -1 : i2d_PUBKEY(key, &der);
	bool same = n > 0 && (size_t)n == len && memcmp(der, spki, len) == 0;

	OPENSSL_free(der);
	return same;
}

/*
 * The private key whose public part is spki, or NULL. Each is asked itself:
 * PKCS11_get_public_key() of 0.4.12 loses the memory of what it looked up.
 */
static EVP_PKEY *
look(struct pen *p, const uint8_t *spki, size_t len)
{
	EVP_PKEY *key = NULL;
	PKCS11_KEY *keys;
	unsigned n = 0;

	if (PKCS11_enumerate_keys(p->slot->token, &keys, &n) != 0)
		n = 0;
	for (unsigned i = 0; i < n; i++) {
		key = PKCS11_get_private_key(&keys[i]);
		if (is(key, spki, len))
			break;
		EVP_PKEY_free(key);
		key = NULL;
	}
	ERR_clear_error();
	return key;
}

static const EVP_MD *
md(enum token_hash hash)
{
	switch (hash) {
	case TOKEN_SHA1:
		return EVP_sha1();
	case TOKEN_SHA256:
		return EVP_sha256();
	case TOKEN_SHA384:
		return EVP_sha384();
	case TOKEN_SHA512:
		return EVP_sha512();
	case TOKEN_HASH_NONE:
		break;
	}
	return NULL;
}

int
pen_sign(struct pen *p, const uint8_t *spki, size_t spkilen,
    enum token_hash hash, const uint8_t *message, size_t messagelen,
    uint8_t *sig, size_t *len, struct token_trouble *why)
{
	EVP_PKEY *key = look(p, spki, spkilen);
	EVP_MD_CTX *ctx = NULL;
	int r = PEN_BLIND;

	if (key == NULL || md(hash) == NULL)
		goto out;
	r = trouble_say(why, TOKEN_ENOMEM, true, "out of memory");
	ctx = EVP_MD_CTX_new();
	if (ctx == NULL)
		goto out;
	r = TOKEN_OK;
	if (EVP_DigestSignInit(ctx, NULL, md(hash), NULL, key) != 1 ||
	    EVP_DigestSign(ctx, sig, len, message, messagelen) != 1)
		r = failed(p, "cannot sign", "C_Sign", why);
out:
	if (r != TOKEN_OK)
		*len = 0;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return r;
}

int
pen_store(struct pen *p, const uint8_t *der, size_t len, const char *label,
    const uint8_t *id, size_t idlen, struct token_trouble *why)
{
	const uint8_t *at = der;
	PKCS11_CERT *stored = NULL;
	char *name = strdup(label);
	uint8_t copy[256]; /* libp11 knows no const */
	X509 *x = d2i_X509(NULL, &at, (long)len);
	int r;

	r = trouble_say(why, TOKEN_ENOMEM, true, "out of memory");
	if (name == NULL || x == NULL || idlen > sizeof(copy))
		goto out;
	memcpy(copy, id, idlen);
	r = TOKEN_OK;
	ERR_clear_error();
	if (PKCS11_store_certificate(p->slot->token, x,
		*name != '\0' ? name : NULL, idlen > 0 ? copy : NULL, idlen,
		&stored) != 0)
		r = failed(
		    p, "cannot store the certificate", "C_CreateObject", why);
out:
	X509_free(x);
	free(name);
	return r;
}
