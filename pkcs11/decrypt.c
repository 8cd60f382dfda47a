#include "pkcs11/decrypt.h"

#include <string.h>

#include <openssl/crypto.h>
#include <p11-kit/pkcs11.h>

#include "pkcs11/sign.h"

int
decrypt_prepare(struct decrypt_plan *plan, const struct key *k,
    const uint8_t seed[TOKEN_SEED_LEN], enum token_scheme scheme,
    enum token_hash hash, const uint8_t *in, size_t inlen, const char **reason)
{
	uint32_t bit = scheme == TOKEN_RSA_PKCS1  ? TOKEN_MECH_DECRYPT_PKCS1
		       : scheme == TOKEN_RSA_OAEP ? TOKEN_MECH(TOKEN_RSA_OAEP)
						  : 0;

	plan->scheme = scheme;
	plan->hash = hash;
	plan->in = in;
	plan->len = inlen;
	plan->raw = k->open_raw;
	*reason = "key and token do not decrypt with this scheme";
	if (k->pub.type != TOKEN_RSA || (k->mechs & bit) == 0)
		return TOKEN_EMECH;
	*reason = "the ciphertext must be as long as the key's modulus";
	if (inlen != pub_size(&k->pub) || inlen > REJECT_MAX)
		return TOKEN_EARG;
	if (scheme == TOKEN_RSA_OAEP) {
		*reason = "OAEP needs a hash that the modulus has room for";
		return sign_hash_len(hash) != 0 &&
			       2 * sign_hash_len(hash) + 2 <= inlen
			   ? TOKEN_OK
			   : TOKEN_EARG;
	}
	/* Always, and before the token is asked: its time tells nothing. */
	*reason = "libcrypto cannot compute a digest";
	return reject_make(&plan->reject, seed, k->pub.digest, in, inlen) == 0
		   ? TOKEN_OK
		   : TOKEN_ENOMEM;
}

/*
 * What C_Decrypt says of session, PIN, token or host, whatever the padding
 * is.
 * CKR_BUFFER_TOO_SMALL is not of it: it may speak of the message's length.
 */
static bool
unrelated(struct rv rv)
{
	enum rv_class class = rv_class(rv);

	return rv_lost(rv) || class == RV_BUSY || class == RV_PIN ||
	       class == RV_PINLOCKED || class == RV_MODULE ||
	       (class == RV_STALE && rv.value != CKR_BUFFER_TOO_SMALL);
}

/* The answer of a token that accepts the key and then dislikes OAEP's hash. */
static bool
fussy(struct rv rv)
{
	return rv.value == CKR_ARGUMENTS_BAD ||
	       rv.value == CKR_MECHANISM_PARAM_INVALID ||
	       rv.value == CKR_MECHANISM_INVALID;
}

/* Where it runs, and where the message goes. */
struct run {
	struct module *m;
	unsigned long session, handle;
	const struct key_permit *permit;
	uint8_t *out;
	size_t *outlen;
	int *err; /* of the permit */
};

/* Whether it began; if not, *rv or *err says why. */
static bool
begin(const struct run *r, const struct module_mech *mech, struct rv *rv)
{
	*rv = module_decrypt_init(r->m, r->session, r->handle, mech);
	if (rv_ok(*rv) && r->permit != NULL)
		*r->err = r->permit->get(r->permit->ctx, r->session, rv);
	return rv_ok(*rv) && *r->err == TOKEN_OK;
}

static struct rv
finish(const struct run *r, const struct decrypt_plan *plan)
{
	*r->outlen = plan->len;
	return module_decrypt(
	    r->m, r->session, plan->in, plan->len, r->out, r->outlen);
}

static struct rv
run_oaep(const struct run *r, const struct decrypt_plan *plan)
{
	static const struct {
		unsigned long mech, mgf;
	} names[] = {
	    [TOKEN_SHA1] = {CKM_SHA_1, CKG_MGF1_SHA1},
	    [TOKEN_SHA256] = {CKM_SHA256, CKG_MGF1_SHA256},
	    [TOKEN_SHA384] = {CKM_SHA384, CKG_MGF1_SHA384},
	    [TOKEN_SHA512] = {CKM_SHA512, CKG_MGF1_SHA512},
	};
	CK_RSA_PKCS_OAEP_PARAMS oaep = {names[plan->hash].mech,
	    names[plan->hash].mgf, CKZ_DATA_SPECIFIED, NULL, 0};
	struct module_mech mech = {CKM_RSA_PKCS_OAEP, &oaep, sizeof(oaep)};
	size_t max = plan->len - 2 * sign_hash_len(plan->hash) - 2;
	struct rv rv;

	if (!begin(r, &mech, &rv)) {
		if (*r->err == TOKEN_OK && fussy(rv))
			*r->err = TOKEN_EMECH;
		return rv;
	}
	rv = finish(r, plan);
	if (unrelated(rv))
		return rv;
	if (!rv_ok(rv) || *r->outlen > max) {
		*r->err = TOKEN_EDATA;
		rv.value = CKR_OK;
	}
	return rv;
}

/*
 * Without a look at the padding. Whether that is the answer: a token may
 * promise this and not do it, which has nothing to do with the padding.
 */
static bool
run_raw(const struct run *r, struct decrypt_plan *plan, struct rv *rv)
{
	struct module_mech mech = {CKM_RSA_X_509, NULL, 0};

	if (!begin(r, &mech, rv))
		return *r->err != TOKEN_OK || unrelated(*rv);
	*rv = finish(r, plan);
	if (unrelated(*rv))
		return true;
	if (rv_ok(*rv))
		reject_open(&plan->reject, r->out, plan->len, r->outlen);
	return rv_ok(*rv);
}

static struct rv
run_pkcs1(const struct run *r, struct decrypt_plan *plan)
{
	struct module_mech mech = {CKM_RSA_PKCS, NULL, 0};
	struct rv rv;

	if (plan->raw && run_raw(r, plan, &rv))
		return rv;
	if (!begin(r, &mech, &rv))
		return rv;
	rv = finish(r, plan);
	if (unrelated(rv))
		return rv;
	/*
	 * All else is an answer about the padding. Tokens give it many names:
	 * SoftHSM 2.6 says CKR_GENERAL_ERROR.
	 */
	reject_select(
	    &plan->reject, rv.value == CKR_OK, r->out, plan->len, r->outlen);
	rv.value = CKR_OK;
	return rv;
}

struct rv
decrypt_run(struct decrypt_plan *plan, struct module *m, unsigned long session,
    unsigned long handle, const struct key_permit *permit, uint8_t *out,
    size_t *outlen, int *err)
{
	const struct run run = {m, session, handle, permit, out, outlen, err};
	struct rv rv;

	*err = TOKEN_OK;
	*outlen = 0;
	memset(out, 0, plan->len);
	rv = plan->scheme == TOKEN_RSA_OAEP ? run_oaep(&run, plan)
					    : run_pkcs1(&run, plan);
	if (!rv_ok(rv) || *err != TOKEN_OK) {
		OPENSSL_cleanse(out, plan->len);
		*outlen = 0;
	}
	return rv;
}

void
decrypt_wipe(struct decrypt_plan *plan)
{
	OPENSSL_cleanse(plan, sizeof(*plan));
}
