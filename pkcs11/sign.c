#include "pkcs11/sign.h"

#include <string.h>

#include <p11-kit/pkcs11.h>

#include "pkcs11/pss.h"

/* DER of DigestInfo up to the digest: RFC 8017, section 9.2, note 1. */
static const struct hash {
	enum token_hash hash;
	size_t len;
	unsigned long mech, mgf;
	size_t prefixlen;
	uint8_t prefix[19];
} hashes[] = {
    {TOKEN_SHA1, 20, CKM_SHA_1, CKG_MGF1_SHA1, 15,
	{0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05,
	    0x00, 0x04, 0x14}},
    {TOKEN_SHA256, 32, CKM_SHA256, CKG_MGF1_SHA256, 19,
	{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
	    0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}},
    {TOKEN_SHA384, 48, CKM_SHA384, CKG_MGF1_SHA384, 19,
	{0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
	    0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30}},
    {TOKEN_SHA512, 64, CKM_SHA512, CKG_MGF1_SHA512, 19,
	{0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
	    0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40}},
};

static const struct hash *
look(enum token_hash hash)
{
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
		if (hashes[i].hash == hash)
			return &hashes[i];
	return NULL;
}

size_t
sign_hash_len(enum token_hash hash)
{
	const struct hash *h = look(hash);

	return h == NULL ? 0 : h->len;
}

static int
prepare_pkcs1(struct sign_plan *plan, const struct hash *h,
    const struct sign_request *req, const char **reason)
{
	memcpy(plan->buf, h->prefix, h->prefixlen);
	memcpy(plan->buf + h->prefixlen, req->digest, req->len);
	plan->mech = CKM_RSA_PKCS;
	plan->in = plan->buf;
	plan->inlen = h->prefixlen + req->len;
	*reason = "the key is too short for this hash";
	return plan->inlen + 11 <= plan->rawlen ? TOKEN_OK : TOKEN_EARG;
}

static int
prepare_pss(struct sign_plan *plan, const struct key *k, const struct hash *h,
    const struct sign_request *req, const char **reason)
{
	*reason = "the key is too short for this hash and salt";
	if (!pss_fits(h->len, req->saltlen, plan->bits))
		return TOKEN_EARG;
	if ((k->mechs & TOKEN_MECH_RAW_PSS) != 0) {
		*reason = "libcrypto cannot encode it";
		plan->mech = CKM_RSA_X_509;
		plan->in = plan->buf;
		plan->inlen = plan->rawlen;
		return pss_encode(req->hash, req->digest, req->len,
			   req->saltlen, plan->bits, plan->buf,
			   plan->inlen) == 0
			   ? TOKEN_OK
			   : TOKEN_ENOMEM;
	}
	plan->mech = CKM_RSA_PKCS_PSS;
	plan->pss[0] = h->mech;
	plan->pss[1] = h->mgf;
	plan->pss[2] = req->saltlen;
	plan->paramslen = sizeof(CK_RSA_PKCS_PSS_PARAMS);
	plan->in = req->digest;
	plan->inlen = req->len;
	return TOKEN_OK;
}

/* Bytes of SEQUENCE { INTEGER r, INTEGER s } at the most. */
static size_t
der_max(uint32_t bits)
{
	size_t number = 2 + (bits + 7) / 8 + (bits % 8 == 0);

	return 2 * number + (2 * number > 127 ? 3 : 2);
}

static int
prepare_ecdsa(struct sign_plan *plan, const struct sign_request *req)
{
	size_t size = (plan->bits + 7) / 8;

	plan->mech = CKM_ECDSA;
	plan->in = req->digest;
	/*
	 * ECDSA uses the leftmost bits only, as many as the group's order
	 * has; some tokens refuse more. For our curves these are bytes.
	 */
	plan->inlen = req->len < size ? req->len : size;
	plan->rawlen = 2 * size;
	plan->siglen = der_max(plan->bits);
	return TOKEN_OK;
}

static int
prepare_eddsa(
    struct sign_plan *plan, const struct sign_request *req, const char **reason)
{
	plan->mech = CKM_EDDSA;
	plan->in = req->digest;
	plan->inlen = req->len;
	plan->rawlen = plan->siglen = 64;
	*reason = "Ed25519 signs messages, not digests";
	return req->hash == TOKEN_HASH_NONE ? TOKEN_OK : TOKEN_EARG;
}

int
sign_prepare(struct sign_plan *plan, const struct key *k,
    const struct sign_request *req, const char **reason)
{
	const struct hash *h = look(req->hash);

	memset(plan, 0, sizeof(*plan));
	plan->scheme = req->scheme;
	plan->bits = k->pub.bits;
	plan->rawlen = plan->siglen = pub_size(&k->pub);
	*reason = "key and token do not offer this scheme; choose another";
	if (req->scheme < TOKEN_RSA_PKCS1 || req->scheme > TOKEN_EDDSA ||
	    req->scheme == TOKEN_RSA_OAEP ||
	    (k->mechs & TOKEN_MECH(req->scheme)) == 0)
		return TOKEN_EMECH;
	if (req->scheme == TOKEN_EDDSA)
		return prepare_eddsa(plan, req, reason);
	*reason = "hash and length of the digest do not fit together";
	if (h == NULL || req->len != h->len ||
	    (req->saltlen != 0 && req->scheme != TOKEN_RSA_PSS))
		return TOKEN_EARG;
	if (req->scheme == TOKEN_RSA_PKCS1)
		return prepare_pkcs1(plan, h, req, reason);
	if (req->scheme == TOKEN_RSA_PSS)
		return prepare_pss(plan, k, h, req, reason);
	return prepare_ecdsa(plan, req);
}

struct rv
sign_run(struct sign_plan *plan, struct module *m, unsigned long session,
    unsigned long handle, const struct key_permit *permit, uint8_t *raw,
    size_t *len, int *err)
{
	CK_RSA_PKCS_PSS_PARAMS pss = {plan->pss[0], plan->pss[1], plan->pss[2]};
	struct module_mech mech = {
	    plan->mech, plan->paramslen != 0 ? &pss : NULL, plan->paramslen};
	size_t room = *len;
	struct rv rv;

	*err = TOKEN_OK;
	*len = 0;
	rv = module_sign_init(m, session, handle, &mech);
	if (rv_ok(rv) && permit != NULL)
		*err = permit->get(permit->ctx, session, &rv);
	if (!rv_ok(rv) || *err != TOKEN_OK)
		return rv;
	*len = room;
	return module_sign(m, session, plan->in, plan->inlen, raw, len);
}

/* Appends one DER INTEGER; 0 if the number is zero. */
static size_t
put_integer(uint8_t *out, const uint8_t *number, size_t len)
{
	size_t pad;

	for (; len > 0 && *number == 0; len--)
		number++;
	if (len == 0)
		return 0;
	pad = number[0] >> 7;
	out[0] = 0x02;
	out[1] = (uint8_t)(len + pad);
	out[2] = 0;
	memcpy(out + 2 + pad, number, len);
	return 2 + pad + len;
}

/* r || s, as PKCS#11 has it, to SEQUENCE { INTEGER r, INTEGER s }. */
static int
der(const uint8_t *raw, size_t rawlen, uint8_t *sig, size_t room,
    size_t *siglen)
{
	uint8_t body[2 * (2 + 1 + 66)];
	size_t head = 0, half = rawlen / 2, r, s;

	if (half > 66)
		return TOKEN_EDEVICE;
	r = put_integer(body, raw, half);
	s = put_integer(body + r, raw + half, half);
	/* Numbers larger than the group has would not fit the caller's room. */
	if (r == 0 || s == 0 || (r + s > 127 ? 3 : 2) + r + s > room)
		return TOKEN_EDEVICE;
	sig[head++] = 0x30;
	if (r + s > 127)
		sig[head++] = 0x81;
	sig[head++] = (uint8_t)(r + s);
	memcpy(sig + head, body, r + s);
	*siglen = head + r + s;
	return TOKEN_OK;
}

int
sign_finish(const struct sign_plan *plan, const uint8_t *raw, size_t rawlen,
    uint8_t *sig, size_t *siglen)
{
	*siglen = 0;
	if (rawlen != plan->rawlen)
		return TOKEN_EDEVICE;
	if (plan->scheme == TOKEN_ECDSA)
		return der(raw, rawlen, sig, plan->siglen, siglen);
	memcpy(sig, raw, rawlen);
	*siglen = rawlen;
	return TOKEN_OK;
}
