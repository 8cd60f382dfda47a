#include "tests/unit/library/rig.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

static int
tell(const struct rig *r, int err, const struct signer_trouble *from,
    struct sealpoint_signer_trouble *to)
{
	to->ckr = from->ckr;
	to->retry = from->retry;
	(void)snprintf(to->text, sizeof(to->text), "%s", from->text);
	return r->answer != 0 ? r->answer : err;
}

static int
find(void *ctx, const uint8_t *thumbprint, size_t len,
    struct sealpoint_signer_identity *id, struct sealpoint_signer_trouble *why)
{
	struct signer_trouble trouble = {0};
	struct signer_identity found;
	struct rig *r = ctx;
	int err;

	err = signer_find(&r->signer, thumbprint, len, &found, &trouble);
	memcpy(id->sha1, found.sha1, sizeof(id->sha1));
	memcpy(id->sha256, found.sha256, sizeof(id->sha256));
	id->type = (enum sealpoint_key_type)found.type;
	id->bits = found.bits;
	id->mechanisms = found.mechs;
	id->uses = found.uses;
	memset(id->token, 'x', sizeof(id->token)); /* no NUL: ours to bear */
	if (r->other)
		id->sha1[0] ^= 1;
	return tell(r, err, &trouble, why);
}

static int
certificate(void *ctx, const uint8_t *sha256, unsigned depth, uint8_t *der,
    size_t *len, struct sealpoint_signer_trouble *why)
{
	struct signer_trouble trouble = {0};
	struct rig *r = ctx;
	int err;

	err = signer_certificate(&r->signer, sha256, depth, der, len, &trouble);
	return tell(r, err, &trouble, why);
}

static int
sign(void *ctx, const uint8_t *sha256,
    const struct sealpoint_signer_request *what, uint8_t *sig, size_t *len,
    struct sealpoint_signer_trouble *why)
{
	struct signer_sign request = {
	    .scheme = (enum signer_scheme)what->scheme,
	    .hash = (enum signer_hash)what->digest,
	    .digest = what->digested,
	    .saltlen = what->saltlen,
	    .data = what->data,
	    .len = what->len};
	struct signer_trouble trouble = {0};
	struct rig *r = ctx;
	int err;

	err = signer_sign(&r->signer, sha256, &request, sig, len, &trouble);
	return tell(r, err, &trouble, why);
}

static int
decrypt(void *ctx, const uint8_t *sha256, enum sealpoint_scheme scheme,
    enum sealpoint_digest digest, const uint8_t *in, size_t inlen, uint8_t *out,
    size_t *outlen, struct sealpoint_signer_trouble *why)
{
	struct signer_trouble trouble = {0};
	struct rig *r = ctx;
	int err;

	err = signer_decrypt(&r->signer, sha256, (enum signer_scheme)scheme,
	    (enum signer_hash)digest, in, inlen, out, outlen, &trouble);
	return tell(r, err, &trouble, why);
}

static void
closed(void *ctx)
{
	struct rig *r = ctx;

	r->closed++;
}

void
rig_start(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	r->soft = soft_signer_new();
	soft_signer_signer(r->soft, &r->signer);
	r->table = (struct sealpoint_signer){.size = sizeof(r->table),
	    .ctx = r,
	    .find = find,
	    .certificate = certificate,
	    .sign = sign,
	    .decrypt = decrypt,
	    .close = closed};
}

void
rig_end(struct rig *r)
{
	signer_close(&r->signer);
}

void
rig_hex(const uint8_t *bytes, size_t len, char *hex)
{
	for (size_t i = 0; i < len; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
}

void
rig_says(const struct sealpoint_failure *why, const char *words)
{
	if (strstr(why->text, words) == NULL)
		fail_msg("not said: \"%s\" in \"%s\"", words, why->text);
}
