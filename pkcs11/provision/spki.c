#include "pkcs11/provision/spki.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <p11-kit/pkcs11.h>

struct parts {
	uint8_t info[SPKI_MAX], n[1024], e[16], params[32], point[160];
	size_t infolen, nlen, elen, paramslen, pointlen;
};

static int
parts_read(struct parts *p, struct module *m, unsigned long session,
    unsigned long object)
{
	struct module_attr attrs[] = {
	    {CKA_PUBLIC_KEY_INFO, p->info, sizeof(p->info)},
	    {CKA_MODULUS, p->n, sizeof(p->n)},
	    {CKA_PUBLIC_EXPONENT, p->e, sizeof(p->e)},
	    {CKA_EC_PARAMS, p->params, sizeof(p->params)},
	    {CKA_EC_POINT, p->point, sizeof(p->point)},
	};
	size_t *lens[] = {
	    &p->infolen, &p->nlen, &p->elen, &p->paramslen, &p->pointlen};

	if (!rv_ok(module_read(m, session, object, attrs, 5)))
		return -1;
	for (size_t i = 0; i < 5; i++)
		*lens[i] = attrs[i].len == MODULE_ATTR_NONE ? 0 : attrs[i].len;
	return 0;
}

static EVP_PKEY *
from_info(const struct parts *p)
{
	const uint8_t *at = p->info;

	return p->infolen == 0 ? NULL : d2i_PUBKEY(NULL, &at, (long)p->infolen);
}

static EVP_PKEY *
from_rsa(const struct parts *p)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *n = BN_bin2bn(p->n, (int)p->nlen, NULL);
	BIGNUM *e = BN_bin2bn(p->e, (int)p->elen, NULL);
	OSSL_PARAM *list = NULL;
	EVP_PKEY *key = NULL;

	if (p->nlen > 0 && p->elen > 0 && build != NULL && ctx != NULL &&
	    n != NULL && e != NULL &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		list = OSSL_PARAM_BLD_to_param(build);
	if (list != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, list);
	OSSL_PARAM_free(list);
	BN_free(n);
	BN_free(e);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_BLD_free(build);
	return key;
}

/* CKA_EC_POINT is an OCTET STRING; some tokens leave the frame away. */
static const uint8_t *
point_of(const struct parts *p, ASN1_OCTET_STRING **frame, size_t *len)
{
	const uint8_t *at = p->point;

	*frame = d2i_ASN1_OCTET_STRING(NULL, &at, (long)p->pointlen);
	*len = p->pointlen;
	if (*frame == NULL || at != p->point + p->pointlen)
		return p->point;
	*len = (size_t)ASN1_STRING_length(*frame);
	return ASN1_STRING_get0_data(*frame);
}

static EVP_PKEY *
from_ec(const struct parts *p)
{
	const char *group;
	const uint8_t *at = p->params, *point;
	ASN1_OBJECT *curve = d2i_ASN1_OBJECT(NULL, &at, (long)p->paramslen);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	ASN1_OCTET_STRING *frame = NULL;
	OSSL_PARAM *list = NULL;
	EVP_PKEY *key = NULL;
	size_t len;

	point = point_of(p, &frame, &len);
	group = curve == NULL ? NULL : OBJ_nid2sn(OBJ_obj2nid(curve));
	if (group != NULL && build != NULL && ctx != NULL && len > 0 &&
	    OSSL_PARAM_BLD_push_utf8_string(
		build, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(
		build, OSSL_PKEY_PARAM_PUB_KEY, point, len) == 1)
		list = OSSL_PARAM_BLD_to_param(build);
	if (list != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, list);
	OSSL_PARAM_free(list);
	ASN1_OCTET_STRING_free(frame);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_BLD_free(build);
	ASN1_OBJECT_free(curve);
	return key;
}

static const char *
name_of(enum token_keytype type)
{
	switch (type) {
	case TOKEN_RSA:
		return "RSA";
	case TOKEN_EC:
		return "EC";
	case TOKEN_ED25519:
		return "ED25519";
	}
	return "";
}

int
spki_read(struct module *m, unsigned long session, unsigned long object,
    enum token_keytype type, uint8_t der[SPKI_MAX], size_t *len)
{
	struct parts parts;
	EVP_PKEY *key = NULL;
	uint8_t *at = der;
	int n = -1;

	*len = 0;
	if (parts_read(&parts, m, session, object) != 0)
		return -1;
	if (type == TOKEN_RSA)
		key = from_rsa(&parts);
	else if (type == TOKEN_EC)
		key = from_ec(&parts);
	if (key == NULL)
		key = from_info(&parts);
	if (key != NULL && EVP_PKEY_is_a(key, name_of(type)) == 1)
		n = i2d_PUBKEY(key, NULL);
	if (n > 0 && n <= SPKI_MAX)
		*len = (size_t)i2d_PUBKEY(key, &at);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return *len > 0 ? 0 : -1;
}
