#include <openssl/crypto.h>
#include <openssl/objects.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "agent/evp/internal.h"

#define SALT_DEFAULT 20 /* RFC 4055: bytes, left out of the DER */

/* A hash's own AlgorithmIdentifier; RFC 4055, 2.1 wants the NULL. */
static X509_ALGOR *
make_hash(const EVP_MD *md)
{
	X509_ALGOR *alg = X509_ALGOR_new();

	if (alg != NULL &&
	    X509_ALGOR_set0(
		alg, OBJ_nid2obj(EVP_MD_get_type(md)), V_ASN1_NULL, NULL) == 1)
		return alg;
	X509_ALGOR_free(alg);
	return NULL;
}

static X509_ALGOR *
make_mgf1(X509_ALGOR *hash)
{
	X509_ALGOR *alg = X509_ALGOR_new();
	ASN1_STRING *der;

	der = ASN1_item_pack(hash, ASN1_ITEM_rptr(X509_ALGOR), NULL);
	if (alg != NULL && der != NULL &&
	    X509_ALGOR_set0(alg, OBJ_nid2obj(NID_mgf1), V_ASN1_SEQUENCE, der) ==
		1)
		return alg;
	ASN1_STRING_free(der);
	X509_ALGOR_free(alg);
	return NULL;
}

/* RSASSA-PSS-params (RFC 4055, 3.1); what has its default is left out. */
static RSA_PSS_PARAMS *
make_params(const EVP_MD *md, int salt)
{
	RSA_PSS_PARAMS *pss = RSA_PSS_PARAMS_new();

	if (pss == NULL)
		goto fail;
	if (!EVP_MD_is_a(md, "SHA1")) {
		pss->hashAlgorithm = make_hash(md);
		if (pss->hashAlgorithm == NULL)
			goto fail;
		pss->maskGenAlgorithm = make_mgf1(pss->hashAlgorithm);
		if (pss->maskGenAlgorithm == NULL)
			goto fail;
	}
	if (salt == SALT_DEFAULT)
		return pss;
	pss->saltLength = ASN1_INTEGER_new();
	if (pss->saltLength != NULL &&
	    ASN1_INTEGER_set(pss->saltLength, salt) == 1)
		return pss;
fail:
	RSA_PSS_PARAMS_free(pss);
	return NULL;
}

static int
set_pss(X509_ALGOR *alg, const EVP_MD *md, int salt)
{
	RSA_PSS_PARAMS *pss;
	ASN1_STRING *der = NULL;

	if (salt < 0)
		return 0;
	pss = make_params(md, salt);
	if (pss != NULL)
		der = ASN1_item_pack(pss, ASN1_ITEM_rptr(RSA_PSS_PARAMS), NULL);
	RSA_PSS_PARAMS_free(pss);
	if (der != NULL && X509_ALGOR_set0(alg, OBJ_nid2obj(NID_rsassaPss),
			       V_ASN1_SEQUENCE, der) == 1)
		return 1;
	ASN1_STRING_free(der);
	return 0;
}

/* A hash and a key type that together have one name, sha256WithRSA... */
static int
set_pair(X509_ALGOR *alg, const EVP_MD *md, int key_nid, int params)
{
	int nid = NID_undef;

	return OBJ_find_sigid_by_algs(&nid, EVP_MD_get_type(md), key_nid) ==
		   1 &&
	       X509_ALGOR_set0(alg, OBJ_nid2obj(nid), params, NULL) == 1;
}

static int
fill(const struct evpsig *c, X509_ALGOR *alg)
{
	const EVP_MD *md = c->key->evp->md[c->hash];

	if (c->scheme == SIGNER_EDDSA)
		return X509_ALGOR_set0(
		    alg, OBJ_nid2obj(NID_ED25519), V_ASN1_UNDEF, NULL);
	if (md == NULL)
		return 0;
	switch (c->scheme) {
	case SIGNER_RSA_PKCS1:
		return set_pair(alg, md, NID_rsaEncryption, V_ASN1_NULL);
	case SIGNER_RSA_PSS:
		return set_pss(alg, md, evpsig_saltlen(c));
	case SIGNER_ECDSA:
		return set_pair(
		    alg, md, NID_X9_62_id_ecPublicKey, V_ASN1_UNDEF);
	case SIGNER_RSA_OAEP:
	case SIGNER_EDDSA:
		break;
	}
	return 0;
}

int
evpsig_algid(const struct evpsig *c, OSSL_PARAM *p)
{
	X509_ALGOR *alg = X509_ALGOR_new();
	unsigned char *der = NULL;
	int len, ok = 0;

	if (alg == NULL || !fill(c, alg))
		goto out;
	len = i2d_X509_ALGOR(alg, &der);
	if (len > 0)
		ok = OSSL_PARAM_set_octet_string(p, der, (size_t)len);
out:
	OPENSSL_free(der);
	X509_ALGOR_free(alg);
	return ok;
}
