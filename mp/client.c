#include "mp/client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mp/client_internal.h"

#define CLIENT_TIMEOUT_MS_DEFAULT 60000u /* the SDK's (wire-facts 2 [S]) */

static int
check_dates(struct mp_client *c, struct mp_error *e)
{
	int when = mp_identity_validity(&c->me, (int64_t)time(NULL));

	if (when == 0 && c->url.tls && c->me.self_signed &&
	    c->cfg.auth != MP_AUTH_ALTERNATE)
		(void)snprintf(c->warning, sizeof(c->warning),
		    "the certificate %s of this client is self-signed, which "
		    "is for mixed mode; in native mode the management point "
		    "will hardly accept it",
		    c->me.thumbprint);
	if (when == 0)
		return 0;
	(void)snprintf(c->warning, sizeof(c->warning),
	    "the certificate %s of this client %s; the management point will "
	    "hardly accept it",
	    c->me.thumbprint, when < 0 ? "is not valid yet" : "has expired");
	if (!c->cfg.strict_dates)
		return 0;
	return mp_fail(e, MP_EARG,
	    "the certificate %s of this client %s, and strict dates were "
	    "asked for; renew the certificate, or correct this machine's "
	    "clock",
	    c->me.thumbprint, when < 0 ? "is not valid yet" : "has expired");
}

/* Where each way of authentication has its messages and policies (1.1). */
static void
choose_paths(struct mp_client *c)
{
	switch (c->cfg.auth) {
	case MP_AUTH_NONE:
		return;
	case MP_AUTH_WINDOWS:
		c->x.path = "/ccm_system_windowsauth/request";
		c->x.policies = "/SMS_MP_WindowsAuth/";
		return;
	case MP_AUTH_ALTERNATE:
		c->x.path = "/ccm_system_altauth/request";
		c->x.policies = "/SMS_MP_AltAuth/";
		return;
	}
}

int
mp_client_connect(struct mp_client *c, struct mp_error *e)
{
	const struct mp_client_config *cfg = &c->cfg;
	bool mutual = c->url.tls && cfg->auth != MP_AUTH_ALTERNATE;
	struct mp_http_config http = {
	    .ca_file = c->url.tls ? cfg->ca : NULL,
	    .timeout_ms = cfg->timeout_ms,
	    .key = mutual ? c->me.key : NULL,
	    .cert = mutual ? c->me.cert : NULL,
	    .chain = mutual ? c->me.chain : NULL,
	    .nchain = mutual ? c->me.nchain : 0,
	    .crl = cfg->crl,
	    .crl_dir = cfg->crl_cache != NULL ? cfg->crl_cache : cfg->state_dir,
	    .windows = cfg->auth == MP_AUTH_WINDOWS,
	    .login = cfg->auth_file,
	    .proxy = cfg->http_proxy,
	    .proxy_login = cfg->http_proxy_file,
	    .tls_max = cfg->tls_max,
	    .step = {cfg->step, cfg->step_ctx},
	};
	struct mp_http *anew;
	int r;

	r = mp_http_open(&anew, &http, e);
	if (r != 0)
		return r;
	mp_http_close(c->http);
	c->http = anew;
	c->x.http = anew;
	return 0;
}

static void
name_key(struct mp_client *c)
{
	for (size_t i = 0; i < SIGNER_SHA256_LEN; i++)
		(void)snprintf(
		    c->sha256 + 2 * i, 3, "%02X", c->me.id.sha256[i]);
}

int
mp_client_open(struct mp_client **cp, const struct mp_client_config *cfg,
    struct evp *evp, const struct signer *s, const uint8_t *thumb,
    size_t thumblen, struct mp_error *e)
{
	struct mp_client *c;
	struct mp_error own;
	int r;

	*cp = NULL;
	e = e != NULL ? e : &own;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return mp_fail(e, MP_ENOMEM, "client: out of memory");
	c->cfg = *cfg;
	if (c->cfg.timeout_ms == 0)
		c->cfg.timeout_ms = CLIENT_TIMEOUT_MS_DEFAULT;
	if ((r = mp_client_check(c, e)) != 0 ||
	    (r = mp_trust_open(&c->trust, cfg->mp_certs, e)) != 0 ||
	    (r = mp_identity_open(&c->me, evp, s, thumb, thumblen, e)) != 0 ||
	    (r = check_dates(c, e)) != 0 || (r = mp_client_connect(c, e)) != 0)
		goto out;
	if (cfg->mp_hash == MP_SHA1)
		mp_trust_allow_sha1(c->trust);
	name_key(c);
	c->x = (struct mp_exchange){.me = &c->me,
	    .http = c->http,
	    .path = "/ccm_system/request",
	    .policies = "/SMS_MP/",
	    .trust = c->trust,
	    .url = c->url.text,
	    .host = c->url.host,
	    .site = c->site,
	    .hash = cfg->hash,
	    .rule = cfg->signature,
	    .payload_max = cfg->upload_max,
	    .tls = c->url.tls,
	    .step = {cfg->step, cfg->step_ctx}};
	choose_paths(c);
	*cp = c;
	c = NULL;
out:
	mp_client_close(c);
	return r;
}

void
mp_client_close(struct mp_client *c)
{
	if (c == NULL)
		return;
	mp_http_close(c->http); /* first: its connections use the key */
	mp_state_close(c->state);
	mp_trust_close(c->trust);
	mp_identity_close(&c->me);
	sk_X509_pop_free(c->certs, X509_free);
	free(c);
}

const char *
mp_client_warning(const struct mp_client *c)
{
	return c->warning[0] != '\0' ? c->warning : NULL;
}

const char *
mp_client_proof(const struct mp_client *c)
{
	return c->x.proof;
}

void
mp_client_step(const struct mp_client *c, const char *fmt, ...)
{
	const struct mp_step to = {c->cfg.step, c->cfg.step_ctx};
	va_list ap;

	va_start(ap, fmt);
	mp_step_vtell(&to, fmt, ap);
	va_end(ap);
}

int
mp_client_ask(struct mp_client *c, const struct mp_client_question *q,
    const struct mp_buf *body, struct mp_buf *reply, struct mp_error *e)
{
	struct mp_message m;

	if (!mp_buf_ok(body) || mp_message_init(&m) != 0)
		return mp_fail(e, MP_ENOMEM,
		    "the message to %s cannot be made: out of memory",
		    q->endpoint);
	m.endpoint = q->endpoint;
	m.body = (const char *)body->data;
	m.source_id = q->smsid;
	m.source_host = q->netbios;
	m.target_host = c->url.host;
	m.flags = (c->url.tls ? MP_FLAG_NATIVE : 0u) | MP_FLAG_COMPRESS |
		  (q->smsid != NULL ? MP_FLAG_SIGN : 0u);
	m.reply_mode = MP_REPLY_SYNC;
	m.timeout_ms = c->cfg.timeout_ms;
	if (q->id != NULL)
		(void)snprintf(m.id, sizeof(m.id), "%s", q->id);
	return mp_exchange_message(&c->x, &m, reply, e);
}
