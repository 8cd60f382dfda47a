/*
 * Registers with a signer of the program's own: here a key in a PEM file, for
 * the sake of shortness; in earnest a key store that has no PKCS#11 module.
 */
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "setup.h"

struct own {
	EVP_PKEY *key;
	X509 *cert;
};

static int
find(void *ctx, const uint8_t *thumbprint, size_t len,
    struct sealpoint_signer_identity *id, struct sealpoint_signer_trouble *why)
{
	struct own *own = ctx;

	(void)why;
	if (X509_digest(own->cert, EVP_sha1(), id->sha1, NULL) != 1 ||
	    X509_digest(own->cert, EVP_sha256(), id->sha256, NULL) != 1)
		return SEALPOINT_SIGNER_EDEVICE;
	if (memcmp(thumbprint,
		len == SEALPOINT_SHA1_LEN ? id->sha1 : id->sha256, len) != 0)
		return SEALPOINT_SIGNER_ENOKEY;
	id->type = SEALPOINT_KEY_RSA;
	id->bits = (uint32_t)EVP_PKEY_get_bits(own->key);
	id->mechanisms = SEALPOINT_MECHANISM(SEALPOINT_RSA_PKCS1) |
			 SEALPOINT_MECHANISM(SEALPOINT_RSA_PSS);
	id->uses = SEALPOINT_USE_SIGN | SEALPOINT_USE_TLS;
	(void)snprintf(id->token, sizeof(id->token), "a file");
	return SEALPOINT_SIGNER_OK;
}

static int
certificate(void *ctx, const uint8_t *sha256, unsigned depth, uint8_t *der,
    size_t *len, struct sealpoint_signer_trouble *why)
{
	struct own *own = ctx;
	int n = i2d_X509(own->cert, NULL);

	(void)sha256;
	(void)why;
	if (depth > 0)
		return SEALPOINT_SIGNER_ENOKEY;
	if (n < 0 || (size_t)n > *len)
		return SEALPOINT_SIGNER_EDEVICE;
	*len = (size_t)i2d_X509(own->cert, &der);
	return SEALPOINT_SIGNER_OK;
}

static const EVP_MD *
digest_of(enum sealpoint_digest digest)
{
	switch (digest) {
	case SEALPOINT_DIGEST_SHA1:
		return EVP_sha1();
	case SEALPOINT_DIGEST_SHA256:
		return EVP_sha256();
	case SEALPOINT_DIGEST_SHA384:
		return EVP_sha384();
	case SEALPOINT_DIGEST_SHA512:
		return EVP_sha512();
	case SEALPOINT_DIGEST_NONE:
		break;
	}
	return NULL;
}

/* PKCS#1 v1.5 signs messages; PSS authenticates to TLS 1.3. */
static int
sign(void *ctx, const uint8_t *sha256,
    const struct sealpoint_signer_request *what, uint8_t *sig, size_t *len,
    struct sealpoint_signer_trouble *why)
{
	const EVP_MD *md = digest_of(what->digest);
	int padding = what->scheme == SEALPOINT_RSA_PSS ? RSA_PKCS1_PSS_PADDING
							: RSA_PKCS1_PADDING;
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned n = (unsigned)what->len;
	struct own *own = ctx;
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(own->key, NULL);
	int r = SEALPOINT_SIGNER_EMECH;

	(void)sha256;
	if (md == NULL || (what->digested && n > sizeof(digest)))
		goto out;
	if (what->digested)
		memcpy(digest, what->data, n);
	else if (EVP_Digest(what->data, n, digest, &n, md, NULL) != 1)
		goto out;
	if (EVP_PKEY_sign_init(c) <= 0 ||
	    EVP_PKEY_CTX_set_rsa_padding(c, padding) <= 0 ||
	    EVP_PKEY_CTX_set_signature_md(c, md) <= 0 ||
	    (padding == RSA_PKCS1_PSS_PADDING &&
		EVP_PKEY_CTX_set_rsa_pss_saltlen(c, what->saltlen) <= 0) ||
	    EVP_PKEY_sign(c, sig, len, digest, n) <= 0)
		goto out;
	r = SEALPOINT_SIGNER_OK;
out:
	if (r != SEALPOINT_SIGNER_OK)
		(void)snprintf(why->text, sizeof(why->text),
		    "OpenSSL does not sign with the key of the file");
	EVP_PKEY_CTX_free(c);
	return r;
}

static int
load(struct own *own, const char *path)
{
	FILE *f = fopen(path, "r");

	if (f == NULL)
		return -1;
	own->cert = PEM_read_X509(f, NULL, NULL, NULL);
	rewind(f);
	own->key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	(void)fclose(f);
	return own->cert != NULL && own->key != NULL ? 0 : -1;
}

int
main(int argc, char **argv)
{
	struct own own = {NULL, NULL};
	/* No decrypt: this key registers, and reads no secret policy. */
	struct sealpoint_signer signer = {.size = sizeof(signer),
	    .ctx = &own,
	    .find = find,
	    .certificate = certificate,
	    .sign = sign};
	struct sealpoint_registration what = {
	    .size = sizeof(what), .wait_s = 60};
	char smsid[SEALPOINT_SMSID_MAX];
	struct sealpoint_identity *id = NULL;
	struct sealpoint_failure why = {.text = "no key or certificate"};
	struct setup s;
	int next, r = SEALPOINT_ERR_FILE;

	next = setup_start(&s, argc, argv, "KEY-AND-CERTIFICATE.pem");
	if (next < argc && load(&own, argv[next]) == 0)
		r = sealpoint_identity_from_signer(
		    &id, &signer, s.thumbprint, &why);
	if (r == SEALPOINT_OK)
		r = sealpoint_message_set_identity(s.message, id, &why);
	if (r == SEALPOINT_OK)
		r = sealpoint_messaging_register(
		    s.messaging, s.mp, s.message, &what, smsid, &why);
	if (r == SEALPOINT_OK)
		(void)printf("%s\n", smsid);
	sealpoint_identity_free(id);
	setup_end(&s);
	EVP_PKEY_free(own.key);
	X509_free(own.cert);
	return r == SEALPOINT_OK ? 0 : setup_failed(&why);
}
