#include <openssl/core_names.h>
#include <openssl/params.h>

#include "agent/evp/internal.h"
#include "version.h"

#define OURS "provider=" EVPPROV_NAME
#define RSA_NAMES "RSA:rsaEncryption:1.2.840.113549.1.1.1"
#define RSA_PSS_NAMES "RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10"
#define EC_NAMES "EC:id-ecPublicKey:1.2.840.10045.2.1"
#define ED25519_NAMES "ED25519:1.3.101.112"

static OSSL_FUNC_provider_gettable_params_fn gettable;
static OSSL_FUNC_provider_get_params_fn get;
static OSSL_FUNC_provider_query_operation_fn query;

static const OSSL_ALGORITHM keymgmts[] = {
    {RSA_NAMES, OURS, evpkeymgmt_rsa_functions, NULL},
    {RSA_PSS_NAMES, OURS, evpkeymgmt_rsa_functions, NULL},
    {EC_NAMES, OURS, evpkeymgmt_ec_functions, NULL},
    {ED25519_NAMES, OURS, evpkeymgmt_ed25519_functions, NULL},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM signatures[] = {
    {RSA_NAMES, OURS, evpsig_functions, NULL},
    {"ECDSA", OURS, evpsig_functions, NULL},
    {ED25519_NAMES, OURS, evpsig_ed25519_functions, NULL},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM ciphers[] = {
    {RSA_NAMES, OURS, evpcipher_functions, NULL},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *
query(void *provctx, int operation, int *no_cache)
{
	(void)provctx;
	*no_cache = 0;
	switch (operation) {
	case OSSL_OP_KEYMGMT:
		return keymgmts;
	case OSSL_OP_SIGNATURE:
		return signatures;
	case OSSL_OP_ASYM_CIPHER:
		return ciphers;
	default:
		return NULL;
	}
}

static const OSSL_PARAM *
gettable(void *provctx)
{
	static const OSSL_PARAM table[] = {
	    OSSL_PARAM_DEFN(OSSL_PROV_PARAM_NAME, OSSL_PARAM_UTF8_PTR, NULL, 0),
	    OSSL_PARAM_DEFN(
		OSSL_PROV_PARAM_VERSION, OSSL_PARAM_UTF8_PTR, NULL, 0),
	    OSSL_PARAM_DEFN(
		OSSL_PROV_PARAM_STATUS, OSSL_PARAM_INTEGER, NULL, 0),
	    OSSL_PARAM_END,
	};

	(void)provctx;
	return table;
}

static int
get(void *provctx, OSSL_PARAM params[])
{
	OSSL_PARAM *p;

	(void)provctx;
	p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME);
	if (p != NULL && !OSSL_PARAM_set_utf8_ptr(p, "Sealpoint signer"))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_VERSION);
	if (p != NULL && !OSSL_PARAM_set_utf8_ptr(p, SEALPOINT_VERSION))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
	return p == NULL || OSSL_PARAM_set_int(p, 1);
}

int
evpprov_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
    const OSSL_DISPATCH **out, void **provctx)
{
	static const OSSL_DISPATCH functions[] = {
	    {OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, (void (*)(void))gettable},
	    {OSSL_FUNC_PROVIDER_GET_PARAMS, (void (*)(void))get},
	    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
	    {0, NULL},
	};

	(void)handle;
	(void)in;
	*out = functions;
	*provctx = NULL; /* all state is in the keys */
	return 1;
}
