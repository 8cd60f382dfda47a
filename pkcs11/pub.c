#include "pkcs11/pub.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#define EXPONENT_MAX 8 /* bytes of an RSA public exponent */
#define MODULUS_MAX (PUB_RSA_MAX / 8)

struct curve {
	uint32_t bits;
	const char *name;
	uint8_t oid[10];
	size_t oidlen;
};

static const struct curve curves[] = {
    {256, "prime256v1",
	{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}, 10},
    {384, "secp384r1", {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22}, 7},
    {521, "secp521r1", {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23}, 7},
};

static const struct curve *
curve_by_params(const uint8_t *params, size_t len)
{
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (len == curves[i].oidlen &&
		    memcmp(params, curves[i].oid, len) == 0)
			return &curves[i];
	return NULL;
}

static const struct curve *
curve_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (strcmp(name, curves[i].name) == 0)
			return &curves[i];
	return NULL;
}

/* Digests type, bits and two numbers, each of a length that type and bits
 * determine. */
static int
settle(struct pub *p, enum token_keytype type, uint32_t bits, const uint8_t *a,
    size_t alen, const uint8_t *b, size_t blen)
{
	uint8_t head[5] = {(uint8_t)type, (uint8_t)(bits >> 24),
	    (uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits};
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok;

	ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
	     EVP_DigestUpdate(ctx, head, sizeof(head)) == 1 &&
	     EVP_DigestUpdate(ctx, a, alen) == 1 &&
	     EVP_DigestUpdate(ctx, b, blen) == 1 &&
	     EVP_DigestFinal_ex(ctx, p->digest, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	if (!ok) {
		memset(p, 0, sizeof(*p));
		return -1;
	}
	p->type = type;
	p->bits = bits;
	return 0;
}

int
pub_rsa(
    struct pub *p, const uint8_t *n, size_t nlen, const uint8_t *e, size_t elen)
{
	uint8_t exponent[EXPONENT_MAX] = {0};
	uint32_t bits;

	memset(p, 0, sizeof(*p));
	for (; nlen > 0 && *n == 0; nlen--)
		n++;
	for (; elen > 0 && *e == 0; elen--)
		e++;
	if (nlen == 0 || nlen > MODULUS_MAX || elen == 0 || elen > EXPONENT_MAX)
		return -1;
	bits = (uint32_t)nlen * 8;
	for (uint8_t top = n[0]; (top & 0x80) == 0; top = (uint8_t)(top << 1))
		bits--;
	if (bits < PUB_RSA_MIN)
		return -1;
	memcpy(exponent + EXPONENT_MAX - elen, e, elen);
	return settle(p, TOKEN_RSA, bits, n, nlen, exponent, sizeof(exponent));
}

int
pub_ed25519(struct pub *p, const uint8_t *point, size_t pointlen)
{
	memset(p, 0, sizeof(*p));
	/* As an OCTET STRING, or, from older tokens, as a BIT STRING. */
	if (pointlen == 34 && point[0] == 0x04 && point[1] == 32) {
		point += 2;
		pointlen -= 2;
	} else if (pointlen == 35 && point[0] == 0x03 && point[1] == 33 &&
		   point[2] == 0) {
		point += 3;
		pointlen -= 3;
	}
	if (pointlen != 32)
		return -1;
	return settle(p, TOKEN_ED25519, 256, point, pointlen, point, 0);
}

static int
from_rsa(struct pub *p, const EVP_PKEY *key)
{
	uint8_t n[MODULUS_MAX], e[EXPONENT_MAX];
	BIGNUM *bn = NULL, *be = NULL;
	int nlen, elen, r = -1;

	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &bn) != 1 ||
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &be) != 1)
		goto out;
	nlen = BN_num_bytes(bn);
	elen = BN_num_bytes(be);
	if (nlen > MODULUS_MAX || elen > EXPONENT_MAX)
		goto out;
	(void)BN_bn2bin(bn, n);
	(void)BN_bn2bin(be, e);
	r = pub_rsa(p, n, (size_t)nlen, e, (size_t)elen);
out:
	BN_free(bn);
	BN_free(be);
	return r;
}

static int
from_ec(struct pub *p, const EVP_PKEY *key)
{
	const struct curve *curve;
	uint8_t x[66], y[66];
	BIGNUM *bx = NULL, *by = NULL;
	char name[32];
	int size, r = -1;

	if (EVP_PKEY_get_group_name(key, name, sizeof(name), NULL) != 1)
		return -1;
	curve = curve_by_name(name);
	if (curve == NULL ||
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &bx) != 1 ||
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &by) != 1)
		goto out;
	size = (int)(curve->bits + 7) / 8;
	if (BN_bn2binpad(bx, x, size) != size ||
	    BN_bn2binpad(by, y, size) != size)
		goto out;
	r = settle(p, TOKEN_EC, curve->bits, x, (size_t)size, y, (size_t)size);
out:
	BN_free(bx);
	BN_free(by);
	return r;
}

static int
from_key(struct pub *p, const EVP_PKEY *key)
{
	uint8_t raw[32];
	size_t len = sizeof(raw);

	if (EVP_PKEY_is_a(key, "RSA") == 1)
		return from_rsa(p, key);
	if (EVP_PKEY_is_a(key, "EC") == 1)
		return from_ec(p, key);
	if (EVP_PKEY_is_a(key, "ED25519") == 1 &&
	    EVP_PKEY_get_raw_public_key(key, raw, &len) == 1)
		return pub_ed25519(p, raw, len);
	return -1;
}

int
pub_spki(struct pub *p, const uint8_t *der, size_t len)
{
	const uint8_t *at = der;
	EVP_PKEY *key;
	int r = -1;

	memset(p, 0, sizeof(*p));
	if (len == 0 || len > 4096)
		return -1;
	key = d2i_PUBKEY(NULL, &at, (long)len);
	if (key != NULL && at == der + len)
		r = from_key(p, key);
	EVP_PKEY_free(key);
	return r;
}

/* Takes the DER frame of an OCTET STRING off, if it is one all through. */
static const uint8_t *
unframe(const uint8_t *point, size_t *len)
{
	if (*len > 2 && point[0] == 0x04 && point[1] < 0x80 &&
	    point[1] == *len - 2) {
		*len -= 2;
		return point + 2;
	}
	if (*len > 3 && point[0] == 0x04 && point[1] == 0x81 &&
	    point[2] == *len - 3) {
		*len -= 3;
		return point + 3;
	}
	return point;
}

int
pub_ec(struct pub *p, const uint8_t *params, size_t paramslen,
    const uint8_t *point, size_t pointlen)
{
	const struct curve *curve = curve_by_params(params, paramslen);
	OSSL_PARAM_BLD *build = NULL;
	OSSL_PARAM *list = NULL;
	EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *key = NULL;
	int r = -1;

	memset(p, 0, sizeof(*p));
	if (curve == NULL || pointlen == 0 || pointlen > 160)
		return -1;
	/* A bare point of these lengths never looks like a framed one. */
	point = unframe(point, &pointlen);
	build = OSSL_PARAM_BLD_new();
	ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	if (build == NULL || ctx == NULL ||
	    OSSL_PARAM_BLD_push_utf8_string(
		build, OSSL_PKEY_PARAM_GROUP_NAME, curve->name, 0) != 1 ||
	    OSSL_PARAM_BLD_push_octet_string(
		build, OSSL_PKEY_PARAM_PUB_KEY, point, pointlen) != 1)
		goto out;
	list = OSSL_PARAM_BLD_to_param(build);
	if (list == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, list) != 1)
		goto out;
	r = from_key(p, key);
out:
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(list);
	OSSL_PARAM_BLD_free(build);
	return r;
}

bool
pub_same(const struct pub *a, const struct pub *b)
{
	return a->type == b->type && a->bits == b->bits && pub_order(a, b) == 0;
}

int
pub_order(const struct pub *a, const struct pub *b)
{
	return memcmp(a->digest, b->digest, sizeof(a->digest));
}

uint32_t
pub_curve_bits(const uint8_t *params, size_t len)
{
	const struct curve *curve = curve_by_params(params, len);

	return curve == NULL ? 0 : curve->bits;
}

size_t
pub_size(const struct pub *p)
{
	return (p->bits + 7) / 8;
}
