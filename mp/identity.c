#include "mp/identity.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/sha.h>

#include "mp/hex.h"
#include "mp/idcache.h"
#include "mp/packer.h"
#include "mp/utf16.h"

#define MODULUS_MAX SIGNER_SIG_MAX /* bytes */

/* Parses a whole DER certificate; NULL if it is anything else. */
static X509 *
parse(const uint8_t *der, size_t len)
{
	const uint8_t *p = der;
	X509 *cert = d2i_X509(NULL, &p, (long)len);

	ERR_clear_error();
	if (cert != NULL && p != der + len) {
		X509_free(cert);
		return NULL;
	}
	return cert;
}

/* The leaf: parsed, and proven to be the one that was asked for. */
static int
load_leaf(struct mp_identity *me, struct mp_error *e)
{
	uint8_t der[SIGNER_CERT_MAX], hash[SHA256_DIGEST_LENGTH];
	size_t len = sizeof(der);
	struct signer_trouble why;
	struct mp_buf hex;

	if (signer_certificate(
		&me->signer, me->id.sha256, 0, der, &len, &why) != SIGNER_OK)
		return mp_fail(e, MP_ESIGNER,
		    "cannot get the certificate of key "
		    "%s: %s",
		    me->thumbprint, why.text);
	SHA256(der, len, hash);
	me->cert = parse(der, len);
	if (me->cert == NULL || memcmp(hash, me->id.sha256, sizeof(hash)) != 0)
		return mp_fail(e, MP_ESIGNER,
		    "the signer's certificate for key "
		    "%s on token %s is not the one asked for; look at the "
		    "token's certificates",
		    me->thumbprint, me->id.token);
	me->self_signed = X509_self_signed(me->cert, 1) == 1;
	ERR_clear_error();
	mp_buf_init(&hex, 2 * sizeof(der));
	mp_hex_add(&hex, der, len);
	if (!mp_buf_ok(&hex))
		return mp_fail(e, MP_ENOMEM, "no memory for a certificate");
	me->cert_hex = (char *)hex.data;
	return MP_OK;
}

/* The issuers that the signer knows; none is no failure. */
static int
load_chain(struct mp_identity *me, struct mp_error *e)
{
	uint8_t der[SIGNER_CERT_MAX];
	struct signer_trouble why;

	for (unsigned depth = 1; depth < SIGNER_CHAIN_MAX; depth++) {
		size_t len = sizeof(der);
		int r = signer_certificate(
		    &me->signer, me->id.sha256, depth, der, &len, &why);

		if (r == SIGNER_ENOKEY)
			return MP_OK;
		if (r != SIGNER_OK)
			return mp_fail(e, MP_ESIGNER,
			    "cannot get the chain of "
			    "key %s: %s",
			    me->thumbprint, why.text);
		me->chain[me->nchain] = parse(der, len);
		if (me->chain[me->nchain] == NULL)
			return mp_fail(e, MP_ESIGNER,
			    "certificate %u of the "
			    "chain of key %s on token %s cannot be read",
			    depth, me->thumbprint, me->id.token);
		me->nchain++;
	}
	return MP_OK;
}

static void
put_le32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* CryptoAPI's PUBLICKEYBLOB of an RSA key (wire-facts 3.4). */
static int
make_blob(const BIGNUM *n, const BIGNUM *exponent, struct mp_buf *hex)
{
	uint8_t blob[20 + MODULUS_MAX] = {
	    0x06, 0x02, 0, 0, 0x00, 0xA4, 0, 0, 'R', 'S', 'A', '1'};
	int bytes = BN_num_bytes(n);

	if (bytes <= 0 || bytes > MODULUS_MAX || BN_num_bits(exponent) > 32)
		return -1;
	put_le32(blob + 12, 8 * (uint32_t)bytes);
	put_le32(blob + 16, (uint32_t)BN_get_word(exponent));
	if (BN_bn2lebinpad(n, blob + 20, bytes) != bytes)
		return -1;
	mp_hex_add(hex, blob, 20 + (size_t)bytes);
	return mp_buf_ok(hex) ? 0 : -1;
}

static int
load_public(struct mp_identity *me, struct mp_error *e)
{
	EVP_PKEY *pub = X509_get0_pubkey(me->cert);
	BIGNUM *n = NULL, *exponent = NULL;
	struct mp_buf hex;
	int r = MP_OK;

	mp_buf_init(&hex, 2 * (20 + MODULUS_MAX));
	if (pub == NULL || !EVP_PKEY_is_a(pub, "RSA") ||
	    !EVP_PKEY_get_bn_param(pub, OSSL_PKEY_PARAM_RSA_N, &n) ||
	    !EVP_PKEY_get_bn_param(pub, OSSL_PKEY_PARAM_RSA_E, &exponent) ||
	    make_blob(n, exponent, &hex) != 0) {
		r = mp_fail(e, MP_EARG,
		    "the public key of %s cannot be written "
		    "as management points want it: RSA of up to %d bits only",
		    me->thumbprint, 8 * MODULUS_MAX);
		mp_buf_release(&hex);
	}
	me->public_hex = (char *)hex.data;
	BN_free(n);
	BN_free(exponent);
	ERR_clear_error();
	return r;
}

static int
find(struct mp_identity *me, const uint8_t *thumb, size_t thumblen,
    struct mp_error *e)
{
	struct signer_trouble why;
	struct mp_buf hex;

	mp_buf_init(&hex, sizeof(me->thumbprint) - 1);
	mp_hex_add(&hex, thumb,
	    thumblen < SIGNER_SHA1_LEN ? thumblen : SIGNER_SHA1_LEN);
	if (mp_buf_ok(&hex) && hex.len > 0)
		memcpy(me->thumbprint, hex.data, hex.len + 1);
	mp_buf_release(&hex);
	if (signer_find(&me->signer, thumb, thumblen, &me->id, &why) !=
	    SIGNER_OK)
		return mp_fail(e, MP_ESIGNER, "key %s%s: %s", me->thumbprint,
		    thumblen > SIGNER_SHA1_LEN ? "..." : "", why.text);
	mp_buf_init(&hex, sizeof(me->thumbprint) - 1);
	mp_hex_add(&hex, me->id.sha1, SIGNER_SHA1_LEN);
	if (mp_buf_ok(&hex))
		memcpy(me->thumbprint, hex.data, sizeof(me->thumbprint));
	mp_buf_release(&hex);
	if (me->id.type != SIGNER_KEY_RSA)
		return mp_fail(e, MP_EARG,
		    "key %s on token %s is no RSA key; "
		    "management points know no other, so choose a certificate "
		    "with an RSA key",
		    me->thumbprint, me->id.token);
	return MP_OK;
}

int
mp_identity_open(struct mp_identity *me, struct evp *evp,
    const struct signer *s, const uint8_t *thumb, size_t thumblen,
    struct mp_error *e)
{
	struct signer_trouble why;
	int r;

	memset(me, 0, sizeof(*me));
	me->signer = *s;
	me->evp = evp;
	if ((r = find(me, thumb, thumblen, e)) != MP_OK ||
	    (r = load_leaf(me, e)) != MP_OK ||
	    (r = load_chain(me, e)) != MP_OK ||
	    (r = load_public(me, e)) != MP_OK)
		goto out;
	me->cache = mp_idcache_new();
	me->packer = mp_packer_new();
	if (me->cache == NULL || me->packer == NULL) {
		r = mp_fail(e, MP_ENOMEM, "no memory for an identity");
		goto out;
	}
	if (evp_key(evp, s, &me->id, me->cert, &me->key, &why) != SIGNER_OK)
		r = mp_fail(e, MP_ESIGNER, "cannot make a key of %s: %s",
		    me->thumbprint, why.text);
out:
	if (r != MP_OK)
		mp_identity_close(me);
	return r;
}

void
mp_identity_close(struct mp_identity *me)
{
	if (me == NULL)
		return;
	EVP_PKEY_free(me->key);
	X509_free(me->cert);
	for (unsigned i = 0; i < me->nchain; i++)
		X509_free(me->chain[i]);
	free(me->cert_hex);
	free(me->public_hex);
	mp_idcache_free(me->cache);
	mp_packer_free(me->packer);
	memset(me, 0, sizeof(*me));
}

int
mp_identity_validity(const struct mp_identity *me, int64_t now)
{
	time_t t = (time_t)now;

	if (X509_cmp_time(X509_get0_notBefore(me->cert), &t) > 0)
		return -1;
	if (X509_cmp_time(X509_get0_notAfter(me->cert), &t) < 0)
		return 1;
	return 0;
}

int
mp_identity_sign_digest(const struct mp_identity *me, enum mp_hash hash,
    const uint8_t *digest, size_t len, struct mp_buf *hex, struct mp_error *e)
{
	struct signer_sign what = {.scheme = SIGNER_RSA_PKCS1,
	    .digest = true,
	    .hash = hash == MP_SHA1 ? SIGNER_SHA1 : SIGNER_SHA256,
	    .data = digest,
	    .len = len};
	uint8_t sig[SIGNER_SIG_MAX];
	size_t siglen = sizeof(sig);
	struct signer_trouble why;

	if (signer_sign(&me->signer, me->id.sha256, &what, sig, &siglen,
		&why) != SIGNER_OK)
		return mp_fail(e, MP_ESIGNER,
		    "cannot sign with key %s on "
		    "token %s: %s",
		    me->thumbprint, me->id.token, why.text);
	mp_hex_add_reversed(hex, sig, siglen);
	if (!mp_buf_ok(hex))
		return mp_fail(e, MP_ENOMEM, "no room for a signature");
	return MP_OK;
}

int
mp_identity_sign(const struct mp_identity *me, enum mp_hash hash,
    const uint8_t *data, size_t len, struct mp_buf *hex, struct mp_error *e)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned digestlen = 0;

	if (EVP_Digest(data, len, digest, &digestlen,
		hash == MP_SHA1 ? EVP_sha1() : EVP_sha256(), NULL) != 1)
		return mp_fail(e, MP_ENOMEM, "cannot hash %zu bytes", len);
	return mp_identity_sign_digest(me, hash, digest, digestlen, hex, e);
}

int
mp_identity_sign_text(const struct mp_identity *me, enum mp_hash hash,
    const char *text, struct mp_buf *hex, struct mp_error *e)
{
	struct mp_buf wide;
	int r;

	mp_buf_init(&wide, SIGNER_TBS_MAX);
	r = mp_utf16_add(&wide, text, strlen(text), e);
	mp_buf_add(&wide, "\0", 2);
	if (r == MP_OK && !mp_buf_ok(&wide))
		r = mp_fail(e, MP_ELIMIT, "the text to be signed is too long");
	if (r == MP_OK)
		r = mp_identity_sign(me, hash, wide.data, wide.len, hex, e);
	mp_buf_release(&wide);
	return r;
}

int
mp_identity_sign_id(const struct mp_identity *me, enum mp_hash hash,
    const char *smsid, struct mp_buf *hex, struct mp_error *e)
{
	size_t start = hex->len;
	int r;

	if (mp_idcache_get(me->cache, hash, smsid, hex))
		return mp_buf_ok(hex)
			   ? MP_OK
			   : mp_fail(e, MP_ENOMEM, "no room for a signature");
	r = mp_identity_sign_text(me, hash, smsid, hex, e);
	if (r == MP_OK)
		mp_idcache_put(me->cache, hash, smsid,
		    (const char *)hex->data + start, hex->len - start);
	return r;
}
