#include "mp/cli/describe.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

/* RFC 2253 with UTF-8 as it is; what a terminal must not see goes later. */
#define NAME_FLAGS (XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB)

struct bit {
	uint32_t bit;
	const char *name;
};

static const struct bit mechs[] = {
    {SIGNER_MECH(SIGNER_RSA_PKCS1), "rsa-pkcs1"},
    {SIGNER_MECH(SIGNER_RSA_PSS), "rsa-pss"},
    {SIGNER_MECH_RAW_PSS, "rsa-pss-raw"},
    {SIGNER_MECH(SIGNER_RSA_OAEP), "rsa-oaep"},
    {SIGNER_MECH_DECRYPT_PKCS1, "rsa-pkcs1-decrypt"},
    {SIGNER_MECH(SIGNER_ECDSA), "ecdsa"},
    {SIGNER_MECH(SIGNER_EDDSA), "eddsa"},
};

static const struct bit uses[] = {
    {SIGNER_USE_SIGN, "sign"},
    {SIGNER_USE_DECRYPT, "decrypt"},
    {SIGNER_USE_TLS, "tls"},
};

#define NMECHS (sizeof(mechs) / sizeof(mechs[0]))
#define NUSES (sizeof(uses) / sizeof(uses[0]))

void
describe_key(const struct signer_identity *id, char text[DESCRIBE_KEY_MAX])
{
	switch (id->type) {
	case SIGNER_KEY_RSA:
		snprintf(text, DESCRIBE_KEY_MAX, "rsa-%u", id->bits);
		return;
	case SIGNER_KEY_EC:
		snprintf(text, DESCRIBE_KEY_MAX, "ec-p%u", id->bits);
		return;
	case SIGNER_KEY_ED25519:
		snprintf(text, DESCRIBE_KEY_MAX, "ed25519");
		return;
	}
	snprintf(text, DESCRIBE_KEY_MAX, "unknown");
}

void
describe_hex(const uint8_t *data, size_t len, char *text)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[data[i] >> 4];
		text[2 * i + 1] = digits[data[i] & 15];
	}
	text[2 * len] = '\0';
}

/* PSS by way of raw RSA is another promise than PSS: said as such. */
static uint32_t
honest(uint32_t bits)
{
	if ((bits & SIGNER_MECH_RAW_PSS) != 0)
		bits &= ~SIGNER_MECH(SIGNER_RSA_PSS);
	return bits;
}

static void
set_hex(struct record *r, const char *name, const uint8_t *data, size_t len)
{
	char text[2 * SIGNER_SHA256_LEN + 1];

	describe_hex(data, len, text);
	record_set(r, name, text);
}

void
describe_identity(struct record *r, const struct signer_identity *id)
{
	uint32_t bits = honest(id->mechs);
	char key[DESCRIBE_KEY_MAX];

	set_hex(r, "thumbprint", id->sha1, sizeof(id->sha1));
	set_hex(r, "sha256", id->sha256, sizeof(id->sha256));
	describe_key(id, key);
	record_set(r, "key", key);
	record_set(r, "token", id->token);
	record_set_words(r, "mechanisms");
	for (size_t i = 0; i < NMECHS; i++) {
		if ((bits & mechs[i].bit) != 0)
			record_add_word(r, "mechanisms", mechs[i].name);
	}
	record_set_words(r, "uses");
	for (size_t i = 0; i < NUSES; i++) {
		if ((id->uses & uses[i].bit) != 0)
			record_add_word(r, "uses", uses[i].name);
	}
}

void
describe_mechanisms(
    const struct signer_identity *id, char *text, size_t textlen)
{
	uint32_t bits = honest(id->mechs);
	size_t at = 0;

	snprintf(text, textlen, "nothing");
	for (size_t i = 0; i < NMECHS; i++) {
		if ((bits & mechs[i].bit) == 0 || at >= textlen)
			continue;
		at += (size_t)snprintf(text + at, textlen - at, "%s%s",
		    at == 0 ? "" : ", ", mechs[i].name);
	}
}

/* The bytes of a memory BIO as a string; yours to free. */
static char *
drain(BIO *bio)
{
	char *data = NULL;
	long len = BIO_get_mem_data(bio, &data);

	return len < 0 ? NULL : strndup(data == NULL ? "" : data, (size_t)len);
}

char *
describe_name(const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;

	if (bio != NULL && X509_NAME_print_ex(bio, name, 0, NAME_FLAGS) >= 0)
		text = drain(bio);
	BIO_free(bio);
	return text;
}

char *
describe_time(const ASN1_TIME *time)
{
	struct tm tm;
	char text[40];

	memset(&tm, 0, sizeof(tm));
	if (ASN1_TIME_to_tm(time, &tm) != 1 ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return NULL;
	return strdup(text);
}

char *
describe_pem(const X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;

	if (bio != NULL && PEM_write_bio_X509(bio, cert) == 1)
		text = drain(bio);
	BIO_free(bio);
	return text;
}

static void
set_and_free(struct record *r, const char *name, char *text)
{
	record_set(r, name, text);
	free(text);
}

static void
set_serial(struct record *r, const X509 *cert)
{
	BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	char *hex = n == NULL ? NULL : BN_bn2hex(n);

	record_set(r, "serial", hex);
	OPENSSL_free(hex);
	BN_free(n);
}

void
describe_certificate(struct record *r, const X509 *cert)
{
	set_and_free(r, "subject", describe_name(X509_get_subject_name(cert)));
	set_and_free(r, "issuer", describe_name(X509_get_issuer_name(cert)));
	set_serial(r, cert);
	set_and_free(r, "not_before", describe_time(X509_get0_notBefore(cert)));
	set_and_free(r, "not_after", describe_time(X509_get0_notAfter(cert)));
}

void
describe_thumbprints(struct record *r, const X509 *cert)
{
	uint8_t sha1[SIGNER_SHA1_LEN], sha256[SIGNER_SHA256_LEN];

	if (X509_digest(cert, EVP_sha1(), sha1, NULL) != 1 ||
	    X509_digest(cert, EVP_sha256(), sha256, NULL) != 1) {
		record_set(r, "thumbprint", NULL);
		record_set(r, "sha256", NULL);
		return;
	}
	set_hex(r, "thumbprint", sha1, sizeof(sha1));
	set_hex(r, "sha256", sha256, sizeof(sha256));
}
