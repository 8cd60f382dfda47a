#include "mp/library/adapter.h"

#include <stdlib.h>
#include <string.h>

#include "mp/library/failure.h"

/* The public numbers are ours; the compiler holds them together. */
#define SAME(a, b) _Static_assert((int)(a) == (int)(b), #a)
SAME(SEALPOINT_SIGNER_OK, SIGNER_OK);
SAME(SEALPOINT_SIGNER_EARG, SIGNER_EARG);
SAME(SEALPOINT_SIGNER_EDENIED, SIGNER_EDENIED);
SAME(SEALPOINT_SIGNER_ENOKEY, SIGNER_ENOKEY);
SAME(SEALPOINT_SIGNER_EAMBIGUOUS, SIGNER_EAMBIGUOUS);
SAME(SEALPOINT_SIGNER_EMECH, SIGNER_EMECH);
SAME(SEALPOINT_SIGNER_EABSENT, SIGNER_EABSENT);
SAME(SEALPOINT_SIGNER_EPIN, SIGNER_EPIN);
SAME(SEALPOINT_SIGNER_EPINLOCKED, SIGNER_EPINLOCKED);
SAME(SEALPOINT_SIGNER_EBUSY, SIGNER_EBUSY);
SAME(SEALPOINT_SIGNER_ETIMEOUT, SIGNER_ETIMEOUT);
SAME(SEALPOINT_SIGNER_EDEVICE, SIGNER_EDEVICE);
SAME(SEALPOINT_SIGNER_EDATA, SIGNER_EDATA);
SAME(SEALPOINT_KEY_RSA, SIGNER_KEY_RSA);
SAME(SEALPOINT_KEY_EC, SIGNER_KEY_EC);
SAME(SEALPOINT_KEY_ED25519, SIGNER_KEY_ED25519);
SAME(SEALPOINT_DIGEST_NONE, SIGNER_HASH_NONE);
SAME(SEALPOINT_DIGEST_SHA1, SIGNER_SHA1);
SAME(SEALPOINT_DIGEST_SHA256, SIGNER_SHA256);
SAME(SEALPOINT_DIGEST_SHA384, SIGNER_SHA384);
SAME(SEALPOINT_DIGEST_SHA512, SIGNER_SHA512);
SAME(SEALPOINT_RSA_PKCS1, SIGNER_RSA_PKCS1);
SAME(SEALPOINT_RSA_PSS, SIGNER_RSA_PSS);
SAME(SEALPOINT_RSA_OAEP, SIGNER_RSA_OAEP);
SAME(SEALPOINT_ECDSA, SIGNER_ECDSA);
SAME(SEALPOINT_EDDSA, SIGNER_EDDSA);
SAME(SEALPOINT_MECHANISM_DECRYPT_PKCS1, SIGNER_MECH_DECRYPT_PKCS1);
SAME(SEALPOINT_USE_SIGN, SIGNER_USE_SIGN);
SAME(SEALPOINT_USE_DECRYPT, SIGNER_USE_DECRYPT);
SAME(SEALPOINT_USE_TLS, SIGNER_USE_TLS);
SAME(SEALPOINT_SIGNER_NAME_MAX, SIGNER_TOKEN_MAX);
SAME(SEALPOINT_SIGNER_TEXT_MAX, SIGNER_TEXT_MAX);

struct adapter {
	struct sealpoint_signer own;
};

/* What the program's function said, in our words. */
static int
tell(int err, struct sealpoint_signer_trouble *said, struct signer_trouble *why)
{
	if (err == SEALPOINT_SIGNER_OK || why == NULL)
		return err;
	said->text[sizeof(said->text) - 1] = '\0';
	why->ckr = said->ckr;
	why->retry = said->retry;
	if (said->text[0] != '\0')
		(void)signer_fail(why, err, "%s", said->text);
	/* A number that is none of ours must not pass for one. */
	if (err > 0 || err < SEALPOINT_SIGNER_EDATA)
		return signer_fail(why, SIGNER_EPROTO,
		    "the program's signer answered %d, which means nothing",
		    err);
	return err;
}

/* The library asks for one key by its thumbprint, never for all. */
static int
list(void *ctx, size_t from, struct signer_identity *ids, size_t max, size_t *n,
    struct signer_trouble *why)
{
	(void)ctx;
	(void)from;
	(void)ids;
	(void)max;
	*n = 0;
	return signer_fail(
	    why, SIGNER_EARG, "a program's own signer lists no keys");
}

static int
find(void *ctx, const uint8_t *thumb, size_t thumblen,
    struct signer_identity *id, struct signer_trouble *why)
{
	struct sealpoint_signer_identity theirs = {0};
	struct sealpoint_signer_trouble said = {0};
	const struct adapter *a = ctx;
	int r;

	r = tell(a->own.find(a->own.ctx, thumb, thumblen, &theirs, &said),
	    &said, why);
	if (r != SIGNER_OK)
		return r;
	memcpy(id->sha1, theirs.sha1, sizeof(id->sha1));
	memcpy(id->sha256, theirs.sha256, sizeof(id->sha256));
	id->type = (enum signer_keytype)theirs.type;
	id->bits = theirs.bits;
	id->mechs = theirs.mechanisms;
	id->uses = theirs.uses;
	memcpy(id->token, theirs.token, sizeof(id->token) - 1);
	if (memcmp(thumblen == SIGNER_SHA1_LEN ? id->sha1 : id->sha256, thumb,
		thumblen) != 0)
		return signer_fail(why, SIGNER_EPROTO,
		    "the program's signer found another certificate than the "
		    "one asked for");
	return SIGNER_OK;
}

static int
certificate(void *ctx, const uint8_t key[SIGNER_SHA256_LEN], unsigned depth,
    uint8_t *der, size_t *len, struct signer_trouble *why)
{
	struct sealpoint_signer_trouble said = {0};
	const struct adapter *a = ctx;

	return tell(a->own.certificate(a->own.ctx, key, depth, der, len, &said),
	    &said, why);
}

static int
sign(void *ctx, const uint8_t key[SIGNER_SHA256_LEN],
    const struct signer_sign *what, uint8_t *sig, size_t *siglen,
    struct signer_trouble *why)
{
	struct sealpoint_signer_request request = {
	    .scheme = (enum sealpoint_scheme)what->scheme,
	    .digest = (enum sealpoint_digest)what->hash,
	    .digested = what->digest,
	    .saltlen = what->saltlen,
	    .data = what->data,
	    .len = what->len,
	};
	struct sealpoint_signer_trouble said = {0};
	const struct adapter *a = ctx;

	return tell(a->own.sign(a->own.ctx, key, &request, sig, siglen, &said),
	    &said, why);
}

static int
decrypt(void *ctx, const uint8_t key[SIGNER_SHA256_LEN],
    enum signer_scheme scheme, enum signer_hash hash, const uint8_t *in,
    size_t inlen, uint8_t *out, size_t *outlen, struct signer_trouble *why)
{
	struct sealpoint_signer_trouble said = {0};
	const struct adapter *a = ctx;

	if (a->own.decrypt == NULL)
		return signer_fail(why, SIGNER_EMECH,
		    "the program's signer does not decrypt; give it a decrypt "
		    "function");
	return tell(
	    a->own.decrypt(a->own.ctx, key, (enum sealpoint_scheme)scheme,
		(enum sealpoint_digest)hash, in, inlen, out, outlen, &said),
	    &said, why);
}

static void
end(void *ctx)
{
	struct adapter *a = ctx;

	if (a->own.close != NULL)
		a->own.close(a->own.ctx);
	free(a);
}

int
adapter_signer(const struct sealpoint_signer *own, struct signer *out,
    struct sealpoint_failure *why)
{
	static const struct signer_ops ops = {
	    .name = "program",
	    .list = list,
	    .find = find,
	    .certificate = certificate,
	    .sign = sign,
	    .decrypt = decrypt,
	    .close = end,
	};
	struct adapter *a;

	memset(out, 0, sizeof(*out));
	if (own == NULL)
		return failure_missing(why, "the signer");
	if (own->size != sizeof(*own))
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    "the signer's size is %zu, and this library knows %zu; "
		    "set it to sizeof(struct sealpoint_signer), and compile "
		    "against the headers of this version",
		    own->size, sizeof(*own));
	if (own->find == NULL || own->certificate == NULL || own->sign == NULL)
		return failure_missing(
		    why, "a signer's function find, certificate or sign");
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return failure_memory(why);
	a->own = *own;
	out->ops = &ops;
	out->ctx = a;
	return SEALPOINT_OK;
}
