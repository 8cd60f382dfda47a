#include "mp/library/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "agent/client.h"
#include "mp/library/adapter.h"
#include "mp/library/failure.h"
#include "mp/library/text.h"

#define SIGNER_FAILED(why, what, name, trouble)                               \
	failure_set((why), SEALPOINT_ERR_SIGNER, "%s %s: %s", (what), (name), \
	    (trouble)->text)

int
identity_thumbprint(const char *text, uint8_t buf[SIGNER_SHA256_LEN],
    size_t *len, struct sealpoint_failure *why)
{
	*len = 0;
	if (text == NULL)
		return failure_missing(why, "the thumbprint");
	if (signer_thumbprint_parse(text, buf, len) != SIGNER_OK)
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    "\"%.100s\" is no thumbprint: it has 40 hexadecimal "
		    "digits (SHA-1) or 64 (SHA-256) of the certificate",
		    text);
	return SEALPOINT_OK;
}

void
identity_hex(const uint8_t *thumb, size_t len, char *hex)
{
	for (size_t i = 0; i < len; i++)
		(void)snprintf(hex + 2 * i, 3, "%02X", thumb[i]);
}

/* Takes the signer over, also when it fails. */
static int
make(struct sealpoint_identity **out, struct signer *s, const char *thumbprint,
    struct sealpoint_failure *why)
{
	struct sealpoint_identity *id;
	uint8_t thumb[SIGNER_SHA256_LEN];
	struct signer_trouble trouble;
	size_t len;
	int r;

	id = calloc(1, sizeof(*id));
	if (id == NULL) {
		signer_close(s);
		return failure_memory(why);
	}
	atomic_init(&id->refs, 1);
	id->signer = *s;
	r = identity_thumbprint(thumbprint, thumb, &len, why);
	if (r != SEALPOINT_OK)
		goto out;
	if (signer_find(&id->signer, thumb, len, &id->id, &trouble) != 0) {
		r = SIGNER_FAILED(why, "the key", thumbprint, &trouble);
		goto out;
	}
	identity_hex(id->id.sha1, SIGNER_SHA1_LEN, id->thumbprint);
	if (evp_open(&id->evp, &trouble) != 0) {
		r = SIGNER_FAILED(why, "the key", id->thumbprint, &trouble);
		goto out;
	}
	*out = id;
	id = NULL;
out:
	sealpoint_identity_free(id);
	return r;
}

int
sealpoint_identity_from_agent(struct sealpoint_identity **out,
    const char *socket, const char *thumbprint, struct sealpoint_failure *why)
{
	struct signer_trouble trouble;
	struct client *agent;
	struct signer s;

	if (out == NULL)
		return failure_missing(why, "the place for the identity");
	*out = NULL;
	if (client_open(&agent, socket, 0, &trouble) != 0)
		return failure_set(
		    why, SEALPOINT_ERR_SIGNER, "%s", trouble.text);
	client_signer(agent, &s);
	return make(out, &s, thumbprint, why);
}

int
sealpoint_identity_from_signer(struct sealpoint_identity **out,
    const struct sealpoint_signer *signer, const char *thumbprint,
    struct sealpoint_failure *why)
{
	struct signer s;
	int r;

	if (out == NULL)
		return failure_missing(why, "the place for the identity");
	*out = NULL;
	r = adapter_signer(signer, &s, why);
	if (r != SEALPOINT_OK)
		return r;
	return make(out, &s, thumbprint, why);
}

struct sealpoint_identity *
identity_ref(struct sealpoint_identity *id)
{
	(void)atomic_fetch_add_explicit(&id->refs, 1, memory_order_relaxed);
	return id;
}

void
sealpoint_identity_free(struct sealpoint_identity *id)
{
	if (id == NULL ||
	    atomic_fetch_sub_explicit(&id->refs, 1, memory_order_acq_rel) != 1)
		return;
	evp_close(id->evp);
	signer_close(&id->signer);
	free(id);
}

const char *
sealpoint_identity_thumbprint(const struct sealpoint_identity *id)
{
	return id != NULL ? id->thumbprint : NULL;
}

int
sealpoint_identity_certificate(const struct sealpoint_identity *id,
    uint8_t *der, size_t *len, struct sealpoint_failure *why)
{
	uint8_t leaf[SIGNER_CERT_MAX];
	size_t n = sizeof(leaf);
	struct signer_trouble trouble;

	if (id == NULL)
		return failure_missing(why, "the identity");
	if (signer_certificate(
		&id->signer, id->id.sha256, 0, leaf, &n, &trouble) == SIGNER_OK)
		return text_give(leaf, n, der, len, "the certificate", why);
	if (len != NULL)
		*len = 0;
	return SIGNER_FAILED(
	    why, "the certificate of", id->thumbprint, &trouble);
}

int
sealpoint_identity_sign(const struct sealpoint_identity *id,
    enum sealpoint_hash hash, const uint8_t *data, size_t datalen, uint8_t *sig,
    size_t *len, struct sealpoint_failure *why)
{
	uint8_t digest[SIGNER_HASH_MAX], made[SIGNER_SIG_MAX];
	bool sha1 = hash == SEALPOINT_HASH_SHA1;
	struct signer_sign what = {.scheme = SIGNER_RSA_PKCS1,
	    .hash = sha1 ? SIGNER_SHA1 : SIGNER_SHA256,
	    .digest = true,
	    .data = digest,
	    .len = sha1 ? SIGNER_SHA1_LEN : SIGNER_SHA256_LEN};
	struct signer_trouble trouble;
	size_t n = sizeof(made);

	if (id == NULL)
		return failure_missing(why, "the identity");
	if (data == NULL && datalen > 0)
		return failure_missing(why, "the data to be signed");
	if (!sha1 && hash != SEALPOINT_HASH_SHA256)
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    "hash 0x%X is not known here; use SEALPOINT_HASH_SHA256, "
		    "or SEALPOINT_HASH_SHA1 for sites of old",
		    (unsigned)hash);
	if (EVP_Digest(data, datalen, digest, NULL,
		sha1 ? EVP_sha1() : EVP_sha256(), NULL) != 1)
		return failure_memory(why);
	if (signer_sign(&id->signer, id->id.sha256, &what, made, &n,
		&trouble) == SIGNER_OK)
		return text_give(made, n, sig, len, "the signature", why);
	if (len != NULL)
		*len = 0;
	return SIGNER_FAILED(why, "the key", id->thumbprint, &trouble);
}
