#include "agent/evp.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include "agent/evp/internal.h"

/* OpenSSL's names of what signers hash with, by enum signer_hash. */
static const char *const md_names[EVPMD_COUNT] = {
    [SIGNER_SHA1] = "SHA1",
    [SIGNER_SHA256] = "SHA2-256",
    [SIGNER_SHA384] = "SHA2-384",
    [SIGNER_SHA512] = "SHA2-512",
};

/* OpenSSL's newest reason; it stays in its queue until the mark is popped. */
static const char *
reason(void)
{
	const char *s = ERR_reason_error_string(ERR_peek_last_error());

	return s != NULL ? s : "no reason given";
}

/*
 * Digests come from the program's own library context, so its policy holds
 * (a FIPS provider's, say); one that it forbids is missing here.
 */
static void
fetch_digests(struct evp *e)
{
	ERR_set_mark();
	for (size_t i = 0; i < EVPMD_COUNT; i++)
		if (md_names[i] != NULL)
			e->md[i] = EVP_MD_fetch(NULL, md_names[i], NULL);
	ERR_pop_to_mark();
}

int
evp_open(struct evp **ep, struct signer_trouble *why)
{
	struct evp *e;
	int r;

	*ep = NULL;
	if (why != NULL)
		memset(why, 0, sizeof(*why));
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return signer_fail(why, SIGNER_ENOMEM,
		    "no memory for the OpenSSL provider of signer keys");
	atomic_init(&e->refs, 1);
	fetch_digests(e);
	ERR_set_mark();

	r = SIGNER_ENOMEM;
	e->libctx = OSSL_LIB_CTX_new();
	if (e->libctx == NULL)
		goto out;
	if (OSSL_PROVIDER_add_builtin(e->libctx, EVPPROV_NAME, evpprov_init) !=
	    1)
		goto out;
	e->prov = OSSL_PROVIDER_load(e->libctx, EVPPROV_NAME);
	if (e->prov == NULL)
		goto out;

	*ep = e;
	e = NULL;
	r = SIGNER_OK;
out:
	if (r != SIGNER_OK)
		(void)signer_fail(why, r,
		    "OpenSSL does not load the provider of signer keys (%s); "
		    "version 3.0 or newer is needed",
		    reason());
	ERR_pop_to_mark();
	evp_close(e);
	return r;
}

void
evp_ref(struct evp *e)
{
	(void)atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
}

void
evp_close(struct evp *e)
{
	if (e == NULL ||
	    atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (e->prov != NULL)
		(void)OSSL_PROVIDER_unload(e->prov);
	OSSL_LIB_CTX_free(e->libctx);
	for (size_t i = 0; i < EVPMD_COUNT; i++)
		EVP_MD_free(e->md[i]);
	free(e);
}

/* By any of its names ("SHA256", "SHA2-256", an OID); NONE if not ours. */
enum signer_hash
evp_hash(const struct evp *e, const char *name)
{
	for (int i = SIGNER_SHA1; i < EVPMD_COUNT; i++)
		if (e->md[i] != NULL && EVP_MD_is_a(e->md[i], name))
			return (enum signer_hash)i;
	return SIGNER_HASH_NONE;
}

int
evp_key(struct evp *e, const struct signer *s, const struct signer_identity *id,
    X509 *cert, EVP_PKEY **key, struct signer_trouble *why)
{
	OSSL_PARAM params[2];
	EVP_PKEY_CTX *ctx = NULL;
	struct evpkey *k = NULL;
	int r;

	*key = NULL;
	if (why != NULL)
		memset(why, 0, sizeof(*why));
	r = evpkey_new(&k, e, s, id, cert, why);
	if (r != SIGNER_OK)
		return r;

	ERR_set_mark();
	params[0] =
	    OSSL_PARAM_construct_octet_string(EVPKEY_PARAM, &k, sizeof(k));
	params[1] = OSSL_PARAM_construct_end();
	ctx = EVP_PKEY_CTX_new_from_name(e->libctx, evpkey_name(k), NULL);
	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, key, EVP_PKEY_KEYPAIR, params) <= 0) {
		EVP_PKEY_free(*key);
		*key = NULL;
		r = signer_fail(why, SIGNER_ENOMEM,
		    "OpenSSL does not take a signer's %s key (%s)",
		    evpkey_name(k), reason());
	}
	ERR_pop_to_mark();
	EVP_PKEY_CTX_free(ctx);
	evpkey_free(k);
	return r;
}
