/* What a message is told about its way: ISmsMessage2 and ISmsMessage4. */
#include <stdlib.h>
#include <string.h>

#include "mp/library/failure.h"
#include "mp/library/identity.h"
#include "mp/library/message.h"
#include "mp/library/text.h"
#include "mp/message.h"

#define PORT_MAX 65535

#define NATIVE SEALPOINT_SECURITY_FLAG_NATIVE_MODE
#define ENCRYPT SEALPOINT_SECURITY_FLAG_ENCRYPT_MESSAGE
#define CRL SEALPOINT_SECURITY_FLAG_ENABLE_CRL_CHECKING
#define ALL                                                              \
	(NATIVE | SEALPOINT_SECURITY_FLAG_SIGN_MESSAGE | ENCRYPT | CRL | \
	    SEALPOINT_SECURITY_FLAG_COMPRESS_MESSAGE)

_Static_assert(NATIVE == MP_FLAG_NATIVE, "flags are the documented ones");
_Static_assert(SEALPOINT_SECURITY_FLAG_SIGN_MESSAGE == MP_FLAG_SIGN, "same");
_Static_assert(ENCRYPT == MP_FLAG_ENCRYPT, "same");
_Static_assert(CRL == MP_FLAG_CRL, "same");
_Static_assert(
    SEALPOINT_SECURITY_FLAG_COMPRESS_MESSAGE == MP_FLAG_COMPRESS, "same");

int
sealpoint_message_set_client_id(struct sealpoint_message *m, const char *smsid,
    struct sealpoint_failure *why)
{
	if (m == NULL)
		return failure_missing(why, "the message");
	if (smsid != NULL && !mp_smsid_valid(smsid))
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    "\"%.64s\" is no client id: it is GUID: and a GUID "
		    "without braces",
		    smsid);
	return text_take(&m->client_id, smsid, SEALPOINT_NAME_MAX, true,
	    "the client id", why);
}

int
sealpoint_message_set_security_flags(
    struct sealpoint_message *m, uint32_t flags, struct sealpoint_failure *why)
{
	if (m == NULL)
		return failure_missing(why, "the message");
	if ((flags & ~ALL) != 0)
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    "security flags 0x%08X mean nothing; use those of "
		    "sealpoint/message.h",
		    (unsigned)(flags & ~ALL));
	if ((flags & NATIVE) != 0 && (flags & ENCRYPT) != 0)
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    "ENCRYPT_MESSAGE is for mixed mode only; in native mode "
		    "TLS encrypts: leave it out");
	if ((flags & NATIVE) == 0 && (flags & CRL) != 0)
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    "ENABLE_CRL_CHECKING is for native mode only, where the "
		    "management point has a TLS certificate: leave it out, "
		    "or set NATIVE_MODE");
	m->flags = flags;
	m->flags_set = true;
	return SEALPOINT_OK;
}

uint32_t
sealpoint_message_get_security_flags(const struct sealpoint_message *m)
{
	return m != NULL ? m->flags : 0;
}

int
sealpoint_message_set_client_certificate(struct sealpoint_message *m,
    const char *thumbprint, struct sealpoint_failure *why)
{
	uint8_t thumb[SIGNER_SHA256_LEN];
	size_t len;
	int r;

	if (m == NULL)
		return failure_missing(why, "the message");
	r = identity_thumbprint(thumbprint, thumb, &len, why);
	if (r != SEALPOINT_OK)
		return r;
	sealpoint_identity_free(m->identity);
	m->identity = NULL;
	memcpy(m->thumb, thumb, sizeof(m->thumb));
	m->thumblen = len;
	return SEALPOINT_OK;
}

int
sealpoint_message_set_identity(struct sealpoint_message *m,
    struct sealpoint_identity *id, struct sealpoint_failure *why)
{
	if (m == NULL)
		return failure_missing(why, "the message");
	if (id == NULL)
		return failure_missing(why, "the identity");
	(void)identity_ref(id);
	sealpoint_identity_free(m->identity);
	m->identity = id;
	m->thumblen = 0;
	return SEALPOINT_OK;
}

int
sealpoint_message_set_encryption_certificates_store(struct sealpoint_message *m,
    const char *path, struct sealpoint_failure *why)
{
	if (m == NULL)
		return failure_missing(why, "the message");
	return text_take(&m->encrypt_store, path, SEALPOINT_VALUE_MAX, true,
	    "the path of the encryption certificates", why);
}

int
sealpoint_message_set_cipher(struct sealpoint_message *m,
    enum sealpoint_cipher cipher, struct sealpoint_failure *why)
{
	if (m == NULL)
		return failure_missing(why, "the message");
	if (cipher != SEALPOINT_CIPHER_3DES &&
	    cipher != SEALPOINT_CIPHER_AES256)
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    "%d is no cipher; use SEALPOINT_CIPHER_3DES or "
		    "SEALPOINT_CIPHER_AES256",
		    (int)cipher);
	m->cipher = cipher;
	return SEALPOINT_OK;
}

int
sealpoint_message_set_hash_algorithm(struct sealpoint_message *m,
    enum sealpoint_hash hash, struct sealpoint_failure *why)
{
	if (m == NULL)
		return failure_missing(why, "the message");
	if (hash != SEALPOINT_HASH_SHA1 && hash != SEALPOINT_HASH_SHA256)
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    "hash 0x%X is not known here; use SEALPOINT_HASH_SHA256, "
		    "or SEALPOINT_HASH_SHA1 for sites of old",
		    (unsigned)hash);
	m->hash = hash;
	return SEALPOINT_OK;
}

int
sealpoint_message_set_port(
    struct sealpoint_message *m, uint32_t port, struct sealpoint_failure *why)
{
	if (m == NULL)
		return failure_missing(why, "the message");
	if (port > PORT_MAX)
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    "%lu is no port: the largest is %d", (unsigned long)port,
		    PORT_MAX);
	m->port = port;
	return SEALPOINT_OK;
}

int
sealpoint_message_set_proxy(struct sealpoint_message *m, const char *proxy,
    const char *credentials, struct sealpoint_failure *why)
{
	char *keep = NULL;
	int r;

	if (m == NULL)
		return failure_missing(why, "the message");
	if (proxy == NULL && credentials != NULL)
		return failure_missing(why, "the proxy of these credentials");
	r = text_take(&keep, credentials, SEALPOINT_VALUE_MAX, true,
	    "the path of the proxy's credentials", why);
	if (r == SEALPOINT_OK)
		r = text_take(&m->proxy, proxy, SEALPOINT_VALUE_MAX, true,
		    "the proxy", why);
	if (r == SEALPOINT_OK) {
		free(m->proxy_credentials);
		m->proxy_credentials = keep;
		keep = NULL;
	}
	free(keep);
	return r;
}

int
sealpoint_message_verify_server_signature(struct sealpoint_message *m,
    const char *path, struct sealpoint_failure *why)
{
	if (m == NULL)
		return failure_missing(why, "the message");
	return text_take(&m->verify_store, path, SEALPOINT_VALUE_MAX, true,
	    "the path of the management points' certificates", why);
}
