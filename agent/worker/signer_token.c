#include "agent/worker/signer_token.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "agent/hash.h"

/* The waist and the token number things alike; the cast below is a copy. */
static_assert((int)SIGNER_KEY_RSA == (int)TOKEN_RSA &&
		  (int)SIGNER_KEY_EC == (int)TOKEN_EC &&
		  (int)SIGNER_KEY_ED25519 == (int)TOKEN_ED25519,
    "key types");
static_assert((int)SIGNER_SHA1 == (int)TOKEN_SHA1 &&
		  (int)SIGNER_SHA256 == (int)TOKEN_SHA256 &&
		  (int)SIGNER_SHA384 == (int)TOKEN_SHA384 &&
		  (int)SIGNER_SHA512 == (int)TOKEN_SHA512,
    "hashes");
static_assert((int)SIGNER_RSA_PKCS1 == (int)TOKEN_RSA_PKCS1 &&
		  (int)SIGNER_RSA_PSS == (int)TOKEN_RSA_PSS &&
		  (int)SIGNER_RSA_OAEP == (int)TOKEN_RSA_OAEP &&
		  (int)SIGNER_ECDSA == (int)TOKEN_ECDSA &&
		  (int)SIGNER_EDDSA == (int)TOKEN_EDDSA,
    "schemes");
static_assert(SIGNER_MECH_DECRYPT_PKCS1 == TOKEN_MECH_DECRYPT_PKCS1 &&
		  SIGNER_MECH_RAW_PSS == TOKEN_MECH_RAW_PSS,
    "mechanism bits");

int
signer_err_from_token(int err)
{
	switch ((enum token_err)err) {
	case TOKEN_OK:
		return SIGNER_OK;
	case TOKEN_ECONFIG:
	case TOKEN_EMODULE:
	case TOKEN_EDEVICE:
		return SIGNER_EDEVICE;
	case TOKEN_EABSENT:
	case TOKEN_EAMBIGUOUS: /* of tokens: none of them is the one */
		return SIGNER_EABSENT;
	case TOKEN_EPIN:
		return SIGNER_EPIN;
	case TOKEN_EPINLOCKED:
		return SIGNER_EPINLOCKED;
	case TOKEN_ENOKEY:
		return SIGNER_ENOKEY;
	case TOKEN_EMECH:
		return SIGNER_EMECH;
	case TOKEN_EARG:
		return SIGNER_EARG;
	case TOKEN_EBUSY:
		return SIGNER_EBUSY;
	case TOKEN_EDATA:
		return SIGNER_EDATA;
	case TOKEN_ENOMEM:
		return SIGNER_ENOMEM;
	}
	return SIGNER_EDEVICE;
}

void
signer_trouble_from_token(
    struct signer_trouble *to, const struct token_trouble *from)
{
	to->ckr = (uint32_t)from->ckr;
	to->retry = from->retry;
	(void)snprintf(to->text, sizeof(to->text), "%s", from->text);
}

void
signer_identity_from_token(
    struct signer_identity *to, const struct token_identity *from)
{
	memset(to, 0, sizeof(*to));
	memcpy(to->sha1, from->sha1, sizeof(to->sha1));
	memcpy(to->sha256, from->sha256, sizeof(to->sha256));
	to->type = (enum signer_keytype)from->type;
	to->bits = from->bits;
	to->mechs = from->mechs;
	to->not_after = from->not_after;
}

static int
settle(int err, const struct token_trouble *tt, struct signer_trouble *why)
{
	if (err != TOKEN_OK && why != NULL)
		signer_trouble_from_token(why, tt);
	return signer_err_from_token(err);
}

static int
list(void *ctx, size_t from, struct signer_identity *ids, size_t max, size_t *n,
    struct signer_trouble *why)
{
	uint64_t generation;

	(void)why;
	for (*n = 0; *n < max; (*n)++) {
		struct token_identity one;

		if (token_list(ctx, from + *n, &one, 1, &generation) == 0)
			break;
		signer_identity_from_token(&ids[*n], &one);
	}
	return SIGNER_OK;
}

static int
find(void *ctx, const uint8_t *thumb, size_t thumblen,
    struct signer_identity *id, struct signer_trouble *why)
{
	struct token_identity one, hit = {0};
	uint64_t generation;
	size_t hits = 0;

	for (size_t i = 0; token_list(ctx, i, &one, 1, &generation) == 1; i++) {
		const uint8_t *it =
		    thumblen == SIGNER_SHA1_LEN ? one.sha1 : one.sha256;

		if (memcmp(it, thumb, thumblen) != 0)
			continue;
		hit = one;
		hits++;
	}
	if (hits == 0)
		return SIGNER_ENOKEY;
	if (hits > 1)
		return signer_fail(why, SIGNER_EAMBIGUOUS,
		    "%zu certificates share "
		    "that SHA-1 thumbprint; use the SHA-256 one",
		    hits);
	signer_identity_from_token(id, &hit);
	return SIGNER_OK;
}

static int
certificate(void *ctx, const uint8_t key[SIGNER_SHA256_LEN], unsigned depth,
    uint8_t *der, size_t *len, struct signer_trouble *why)
{
	struct token_trouble tt = {0};
	int err = token_certificate(ctx, key, depth, der, len, &tt);

	return settle(err, &tt, why);
}

static int
sign(void *ctx, const uint8_t key[SIGNER_SHA256_LEN],
    const struct signer_sign *what, uint8_t *sig, size_t *siglen,
    struct signer_trouble *why)
{
	struct token_trouble tt = {0};
	uint8_t digest[SIGNER_HASH_MAX];
	const uint8_t *data = what->data;
	size_t len = what->len;
	int err;

	if (!what->digest && what->scheme != SIGNER_EDDSA) {
		if (hash_make(what->hash, what->data, what->len, digest) == 0)
			return signer_fail(why, SIGNER_EMECH,
			    "libcrypto does not "
			    "hash so");
		data = digest;
		len = signer_hash_len(what->hash);
	}
	err = token_sign(ctx, key, (enum token_scheme)what->scheme,
	    (enum token_hash)what->hash, what->saltlen, data, len, sig, siglen,
	    &tt);
	return settle(err, &tt, why);
}

static int
decrypt(void *ctx, const uint8_t key[SIGNER_SHA256_LEN],
    enum signer_scheme scheme, enum signer_hash h, const uint8_t *in,
    size_t inlen, uint8_t *out, size_t *outlen, struct signer_trouble *why)
{
	struct token_trouble tt = {0};
	int err = token_decrypt(ctx, key, (enum token_scheme)scheme,
	    (enum token_hash)h, in, inlen, out, outlen, &tt);

	return settle(err, &tt, why);
}

void
signer_from_token(struct signer *s, struct token *t)
{
	static const struct signer_ops ops = {
	    .name = "token",
	    .list = list,
	    .find = find,
	    .certificate = certificate,
	    .sign = sign,
	    .decrypt = decrypt,
	};

	s->ops = &ops;
	s->ctx = t;
}
