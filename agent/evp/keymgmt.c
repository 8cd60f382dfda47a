#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/proverr.h>

#include "agent/evp/internal.h"

#define BIGNUM(name) OSSL_PARAM_BN(name, NULL, 0)
#define TEXT(name) OSSL_PARAM_utf8_string(name, NULL, 0)
#define BYTES(name) OSSL_PARAM_octet_string(name, NULL, 0)
#define NUMBER(name) OSSL_PARAM_int(name, NULL)

/* What every key tells of itself. */
#define COMMON                                                               \
	NUMBER(OSSL_PKEY_PARAM_BITS), NUMBER(OSSL_PKEY_PARAM_SECURITY_BITS), \
	    NUMBER(OSSL_PKEY_PARAM_MAX_SIZE),                                \
	    TEXT(OSSL_PKEY_PARAM_DEFAULT_DIGEST),                            \
	    TEXT(OSSL_PKEY_PARAM_MANDATORY_DIGEST)

static OSSL_FUNC_keymgmt_new_fn make;
static OSSL_FUNC_keymgmt_free_fn release;
static OSSL_FUNC_keymgmt_has_fn has;
static OSSL_FUNC_keymgmt_import_fn import;
static OSSL_FUNC_keymgmt_import_types_fn import_types;
static OSSL_FUNC_keymgmt_export_fn export;
static OSSL_FUNC_keymgmt_export_types_fn rsa_export_types, ec_export_types,
    ed25519_export_types;
static OSSL_FUNC_keymgmt_get_params_fn get;
static OSSL_FUNC_keymgmt_gettable_params_fn rsa_gettable, ec_gettable,
    ed25519_gettable;
static OSSL_FUNC_keymgmt_query_operation_name_fn rsa_name, ec_name,
    ed25519_name;

static void *
make(void *provctx)
{
	(void)provctx;
	return calloc(1, sizeof(struct evpref));
}

static void
release(void *keydata)
{
	struct evpref *ref = keydata;

	if (ref == NULL)
		return;
	evpkey_free(ref->key);
	free(ref);
}

/* A signer's key has both halves; that we hold only one is not to be seen. */
static int
has(const void *keydata, int selection)
{
	const struct evpref *ref = keydata;

	(void)selection;
	return ref != NULL && ref->key != NULL;
}

/*
 * Takes evp_key()'s reference and nothing else. A public key offered here
 * is refused, and OpenSSL compares keys in the other's provider instead.
 */
static int
import(void *keydata, int selection, const OSSL_PARAM params[])
{
	struct evpref *ref = keydata;
	struct evpkey *key = NULL;
	const OSSL_PARAM *p;

	p = OSSL_PARAM_locate_const(params, EVPKEY_PARAM);
	if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 || p == NULL ||
	    p->data_type != OSSL_PARAM_OCTET_STRING ||
	    p->data_size != sizeof(key) || ref->key != NULL)
		return 0;
	memcpy(&key, p->data, sizeof(key));
	ref->key = evpkey_ref(key);
	return 1;
}

static const OSSL_PARAM *
import_types(int selection)
{
	static const OSSL_PARAM table[] = {
	    BYTES(EVPKEY_PARAM),
	    OSSL_PARAM_END,
	};

	return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 ? table
								  : NULL;
}

/*
 * The public half alone. A request that includes the private key must fail
 * whole: given the public half, OpenSSL would go on to sign with that, in a
 * provider that has no private key.
 */
static int export(void *keydata, int selection, OSSL_CALLBACK *take, void *arg)
{
	const struct evpref *ref = keydata;

	if (ref->key == NULL ||
	    (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
		return 0;
	return EVP_PKEY_export(ref->key->pub, selection, take, arg);
}

static const OSSL_PARAM *
rsa_export_types(int selection)
{
	static const OSSL_PARAM table[] = {
	    BIGNUM(OSSL_PKEY_PARAM_RSA_N),
	    BIGNUM(OSSL_PKEY_PARAM_RSA_E),
	    OSSL_PARAM_END,
	};

	return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 ? table
								  : NULL;
}

static const OSSL_PARAM *
ec_export_types(int selection)
{
	static const OSSL_PARAM table[] = {
	    TEXT(OSSL_PKEY_PARAM_GROUP_NAME),
	    BYTES(OSSL_PKEY_PARAM_PUB_KEY),
	    OSSL_PARAM_END,
	};

	return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 ? table
								  : NULL;
}

static const OSSL_PARAM *
ed25519_export_types(int selection)
{
	static const OSSL_PARAM table[] = {
	    BYTES(OSSL_PKEY_PARAM_PUB_KEY),
	    OSSL_PARAM_END,
	};

	return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 ? table
								  : NULL;
}

/* The public key knows all that may be asked. */
static int
get(void *keydata, OSSL_PARAM params[])
{
	const struct evpref *ref = keydata;

	return ref->key != NULL && EVP_PKEY_get_params(ref->key->pub, params);
}

static const OSSL_PARAM *
rsa_gettable(void *provctx)
{
	static const OSSL_PARAM table[] = {
	    COMMON,
	    BIGNUM(OSSL_PKEY_PARAM_RSA_N),
	    BIGNUM(OSSL_PKEY_PARAM_RSA_E),
	    OSSL_PARAM_END,
	};

	(void)provctx;
	return table;
}

static const OSSL_PARAM *
ec_gettable(void *provctx)
{
	static const OSSL_PARAM table[] = {
	    COMMON,
	    TEXT(OSSL_PKEY_PARAM_GROUP_NAME),
	    BYTES(OSSL_PKEY_PARAM_PUB_KEY),
	    BYTES(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY),
	    BIGNUM(OSSL_PKEY_PARAM_EC_PUB_X),
	    BIGNUM(OSSL_PKEY_PARAM_EC_PUB_Y),
	    OSSL_PARAM_END,
	};

	(void)provctx;
	return table;
}

static const OSSL_PARAM *
ed25519_gettable(void *provctx)
{
	static const OSSL_PARAM table[] = {
	    COMMON,
	    BYTES(OSSL_PKEY_PARAM_PUB_KEY),
	    OSSL_PARAM_END,
	};

	(void)provctx;
	return table;
}

/* Which algorithm a key of this type signs or decrypts with. */
static const char *
rsa_name(int operation)
{
	(void)operation;
	return "RSA";
}

static const char *
ec_name(int operation)
{
	(void)operation;
	return "ECDSA";
}

static const char *
ed25519_name(int operation)
{
	(void)operation;
	return "ED25519";
}

#define ROW(id, f)                                          \
	{                                                   \
		OSSL_FUNC_KEYMGMT_##id, (void (*)(void))(f) \
	}
#define ROWS(type)                                                       \
	ROW(NEW, make), ROW(FREE, release), ROW(HAS, has),               \
	    ROW(IMPORT, import), ROW(IMPORT_TYPES, import_types),        \
	    ROW(EXPORT, export), ROW(EXPORT_TYPES, type##_export_types), \
	    ROW(GET_PARAMS, get), ROW(GETTABLE_PARAMS, type##_gettable), \
	    ROW(QUERY_OPERATION_NAME, type##_name),                      \
	{                                                                \
		0, NULL                                                  \
	}

const OSSL_DISPATCH evpkeymgmt_rsa_functions[] = {ROWS(rsa)};
const OSSL_DISPATCH evpkeymgmt_ec_functions[] = {ROWS(ec)};
const OSSL_DISPATCH evpkeymgmt_ed25519_functions[] = {ROWS(ed25519)};
