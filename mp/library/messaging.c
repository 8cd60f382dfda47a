#include "mp/library/messaging.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mp/library/failure.h"
#include "mp/library/identity.h"
#include "mp/library/message.h"
#include "mp/library/text.h"
#include "mp/sealed.h"

_Static_assert(
    (int)SEALPOINT_AUTHENTICATION_WINDOWS == (int)MP_AUTH_WINDOWS, "same");
_Static_assert(
    (int)SEALPOINT_AUTHENTICATION_ALTERNATE == (int)MP_AUTH_ALTERNATE, "same");
_Static_assert((int)SEALPOINT_CIPHER_AES256 == (int)MP_CIPHER_AES256, "same");

#define INTERNET_MAX 2 /* InternetFlag: 0, 1 or 2 (sdk-facts 4.1 [D]) */

int
sealpoint_messaging_new(
    struct sealpoint_messaging **out, struct sealpoint_failure *why)
{
	if (out == NULL)
		return failure_missing(why, "the place for the object");
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? SEALPOINT_OK : failure_memory(why);
}

void
sealpoint_messaging_free(struct sealpoint_messaging *s)
{
	if (s == NULL)
		return;
	session_close(&s->session);
	sealpoint_identity_free(s->found);
	free(s->agent);
	free(s->site);
	free(s->netbios);
	free(s->fqdn);
	free(s->state);
	free(s->ca);
	free(s->credentials);
	free(s);
}

int
sealpoint_messaging_set_agent(struct sealpoint_messaging *s, const char *socket,
    struct sealpoint_failure *why)
{
	int r;

	if (s == NULL)
		return failure_missing(why, "the messaging object");
	r = text_take(&s->agent, socket, SEALPOINT_VALUE_MAX, true,
	    "the agent's socket", why);
	if (r != SEALPOINT_OK)
		return r;
	sealpoint_identity_free(s->found);
	s->found = NULL;
	return SEALPOINT_OK;
}

int
sealpoint_messaging_set_site(struct sealpoint_messaging *s, const char *code,
    struct sealpoint_failure *why)
{
	if (s == NULL)
		return failure_missing(why, "the messaging object");
	return text_take(
	    &s->site, code, SEALPOINT_NAME_MAX, false, "the site code", why);
}

int
sealpoint_messaging_set_names(struct sealpoint_messaging *s,
    const char *netbios, const char *fqdn, struct sealpoint_failure *why)
{
	char *first = NULL;
	int r;

	if (s == NULL)
		return failure_missing(why, "the messaging object");
	r = text_take(
	    &first, netbios, SEALPOINT_NAME_MAX, true, "the NetBIOS name", why);
	if (r == SEALPOINT_OK)
		r = text_take(&s->fqdn, fqdn, SEALPOINT_NAME_MAX, true,
		    "the DNS name", why);
	if (r == SEALPOINT_OK) {
		free(s->netbios);
		s->netbios = first;
		first = NULL;
	}
	free(first);
	return r;
}

int
sealpoint_messaging_set_state(struct sealpoint_messaging *s,
    const char *directory, struct sealpoint_failure *why)
{
	if (s == NULL)
		return failure_missing(why, "the messaging object");
	return text_take(&s->state, directory, SEALPOINT_VALUE_MAX, true,
	    "the state directory", why);
}

int
sealpoint_messaging_set_ca(struct sealpoint_messaging *s, const char *path,
    struct sealpoint_failure *why)
{
	if (s == NULL)
		return failure_missing(why, "the messaging object");
	return text_take(&s->ca, path, SEALPOINT_VALUE_MAX, true,
	    "the path of the certificates that TLS trusts", why);
}

int
sealpoint_messaging_set_proof(struct sealpoint_messaging *s,
    enum sealpoint_proof proof, struct sealpoint_failure *why)
{
	if (s == NULL)
		return failure_missing(why, "the messaging object");
	if (proof != SEALPOINT_PROOF_SIGNATURE && proof != SEALPOINT_PROOF_TLS)
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    "%d is no proof; use SEALPOINT_PROOF_SIGNATURE or "
		    "SEALPOINT_PROOF_TLS",
		    (int)proof);
	s->proof = proof;
	return SEALPOINT_OK;
}

int
sealpoint_messaging_set_proof_hash(struct sealpoint_messaging *s,
    enum sealpoint_hash weakest, struct sealpoint_failure *why)
{
	if (s == NULL)
		return failure_missing(why, "the messaging object");
	if (weakest != SEALPOINT_HASH_SHA1 && weakest != SEALPOINT_HASH_SHA256)
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    "hash 0x%X is not known here; use SEALPOINT_HASH_SHA256, "
		    "or SEALPOINT_HASH_SHA1 for sites of old",
		    (unsigned)weakest);
	s->proof_sha1 = weakest == SEALPOINT_HASH_SHA1;
	return SEALPOINT_OK;
}

int
sealpoint_messaging_set_policy_hash(
    struct sealpoint_messaging *s, int always, struct sealpoint_failure *why)
{
	if (s == NULL)
		return failure_missing(why, "the messaging object");
	s->policy_hash = always != 0;
	return SEALPOINT_OK;
}

_Static_assert(SEALPOINT_UPLOAD_MAX == MP_SEALED_MAX, "same");

int
sealpoint_messaging_set_upload_limit(struct sealpoint_messaging *s,
    uint64_t bytes, struct sealpoint_failure *why)
{
	if (s == NULL)
		return failure_missing(why, "the messaging object");
	if (bytes > SEALPOINT_UPLOAD_MAX)
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    "%llu bytes are more than a message can have; "
		    "SEALPOINT_UPLOAD_MAX is the largest limit",
		    (unsigned long long)bytes);
	s->upload_max = bytes;
	return SEALPOINT_OK;
}

int
sealpoint_messaging_set_internet(
    struct sealpoint_messaging *s, int flag, struct sealpoint_failure *why)
{
	if (s == NULL)
		return failure_missing(why, "the messaging object");
	if (flag < 0 || flag > INTERNET_MAX)
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    "%d is no InternetFlag: it is 0, 1 or %d", flag,
		    INTERNET_MAX);
	s->internet = flag;
	return SEALPOINT_OK;
}

int
sealpoint_messaging_set_authentication(struct sealpoint_messaging *s,
    enum sealpoint_authentication how, const char *credentials,
    struct sealpoint_failure *why)
{
	int r;

	if (s == NULL)
		return failure_missing(why, "the messaging object");
	if (how != SEALPOINT_AUTHENTICATION_NONE &&
	    how != SEALPOINT_AUTHENTICATION_WINDOWS &&
	    how != SEALPOINT_AUTHENTICATION_ALTERNATE)
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    "%d is no way to authenticate; use "
		    "SEALPOINT_AUTHENTICATION_NONE, _WINDOWS or _ALTERNATE",
		    (int)how);
	if (how == SEALPOINT_AUTHENTICATION_NONE && credentials != NULL)
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    "credentials without authentication would go nowhere; "
		    "say how to authenticate");
	r = text_take(&s->credentials, credentials, SEALPOINT_VALUE_MAX, true,
	    "the path of the credentials", why);
	if (r == SEALPOINT_OK)
		s->authentication = how;
	return r;
}

int
sealpoint_messaging_set_deadline(struct sealpoint_messaging *s,
    uint32_t milliseconds, struct sealpoint_failure *why)
{
	if (s == NULL)
		return failure_missing(why, "the messaging object");
	s->deadline_ms = milliseconds;
	return SEALPOINT_OK;
}

int
sealpoint_messaging_set_trace(struct sealpoint_messaging *s,
    void (*step)(void *ctx, const char *what), void *ctx,
    struct sealpoint_failure *why)
{
	if (s == NULL)
		return failure_missing(why, "the messaging object");
	s->step = step;
	s->step_ctx = ctx;
	return SEALPOINT_OK;
}

int
sealpoint_messaging_create_message(struct sealpoint_messaging *s,
    struct sealpoint_message **out, struct sealpoint_failure *why)
{
	if (out == NULL)
		return failure_missing(why, "the place for the message");
	*out = NULL;
	if (s == NULL)
		return failure_missing(why, "the messaging object");
	return message_new(out, why);
}

/* The message's own identity, or the agent's; borrowed. */
static int
identify(struct sealpoint_messaging *s, const struct sealpoint_message *m,
    struct sealpoint_identity **id, struct sealpoint_failure *why)
{
	char hex[2 * SIGNER_SHA256_LEN + 1];
	int r;

	*id = m->identity;
	if (*id != NULL)
		return SEALPOINT_OK;
	if (m->thumblen == 0)
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    "the message has no client certificate; set one with "
		    "sealpoint_message_set_client_certificate()");
	if (s->found == NULL || s->thumblen != m->thumblen ||
	    memcmp(s->thumb, m->thumb, m->thumblen) != 0) {
		sealpoint_identity_free(s->found);
		s->found = NULL;
		identity_hex(m->thumb, m->thumblen, hex);
		r = sealpoint_identity_from_agent(
		    &s->found, s->agent, hex, why);
		if (r != SEALPOINT_OK)
			return r;
		memcpy(s->thumb, m->thumb, sizeof(s->thumb));
		s->thumblen = m->thumblen;
	}
	*id = s->found;
	return SEALPOINT_OK;
}

/*
 * The COM interfaces take http:// in either mode and let the flag choose, so
 * ported code writes it for native mode too. Nothing is lost: more is done
 * than was said. The other way round it stays, and is refused below.
 */
static const char *
without_scheme(const char *host, bool native)
{
	static const char http[] = "http://";

	if (native && strncasecmp(host, http, sizeof(http) - 1) == 0)
		return host + sizeof(http) - 1;
	return host;
}

static void
configure(const struct sealpoint_messaging *s, const char *host,
    const struct sealpoint_message *m, struct mp_client_config *cfg)
{
	bool native = (m->flags & SEALPOINT_SECURITY_FLAG_NATIVE_MODE) != 0;

	*cfg = (struct mp_client_config){
	    .mp = without_scheme(host, native),
	    .mode = native ? MP_MODE_NATIVE : MP_MODE_MIXED,
	    .port = m->port,
	    .client_id = m->client_id,
	    .internet = s->internet,
	    .crl =
		(m->flags & SEALPOINT_SECURITY_FLAG_ENABLE_CRL_CHECKING) != 0,
	    .auth = (enum mp_auth)s->authentication,
	    .auth_file = s->credentials,
	    .cipher = (enum mp_cipher)m->cipher,
	    .http_proxy = m->proxy,
	    .http_proxy_file = m->proxy_credentials,
	    .encrypt_certs = m->encrypt_store,
	    .site = s->site,
	    .netbios = s->netbios,
	    .fqdn = s->fqdn,
	    .ca = s->ca,
	    .mp_certs = m->verify_store,
	    .signature = s->proof == SEALPOINT_PROOF_TLS
			     ? MP_SIGNATURE_TLS
			     : MP_SIGNATURE_REQUIRED,
	    .mp_hash = s->proof_sha1 ? MP_SHA1 : MP_SHA256,
	    .policy_hash_rule =
		s->policy_hash ? MP_POLICY_HASH_ALWAYS : MP_POLICY_HASH_NO_TLS,
	    .upload_max = s->upload_max,
	    .hash = m->hash == SEALPOINT_HASH_SHA1 ? MP_SHA1 : MP_SHA256,
	    .state_dir = s->state,
	    .timeout_ms = s->deadline_ms,
	    .step = s->step,
	    .step_ctx = s->step_ctx,
	};
}

int
messaging_client(struct sealpoint_messaging *s, const char *host,
    const struct sealpoint_message *m,
    const struct sealpoint_registration *what, struct mp_client **c,
    struct sealpoint_failure *why)
{
	struct sealpoint_identity *id;
	struct mp_client_config cfg;
	struct mp_error e;
	int r;

	*c = NULL;
	if (host == NULL || host[0] == '\0')
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    "no management point was named; give its host name or "
		    "URL: there is no local one to speak to by DCOM here");
	if (s->site == NULL)
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    "no site code is set; see sealpoint_messaging_set_site()");
	r = identify(s, m, &id, why);
	if (r != SEALPOINT_OK)
		return r;
	configure(s, host, m, &cfg);
	if (what != NULL) {
		cfg.as = (enum mp_agent)what->as;
		cfg.proxy_smsid = what->proxy_smsid;
		cfg.hint = what->hint;
		cfg.hardware_id = what->hardware_id;
		cfg.want_smsid = what->smsid;
	}
	r = session_open(&s->session, &cfg, id, &e);
	if (r != 0)
		return failure_from(why, r, &e, 0);
	*c = s->session.client;
	return SEALPOINT_OK;
}
