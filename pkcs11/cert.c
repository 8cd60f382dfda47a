#include "pkcs11/cert.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static X509 *
parse(const uint8_t *der, size_t len)
{
	const uint8_t *at = der;
	X509 *x;

	if (len == 0 || len > CERT_DER_MAX)
		return NULL;
	x = d2i_X509(NULL, &at, (long)len);
	if (x == NULL || at == der + len)
		return x;
	X509_free(x);
	return NULL;
}

static int
name_digest(const X509_NAME *name, uint8_t out[CERT_NAME_LEN])
{
	const unsigned char *der;
	size_t len;

	if (X509_NAME_get0_der(name, &der, &len) != 1)
		return 0;
	return EVP_Digest(der, len, out, NULL, EVP_sha256(), NULL);
}

static void
read_key(struct cert *c, const X509 *x)
{
	unsigned char *spki = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &spki);

	if (len > 0)
		(void)pub_spki(&c->pub, spki, (size_t)len);
	OPENSSL_free(spki);
}

static uint64_t
read_end(const X509 *x)
{
	struct tm tm = {0};
	time_t end;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) != 1)
		return 0;
	end = timegm(&tm);
	return end > 0 ? (uint64_t)end : 0;
}

int
cert_init(struct cert *c, uint8_t *der, size_t len)
{
	X509 *x;
	int r = -1;

	memset(c, 0, sizeof(*c));
	c->der = der;
	c->len = len;
	x = parse(der, len);
	if (x == NULL)
		goto out;
	if (EVP_Digest(der, len, c->sha1, NULL, EVP_sha1(), NULL) != 1 ||
	    EVP_Digest(der, len, c->sha256, NULL, EVP_sha256(), NULL) != 1 ||
	    name_digest(X509_get_subject_name(x), c->subject) != 1 ||
	    name_digest(X509_get_issuer_name(x), c->issuer) != 1)
		goto out;
	c->not_after = read_end(x);
	read_key(c, x);
	r = 0;
out:
	X509_free(x);
	/* What the parser disliked is no later caller's error. */
	ERR_clear_error();
	if (r != 0)
		cert_release(c);
	return r;
}

void
cert_release(struct cert *c)
{
	EVP_PKEY_free(c->key);
	free(c->der);
	memset(c, 0, sizeof(*c));
}

bool
cert_issued(const struct cert *c, const struct cert *ca)
{
	X509 *x, *issuer = NULL;
	bool yes = false;

	if (memcmp(c->issuer, ca->subject, sizeof(c->issuer)) != 0)
		return false;
	x = parse(c->der, c->len);
	issuer = parse(ca->der, ca->len);
	if (x != NULL && issuer != NULL &&
	    X509_check_issued(issuer, x) == X509_V_OK)
		yes = X509_verify(x, X509_get0_pubkey(issuer)) == 1;
	X509_free(x);
	X509_free(issuer);
	ERR_clear_error();
	return yes;
}

int
cert_arm(struct cert *c)
{
	X509 *x;

	if (c->key != NULL)
		return 0;
	x = parse(c->der, c->len);
	if (x != NULL)
		c->key = X509_get_pubkey(x);
	X509_free(x);
	ERR_clear_error();
	return c->key != NULL ? 0 : -1;
}

static bool
verify_message(const struct cert *c, const uint8_t *message, size_t len,
    const uint8_t *sig, size_t siglen)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	ok = ctx != NULL &&
	     EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, c->key) == 1 &&
	     EVP_DigestVerify(ctx, sig, siglen, message, len) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

static const EVP_MD *
md(enum token_hash hash)
{
	switch (hash) {
	case TOKEN_HASH_NONE:
		break;
	case TOKEN_SHA1:
		return EVP_sha1();
	case TOKEN_SHA256:
		return EVP_sha256();
	case TOKEN_SHA384:
		return EVP_sha384();
	case TOKEN_SHA512:
		return EVP_sha512();
	}
	return NULL;
}

/* What the signature must look like, for RSA. */
static bool
padding(EVP_PKEY_CTX *ctx, enum token_scheme scheme, unsigned saltlen)
{
	if (scheme != TOKEN_RSA_PSS)
		return true;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)saltlen) == 1;
}

bool
cert_verify(const struct cert *c, enum token_scheme scheme,
    enum token_hash hash, unsigned saltlen, const uint8_t *digest, size_t len,
    const uint8_t *sig, size_t siglen)
{
	EVP_PKEY_CTX *ctx = NULL;
	bool ok = false;

	if (c->key == NULL)
		return false;
	if (scheme == TOKEN_EDDSA) {
		ok = verify_message(c, digest, len, sig, siglen);
		goto out;
	}
	ctx = EVP_PKEY_CTX_new(c->key, NULL);
	ok = ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
	     padding(ctx, scheme, saltlen) &&
	     EVP_PKEY_CTX_set_signature_md(ctx, md(hash)) == 1 &&
	     EVP_PKEY_verify(ctx, sig, siglen, digest, len) == 1;
out:
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}
