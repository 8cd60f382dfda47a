#include "tests/fake/soft_signer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include "tests/fake/keys.h"

#define YEAR_S (365 * 24 * 3600L)
#define PAD_MIN 11 /* bytes: 0, 2, eight or more of padding, 0 */

struct soft_key {
	EVP_PKEY *key;
	X509 *cert;
	struct signer_identity id;
};

struct soft_signer {
	pthread_mutex_t lock; /* of all that follows */
	struct soft_key *keys;
	size_t n;
	struct soft_counts counts;
	int err; /* what the next operations fail with */
	unsigned long times;
};

/* A test that cannot be set up has nothing to go on with. */
static void
must(int ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "soft signer: %s failed\n", what);
	ERR_print_errors_fp(stderr);
	abort();
}

/* A copy of the key by this name, yours to free; NULL if there is none. */
static EVP_PKEY *
borrow(struct soft_signer *s, const uint8_t key[SIGNER_SHA256_LEN])
{
	EVP_PKEY *found = NULL;

	must(pthread_mutex_lock(&s->lock) == 0, "lock");
	for (size_t i = 0; i < s->n && found == NULL; i++)
		if (memcmp(s->keys[i].id.sha256, key, SIGNER_SHA256_LEN) == 0)
			found = s->keys[i].key;
	if (found != NULL)
		must(EVP_PKEY_up_ref(found) == 1, "EVP_PKEY_up_ref");
	must(pthread_mutex_unlock(&s->lock) == 0, "unlock");
	return found;
}

/* Counts one call, and says whether it was told to fail. Keeps the lock. */
static int
enter(struct soft_signer *s, unsigned long *count, struct signer_trouble *why)
{
	must(pthread_mutex_lock(&s->lock) == 0, "lock");
	if (count != NULL)
		(*count)++;
	if (s->times == 0)
		return SIGNER_OK;
	s->times--;
	if (why != NULL)
		why->retry =
		    s->err == SIGNER_EBUSY || s->err == SIGNER_ETIMEOUT;
	return signer_fail(why, s->err, "the soft signer was told to fail: %s",
	    signer_strerror(s->err));
}

static int
leave(struct soft_signer *s, int r)
{
	must(pthread_mutex_unlock(&s->lock) == 0, "unlock");
	return r;
}

static int
list(void *ctx, size_t from, struct signer_identity *ids, size_t max, size_t *n,
    struct signer_trouble *why)
{
	struct soft_signer *s = ctx;
	int r = enter(s, NULL, why);

	if (r != SIGNER_OK)
		return leave(s, r);
	for (*n = 0; *n < max && from < s->n; (*n)++, from++)
		ids[*n] = s->keys[from].id;
	return leave(s, SIGNER_OK);
}

static int
find(void *ctx, const uint8_t *thumb, size_t thumblen,
    struct signer_identity *id, struct signer_trouble *why)
{
	struct soft_signer *s = ctx;
	int r = enter(s, &s->counts.finds, why);

	for (size_t i = 0; r == SIGNER_OK && i < s->n; i++) {
		const struct signer_identity *has = &s->keys[i].id;
		const uint8_t *name =
		    thumblen == SIGNER_SHA1_LEN ? has->sha1 : has->sha256;

		if (memcmp(name, thumb, thumblen) != 0)
			continue;
		*id = *has;
		return leave(s, SIGNER_OK);
	}
	if (r == SIGNER_OK)
		r = signer_fail(why, SIGNER_ENOKEY,
		    "the soft signer has no key by that thumbprint");
	return leave(s, r);
}

static int
certificate(void *ctx, const uint8_t key[SIGNER_SHA256_LEN], unsigned depth,
    uint8_t *der, size_t *len, struct signer_trouble *why)
{
	struct soft_signer *s = ctx;
	int r = enter(s, &s->counts.certificates, why);

	for (size_t i = 0; r == SIGNER_OK && i < s->n; i++) {
		int n;

		if (memcmp(s->keys[i].id.sha256, key, SIGNER_SHA256_LEN) != 0 ||
		    depth != 0)
			continue;
		n = i2d_X509(s->keys[i].cert, NULL);
		must(n > 0, "i2d_X509");
		if ((size_t)n > *len)
			return leave(
			    s, signer_fail(why, SIGNER_EARG,
				   "a certificate of %d bytes needs more room",
				   n));
		*len = (size_t)i2d_X509(s->keys[i].cert, &der);
		return leave(s, SIGNER_OK);
	}
	if (r == SIGNER_OK)
		r = signer_fail(why, SIGNER_ENOKEY,
		    "the soft signer has no certificate %u of that key", depth);
	return leave(s, r);
}

static const EVP_MD *
md_of(enum signer_hash hash)
{
	switch (hash) {
	case SIGNER_HASH_NONE:
		return NULL;
	case SIGNER_SHA1:
		return EVP_sha1();
	case SIGNER_SHA256:
		return EVP_sha256();
	case SIGNER_SHA384:
		return EVP_sha384();
	case SIGNER_SHA512:
		return EVP_sha512();
	}
	return NULL;
}

/* Does the key's type go with the scheme? */
static bool
fits(EVP_PKEY *key, enum signer_scheme scheme)
{
	switch (scheme) {
	case SIGNER_RSA_PKCS1:
	case SIGNER_RSA_OAEP:
		return EVP_PKEY_is_a(key, "RSA");
	case SIGNER_RSA_PSS:
		return EVP_PKEY_is_a(key, "RSA") ||
		       EVP_PKEY_is_a(key, "RSA-PSS");
	case SIGNER_ECDSA:
		return EVP_PKEY_is_a(key, "EC");
	case SIGNER_EDDSA:
		return EVP_PKEY_is_a(key, "ED25519");
	}
	return false;
}

static bool
set_padding(EVP_PKEY_CTX *ctx, const struct signer_sign *what)
{
	if (what->scheme == SIGNER_RSA_PKCS1)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0;
	if (what->scheme != SIGNER_RSA_PSS)
		return true;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, what->saltlen) > 0;
}

static bool
sign_digest(
    EVP_PKEY *key, const struct signer_sign *what, uint8_t *sig, size_t *siglen)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	bool ok;

	ok = ctx != NULL && EVP_PKEY_sign_init(ctx) > 0 &&
	     EVP_PKEY_CTX_set_signature_md(ctx, md_of(what->hash)) > 0 &&
	     set_padding(ctx, what) &&
	     EVP_PKEY_sign(ctx, sig, siglen, what->data, what->len) > 0;
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static bool
sign_message(
    EVP_PKEY *key, const struct signer_sign *what, uint8_t *sig, size_t *siglen)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *ctx; /* belongs to md */
	bool ok;

	ok = md != NULL &&
	     EVP_DigestSignInit(md, &ctx, md_of(what->hash), NULL, key) > 0 &&
	     set_padding(ctx, what) &&
	     EVP_DigestSign(md, sig, siglen, what->data, what->len) > 0;
	EVP_MD_CTX_free(md);
	return ok;
}

static int
sign(void *ctx, const uint8_t key[SIGNER_SHA256_LEN],
    const struct signer_sign *what, uint8_t *sig, size_t *siglen,
    struct signer_trouble *why)
{
	struct soft_signer *s = ctx;
	int r = enter(s, &s->counts.signs, why);
	EVP_PKEY *pkey;
	bool ok;

	s->counts.scheme = what->scheme;
	s->counts.hash = what->hash;
	s->counts.digest = what->digest;
	s->counts.saltlen = what->saltlen;
	if (leave(s, r) != SIGNER_OK)
		return r;
	pkey = borrow(s, key);
	if (pkey == NULL)
		return signer_fail(why, SIGNER_ENOKEY,
		    "the soft signer has no such key to sign with");
	ok = fits(pkey, what->scheme);
	if (!ok)
		r = signer_fail(why, SIGNER_EMECH,
		    "the soft signer's %s key cannot sign so",
		    EVP_PKEY_get0_type_name(pkey));
	ERR_set_mark();
	if (ok)
		ok = what->digest ? sign_digest(pkey, what, sig, siglen)
				  : sign_message(pkey, what, sig, siglen);
	ERR_pop_to_mark();
	EVP_PKEY_free(pkey);
	if (!ok && r == SIGNER_OK)
		r = signer_fail(
		    why, SIGNER_EDEVICE, "the soft signer could not sign");
	return r;
}

static bool
decrypt_oaep(EVP_PKEY_CTX *ctx, enum signer_hash hash, const uint8_t *in,
    size_t inlen, uint8_t *out, size_t *outlen)
{
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md_of(hash)) > 0 &&
	       EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md_of(hash)) > 0 &&
	       EVP_PKEY_decrypt(ctx, out, outlen, in, inlen) > 0;
}

/*
 * What bad padding decrypts to: always the same for one ciphertext, so that
 * asking again tells nothing. The secret it hangs on is of the key alone.
 */
static size_t
reject(EVP_PKEY *key, const uint8_t *in, size_t inlen, uint8_t *out, size_t max)
{
	uint8_t *der = NULL, secret[SHA256_DIGEST_LENGTH];
	uint8_t block[SHA256_DIGEST_LENGTH];
	int n = i2d_PrivateKey(key, &der);

	must(n > 0, "i2d_PrivateKey");
	(void)SHA256(der, (size_t)n, secret);
	OPENSSL_clear_free(der, (size_t)n);
	must(HMAC(EVP_sha256(), secret, sizeof(secret), in, inlen, block,
		 NULL) != NULL,
	    "HMAC");
	for (size_t i = 0; i < max; i += sizeof(block)) {
		size_t take = max - i < sizeof(block) ? max - i : sizeof(block);

		must(HMAC(EVP_sha256(), secret, sizeof(secret), block,
			 sizeof(block), block, NULL) != NULL,
		    "HMAC");
		memcpy(out + i, block, take);
	}
	OPENSSL_cleanse(secret, sizeof(secret));
	return (size_t)(block[0] << 8 | block[1]) % (max + 1);
}

/* RSAES-PKCS1-v1_5 with implicit rejection; false only if RSA itself fails. */
static bool
decrypt_pkcs1(EVP_PKEY *key, EVP_PKEY_CTX *ctx, const uint8_t *in, size_t inlen,
    uint8_t *out, size_t *outlen)
{
	uint8_t em[SIGNER_DATA_MAX];
	size_t len = sizeof(em), end = 2;
	bool ok;

	ok = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) > 0 &&
	     EVP_PKEY_decrypt(ctx, em, &len, in, inlen) > 0 && len > PAD_MIN;
	if (!ok)
		goto out;
	while (end < len && em[end] != 0)
		end++;
	if (em[0] != 0 || em[1] != 2 || end < PAD_MIN - 1 || end == len) {
		*outlen = reject(key, in, inlen, out, len - PAD_MIN);
		goto out;
	}
	*outlen = len - end - 1;
	memcpy(out, em + end + 1, *outlen);
out:
	OPENSSL_cleanse(em, sizeof(em));
	return ok;
}

static int
decrypt(void *ctx, const uint8_t key[SIGNER_SHA256_LEN],
    enum signer_scheme scheme, enum signer_hash hash, const uint8_t *in,
    size_t inlen, uint8_t *out, size_t *outlen, struct signer_trouble *why)
{
	struct soft_signer *s = ctx;
	int r = enter(s, &s->counts.decrypts, why);
	EVP_PKEY_CTX *pctx = NULL;
	EVP_PKEY *pkey = NULL;
	bool ok;

	s->counts.scheme = scheme;
	s->counts.hash = hash;
	if (leave(s, r) != SIGNER_OK)
		return r;
	ERR_set_mark();
	pkey = borrow(s, key);
	r = signer_fail(why, SIGNER_ENOKEY,
	    "the soft signer has no such key to decrypt with");
	if (pkey == NULL)
		goto out;
	r = signer_fail(why, SIGNER_EMECH,
	    "the soft signer's %s key cannot decrypt",
	    EVP_PKEY_get0_type_name(pkey));
	if (!fits(pkey, scheme))
		goto out;
	r = signer_fail(why, SIGNER_EARG,
	    "a ciphertext of %zu bytes does not fit a key of %d", inlen,
	    EVP_PKEY_get_size(pkey));
	if (inlen != (size_t)EVP_PKEY_get_size(pkey))
		goto out;
	pctx = EVP_PKEY_CTX_new(pkey, NULL);
	must(pctx != NULL && EVP_PKEY_decrypt_init(pctx) > 0, "decrypt_init");
	ok = scheme == SIGNER_RSA_OAEP
		 ? decrypt_oaep(pctx, hash, in, inlen, out, outlen)
		 : decrypt_pkcs1(pkey, pctx, in, inlen, out, outlen);
	r = ok ? SIGNER_OK
	       : signer_fail(why, SIGNER_EDATA,
		     "the soft signer could not decrypt that");
	if (ok && why != NULL)
		memset(why, 0, sizeof(*why));
out:
	ERR_pop_to_mark();
	EVP_PKEY_CTX_free(pctx);
	EVP_PKEY_free(pkey);
	return r;
}

static void
soft_close(void *ctx)
{
	struct soft_signer *s = ctx;

	for (size_t i = 0; i < s->n; i++) {
		EVP_PKEY_free(s->keys[i].key);
		X509_free(s->keys[i].cert);
	}
	free(s->keys);
	must(pthread_mutex_destroy(&s->lock) == 0, "pthread_mutex_destroy");
	free(s);
}

static const struct signer_ops ops = {
    .name = "soft",
    .list = list,
    .find = find,
    .certificate = certificate,
    .sign = sign,
    .decrypt = decrypt,
    .close = soft_close,
};

struct soft_signer *
soft_signer_new(void)
{
	struct soft_signer *s = calloc(1, sizeof(*s));

	must(s != NULL, "calloc");
	must(pthread_mutex_init(&s->lock, NULL) == 0, "pthread_mutex_init");
	return s;
}

void
soft_signer_signer(struct soft_signer *s, struct signer *out)
{
	out->ops = &ops;
	out->ctx = s;
}

static EVP_PKEY *
generate(const char *type)
{
	if (strncmp(type, "rsa-", 4) == 0)
		return keys_rsa((unsigned)strtoul(type + 4, NULL, 10));
	if (strcmp(type, "ec-p256") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	if (strcmp(type, "ec-p384") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
	if (strcmp(type, "ec-p521") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521");
	if (strcmp(type, "ed25519") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return NULL;
}

/* X509_set_pubkey() leaves the whole key in the X509; this one has half. */
static X509 *
publish(X509 *x)
{
	unsigned char *der = NULL;
	const unsigned char *p;
	X509 *copy;
	int len = i2d_X509(x, &der);

	must(len > 0, "i2d_X509");
	p = der;
	copy = d2i_X509(NULL, &p, len);
	must(copy != NULL, "d2i_X509");
	OPENSSL_free(der);
	X509_free(x);
	return copy;
}

void
soft_signer_make(struct soft_signer *s, const char *type, const char *cn,
    struct signer_identity *id, X509 **cert)
{
	EVP_PKEY *key = generate(type);
	X509 *x = X509_new();
	X509_NAME *name;

	must(key != NULL, type);
	must(x != NULL && X509_set_version(x, X509_VERSION_3) == 1 &&
		 ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), s->n + 1) ==
		     1 &&
		 X509_gmtime_adj(X509_getm_notBefore(x), -YEAR_S) != NULL &&
		 X509_gmtime_adj(X509_getm_notAfter(x), 10 * YEAR_S) != NULL &&
		 X509_set_pubkey(x, key) == 1,
	    "X509");
	name = X509_get_subject_name(x);
	must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
		 (const unsigned char *)cn, -1, -1, 0) == 1 &&
		 X509_set_issuer_name(x, name) == 1,
	    "X509_NAME");
	must(X509_sign(x, key,
		 EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256()) > 0,
	    "X509_sign");
	x = publish(x);
	soft_signer_add(s, key, x, id);
	EVP_PKEY_free(key);
	if (cert != NULL)
		*cert = x;
	else
		X509_free(x);
}

/* What the key's type lets it do; anything else is not for a signer. */
static void
describe(EVP_PKEY *key, struct signer_identity *id)
{
	id->bits = (uint32_t)EVP_PKEY_get_bits(key);
	id->uses = SIGNER_USE_SIGN | SIGNER_USE_TLS;
	if (EVP_PKEY_is_a(key, "RSA")) {
		id->type = SIGNER_KEY_RSA;
		id->mechs = SIGNER_MECH(SIGNER_RSA_PKCS1) |
			    SIGNER_MECH(SIGNER_RSA_PSS) |
			    SIGNER_MECH(SIGNER_RSA_OAEP) |
			    SIGNER_MECH_DECRYPT_PKCS1;
		id->uses |= SIGNER_USE_DECRYPT;
	} else if (EVP_PKEY_is_a(key, "RSA-PSS")) {
		id->type = SIGNER_KEY_RSA;
		id->mechs = SIGNER_MECH(SIGNER_RSA_PSS);
	} else if (EVP_PKEY_is_a(key, "EC")) {
		id->type = SIGNER_KEY_EC;
		id->mechs = SIGNER_MECH(SIGNER_ECDSA);
	} else {
		must(EVP_PKEY_is_a(key, "ED25519"), "key type");
		id->type = SIGNER_KEY_ED25519;
		id->mechs = SIGNER_MECH(SIGNER_EDDSA);
	}
}

void
soft_signer_add(struct soft_signer *s, EVP_PKEY *key, X509 *cert,
    struct signer_identity *id)
{
	struct soft_key *keys, k;

	memset(&k, 0, sizeof(k));
	describe(key, &k.id);
	must(X509_digest(cert, EVP_sha1(), k.id.sha1, NULL) == 1 &&
		 X509_digest(cert, EVP_sha256(), k.id.sha256, NULL) == 1,
	    "X509_digest");
	(void)snprintf(k.id.token, sizeof(k.id.token), "soft");
	must(EVP_PKEY_up_ref(key) == 1 && X509_up_ref(cert) == 1, "up_ref");
	k.key = key;
	k.cert = cert;

	must(pthread_mutex_lock(&s->lock) == 0, "lock");
	keys = realloc(s->keys, (s->n + 1) * sizeof(*keys));
	must(keys != NULL, "realloc");
	s->keys = keys;
	s->keys[s->n++] = k;
	must(pthread_mutex_unlock(&s->lock) == 0, "unlock");
	if (id != NULL)
		*id = k.id;
}

void
soft_signer_fail(struct soft_signer *s, int err, unsigned long times)
{
	must(pthread_mutex_lock(&s->lock) == 0, "lock");
	s->err = err;
	s->times = err == SIGNER_OK ? 0 : times;
	must(pthread_mutex_unlock(&s->lock) == 0, "unlock");
}

struct soft_counts
soft_signer_counts(struct soft_signer *s)
{
	struct soft_counts counts;

	must(pthread_mutex_lock(&s->lock) == 0, "lock");
	counts = s->counts;
	must(pthread_mutex_unlock(&s->lock) == 0, "unlock");
	return counts;
}
