#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/proverr.h>
#include <openssl/x509.h>

#include "agent/evp/internal.h"

#define HEX_LEN (2 * SIGNER_SHA1_LEN + 1)
#define MD_NAME_MAX 64
#define PSS_SALT_DEFAULT 20 /* RFC 4055: what an absent field means */

const char *
evpkey_name(const struct evpkey *k)
{
	switch (k->kind) {
	case EVPKEY_RSA:
		return "RSA";
	case EVPKEY_RSA_PSS:
		return "RSA-PSS";
	case EVPKEY_EC:
		return "EC";
	case EVPKEY_ED25519:
		return "ED25519";
	}
	return "";
}

static enum signer_keytype
type_of(enum evpkey_kind kind)
{
	switch (kind) {
	case EVPKEY_RSA:
	case EVPKEY_RSA_PSS:
		return SIGNER_KEY_RSA;
	case EVPKEY_EC:
		return SIGNER_KEY_EC;
	case EVPKEY_ED25519:
		return SIGNER_KEY_ED25519;
	}
	return SIGNER_KEY_RSA;
}

/* The thumbprint, as people know the key. */
static void
print(const struct signer_identity *id, char hex[HEX_LEN])
{
	for (size_t i = 0; i < SIGNER_SHA1_LEN; i++)
		(void)snprintf(hex + 2 * i, 3, "%02X", id->sha1[i]);
}

/* Sets k->kind from the public key; false if no kind of ours. */
static bool
classify(struct evpkey *k)
{
	static const enum evpkey_kind kinds[] = {
	    EVPKEY_RSA, EVPKEY_RSA_PSS, EVPKEY_EC, EVPKEY_ED25519};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		k->kind = kinds[i];
		if (EVP_PKEY_is_a(k->pub, evpkey_name(k)))
			return true;
	}
	return false;
}

/*
 * What an id-RSASSA-PSS key is restricted to (RFC 4055, 3.1). False if that
 * is something that no signer can do.
 */
static bool
restrict_pss(struct evpkey *k)
{
	char name[MD_NAME_MAX];

	if (EVP_PKEY_get_utf8_string_param(k->pub,
		OSSL_PKEY_PARAM_MANDATORY_DIGEST, name, sizeof(name),
		NULL) != 1)
		return true;
	k->pss_hash = evp_hash(k->evp, name);
	if (k->pss_hash == SIGNER_HASH_NONE)
		return false;
	/* OpenSSL leaves fields out that have their default, SHA-1 and 20. */
	if (EVP_PKEY_get_utf8_string_param(k->pub, OSSL_PKEY_PARAM_MGF1_DIGEST,
		name, sizeof(name), NULL) != 1)
		(void)snprintf(name, sizeof(name), "SHA1");
	if (evp_hash(k->evp, name) != k->pss_hash)
		return false;
	if (EVP_PKEY_get_int_param(
		k->pub, OSSL_PKEY_PARAM_RSA_PSS_SALTLEN, &k->pss_salt) != 1)
		k->pss_salt = PSS_SALT_DEFAULT;
	return k->pss_salt >= 0;
}

/* Takes from the certificate all that an EVP_PKEY needs to know. */
static int
learn(struct evpkey *k, X509 *cert, struct signer_trouble *why)
{
	uint8_t sha256[EVP_MAX_MD_SIZE];
	char hex[HEX_LEN];
	unsigned len = 0;

	print(&k->id, hex);
	if (X509_digest(cert, EVP_sha256(), sha256, &len) != 1 ||
	    len != SIGNER_SHA256_LEN ||
	    memcmp(sha256, k->id.sha256, SIGNER_SHA256_LEN) != 0)
		return signer_fail(why, SIGNER_EARG,
		    "key %s on %s: the certificate is another key's", hex,
		    k->id.token);
	k->pub = X509_get_pubkey(cert);
	if (k->pub == NULL || !classify(k) || type_of(k->kind) != k->id.type)
		return signer_fail(why, SIGNER_EMECH,
		    "key %s on %s: the certificate's public key is not of the "
		    "type that the signer says",
		    hex, k->id.token);
	if (EVP_PKEY_get_size(k->pub) <= 0 ||
	    EVP_PKEY_get_size(k->pub) > SIGNER_SIG_MAX)
		return signer_fail(why, SIGNER_EMECH,
		    "key %s on %s: signatures of more than %d bytes are not "
		    "supported",
		    hex, k->id.token, SIGNER_SIG_MAX);
	k->size = (size_t)EVP_PKEY_get_size(k->pub);
	k->bits = (unsigned)EVP_PKEY_get_bits(k->pub);
	if (k->kind == EVPKEY_RSA_PSS && !restrict_pss(k))
		return signer_fail(why, SIGNER_EMECH,
		    "key %s on %s: its certificate demands a kind of RSA-PSS "
		    "that signers do not make; it must be one of SHA-1, "
		    "SHA-256, SHA-384, SHA-512, the same for MGF1",
		    hex, k->id.token);
	return SIGNER_OK;
}

int
evpkey_new(struct evpkey **kp, struct evp *e, const struct signer *s,
    const struct signer_identity *id, X509 *cert, struct signer_trouble *why)
{
	struct evpkey *k;
	int r;

	*kp = NULL;
	k = calloc(1, sizeof(*k));
	if (k == NULL)
		return signer_fail(why, SIGNER_ENOMEM, "no memory for a key");
	atomic_init(&k->refs, 1);
	evp_ref(e);
	k->evp = e;
	k->signer = s;
	k->id = *id;
	ERR_set_mark();
	r = learn(k, cert, why);
	ERR_pop_to_mark();
	if (r == SIGNER_OK)
		*kp = k;
	else
		evpkey_free(k);
	return r;
}

struct evpkey *
evpkey_ref(struct evpkey *k)
{
	(void)atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
	return k;
}

void
evpkey_free(struct evpkey *k)
{
	if (k == NULL ||
	    atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) != 1)
		return;
	EVP_PKEY_free(k->pub);
	evp_close(k->evp);
	free(k);
}

/* As what a caller of the signer would know it. */
static int
class_of(int reason)
{
	switch (reason) {
	case PROV_R_BAD_LENGTH:
	case PROV_R_INVALID_DIGEST_LENGTH:
	case PROV_R_NO_KEY_SET:
	case PROV_R_OUTPUT_BUFFER_TOO_SMALL:
		return SIGNER_EARG;
	case PROV_R_FAILED_TO_DECRYPT:
	case PROV_R_FAILED_TO_SIGN:
		return SIGNER_EPROTO; /* an answer that cannot be one */
	default:
		return SIGNER_EMECH;
	}
}

int
evpkey_refuse(const struct evpkey *k, int reason, const char *fmt, ...)
{
	struct signer_trouble why;
	char text[SIGNER_TEXT_MAX], hex[HEX_LEN];
	va_list ap;

	memset(&why, 0, sizeof(why));
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (k != NULL) {
		print(&k->id, hex);
		(void)signer_fail(
		    &why, 0, "key %s on %s: %s", hex, k->id.token, text);
	} else {
		(void)signer_fail(&why, 0, "%s", text);
	}
	why.err = class_of(reason);
	evptrouble_set(&why);
	ERR_raise_data(ERR_LIB_PROV, reason, "%s", why.text);
	return 0;
}

int
evpkey_sign(struct evpkey *k, const struct signer_sign *what, uint8_t *sig,
    size_t *siglen, size_t room)
{
	struct signer_trouble why;
	size_t len = k->size;

	evptrouble_clear();
	*siglen = 0;
	if (room < k->size)
		return evpkey_refuse(k, PROV_R_OUTPUT_BUFFER_TOO_SMALL,
		    "a signature needs room for %zu bytes, not %zu", k->size,
		    room);
	if (signer_sign(k->signer, k->id.sha256, what, sig, &len, &why) !=
	    SIGNER_OK) {
		evptrouble_set(&why);
		ERR_raise_data(
		    ERR_LIB_PROV, PROV_R_FAILED_TO_SIGN, "%s", why.text);
		return 0;
	}
	/* The far end's word for a length is not taken. */
	if (len == 0 || len > k->size ||
	    (len != k->size && k->kind != EVPKEY_EC)) {
		memset(sig, 0, k->size);
		return evpkey_refuse(k, PROV_R_FAILED_TO_SIGN,
		    "the signer answered with a signature of %zu bytes, which "
		    "this key cannot have made",
		    len);
	}
	*siglen = len;
	return 1;
}

int
evpkey_decrypt(struct evpkey *k, enum signer_scheme scheme,
    enum signer_hash hash, const uint8_t *in, size_t inlen, uint8_t *out,
    size_t *outlen, size_t room)
{
	struct signer_trouble why;
	size_t len = k->size;

	evptrouble_clear();
	*outlen = 0;
	if (room < k->size)
		return evpkey_refuse(k, PROV_R_OUTPUT_BUFFER_TOO_SMALL,
		    "decryption needs room for %zu bytes, not %zu", k->size,
		    room);
	if (inlen != k->size)
		return evpkey_refuse(k, PROV_R_BAD_LENGTH,
		    "a ciphertext for this key has %zu bytes, not %zu", k->size,
		    inlen);
	if (signer_decrypt(k->signer, k->id.sha256, scheme, hash, in, inlen,
		out, &len, &why) != SIGNER_OK) {
		evptrouble_set(&why);
		ERR_raise_data(
		    ERR_LIB_PROV, PROV_R_FAILED_TO_DECRYPT, "%s", why.text);
		return 0;
	}
	if (len > k->size) {
		OPENSSL_cleanse(out, k->size);
		return evpkey_refuse(k, PROV_R_FAILED_TO_DECRYPT,
		    "the signer answered with more bytes than the key's "
		    "modulus has");
	}
	*outlen = len;
	return 1;
}
