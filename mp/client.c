#include "mp/client.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mp/client_internal.h"
#include "mp/kinds/policy.h"
#include "mp/reply.h"

#define CLIENT_TIMEOUT_MS_DEFAULT 60000u /* the SDK's (wire-facts 2 [S]) */

static const char policies[] = "MP_PolicyManager";

/* Not in a NetBIOS name, by its own rules; and nothing outside ASCII. */
static bool
is_netbios(const char *text)
{
	size_t len = strnlen(text, CLIENT_NETBIOS_MAX + 1);

	if (len == 0 || len > CLIENT_NETBIOS_MAX)
		return false;
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~' ||
		    strchr("\\/:*?\"<>|", *text) != NULL)
			return false;
	return true;
}

static int
take_site(struct mp_client *c, const char *site, struct mp_error *e)
{
	bool well = site != NULL &&
		    strnlen(site, CLIENT_SITE_LEN + 1) == CLIENT_SITE_LEN;

	for (size_t i = 0; well && i < CLIENT_SITE_LEN; i++) {
		well = isalnum((unsigned char)site[i]) != 0;
		c->site[i] = (char)toupper((unsigned char)site[i]);
	}
	if (well)
		return 0;
	return mp_fail(e, MP_EARG,
	    "\"%.32s\" is no site code: it has three letters or digits, such "
	    "as PRI",
	    site != NULL ? site : "");
}

/* All that can be said wrong without asking anybody. */
static int
check(struct mp_client *c, struct mp_error *e)
{
	const struct mp_client_config *cfg = &c->cfg;
	int r;

	r = mp_url_parse(&c->url, cfg->mp != NULL ? cfg->mp : "", e);
	if (r != 0)
		return r;
	if (!c->url.tls)
		return mp_fail(e, MP_EARG,
		    "%.200s: native mode talks HTTPS only, and the client's "
		    "certificate means nothing without it; write "
		    "https://%.200s",
		    cfg->mp, c->url.host);
	r = take_site(c, cfg->site, e);
	if (r != 0)
		return r;
	if (cfg->netbios != NULL && !is_netbios(cfg->netbios))
		return mp_fail(e, MP_EARG,
		    "\"%.64s\" is no NetBIOS name: it has 1 to %d characters, "
		    "without spaces or \\ / : * ? \" < > |",
		    cfg->netbios, CLIENT_NETBIOS_MAX);
	if (cfg->fqdn != NULL && !mp_url_is_host(cfg->fqdn))
		return mp_fail(e, MP_EARG,
		    "\"%.200s\" is no DNS name for this client; write it as "
		    "in client1.example.com",
		    cfg->fqdn);
	return 0;
}

static int
check_dates(struct mp_client *c, struct mp_error *e)
{
	int when = mp_identity_validity(&c->me, (int64_t)time(NULL));

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

static int
open_http(struct mp_client *c, struct mp_error *e)
{
	struct mp_http_config http = {
	    .ca_file = c->cfg.ca,
	    .timeout_ms = c->cfg.timeout_ms,
	    .key = c->me.key,
	    .cert = c->me.cert,
	    .chain = c->me.chain,
	    .nchain = c->me.nchain,
	    .tls_max = c->cfg.tls_max,
	};

	return mp_http_open(&c->http, &http, e);
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
	if ((r = check(c, e)) != 0 ||
	    (r = mp_trust_open(&c->trust, cfg->mp_certs, e)) != 0 ||
	    (r = mp_identity_open(&c->me, evp, s, thumb, thumblen, e)) != 0 ||
	    (r = check_dates(c, e)) != 0 || (r = open_http(c, e)) != 0)
		goto out;
	name_key(c);
	c->x = (struct mp_exchange){.me = &c->me,
	    .http = c->http,
	    .trust = c->trust,
	    .url = c->url.text,
	    .host = c->url.host,
	    .site = c->site,
	    .hash = cfg->hash,
	    .rule = cfg->signature,
	    .tls = c->url.tls};
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
	char text[MP_TEXT_MAX];
	va_list ap;

	if (c->cfg.step == NULL)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->cfg.step(c->cfg.step_ctx, text);
}

int
mp_client_named(const struct mp_client *c, struct mp_error *e)
{
	if (c->cfg.netbios != NULL && c->cfg.fqdn != NULL)
		return 0;
	return mp_fail(e, MP_EARG,
	    "the message needs this client's names; give its NetBIOS name "
	    "(--netbios) and its DNS name (--fqdn)");
}

int
mp_client_ask(struct mp_client *c, const char *endpoint,
    const struct mp_buf *body, const char *smsid, const char *id,
    struct mp_buf *reply, struct mp_error *e)
{
	struct mp_message m;

	if (!mp_buf_ok(body) || mp_message_init(&m) != 0)
		return mp_fail(e, MP_ENOMEM,
		    "the message to %s cannot be made: out of memory",
		    endpoint);
	m.endpoint = endpoint;
	m.body = (const char *)body->data;
	m.source_id = smsid;
	m.source_host = c->cfg.netbios;
	m.target_host = c->url.host;
	m.flags = MP_FLAG_NATIVE | MP_FLAG_COMPRESS |
		  (smsid != NULL ? MP_FLAG_SIGN : 0u);
	m.reply_mode = MP_REPLY_SYNC;
	m.timeout_ms = c->cfg.timeout_ms;
	if (id != NULL)
		(void)snprintf(m.id, sizeof(m.id), "%s", id);
	return mp_exchange_message(&c->x, &m, reply, e);
}

static int
open_state(struct mp_client *c, struct mp_error *e)
{
	if (c->state != NULL)
		return 0;
	if (c->cfg.state_dir == NULL)
		return mp_fail(e, MP_EARG,
		    "a directory for the client's state is needed (--state)");
	return mp_state_open(&c->state, c->cfg.state_dir, e);
}

static struct mp_state_key
where(const struct mp_client *c)
{
	return (struct mp_state_key){
	    .sha256 = c->sha256, .mp = c->url.text, .site = c->site};
}

int
mp_client_recall(
    struct mp_client *c, struct mp_state_client *st, struct mp_error *e)
{
	struct mp_state_key key;
	int r = open_state(c, e);

	if (r != 0) {
		memset(st, 0, sizeof(*st));
		st->status = MP_REG_NONE;
		return r;
	}
	key = where(c);
	return mp_state_get(c->state, &key, st, e);
}

int
mp_client_remember(
    struct mp_client *c, const struct mp_state_client *st, struct mp_error *e)
{
	struct mp_state_key key = where(c);

	return mp_state_put(c->state, &key, st, e);
}

/* The id of a client that is registered. */
static int
enrolled(struct mp_client *c, struct mp_state_client *st, struct mp_error *e)
{
	int r = mp_client_recall(c, st, e);

	if (r != 0 || st->status == MP_REGISTERED)
		return r;
	if (st->status == MP_REG_PENDING)
		return mp_fail(e, MP_EPENDING,
		    "the registration of this client with %s, site %s, is "
		    "still pending; run `sealpoint register` again to see "
		    "whether it was approved",
		    c->url.text, c->site);
	return mp_fail(e, MP_ENOTFOUND,
	    "the certificate %s is not registered with %s, site %s; run "
	    "`sealpoint register` first",
	    c->me.thumbprint, c->url.text, c->site);
}

int
mp_client_assignments(
    struct mp_client *c, struct mp_assignments *out, struct mp_error *e)
{
	struct mp_assignments_request request = {0};
	struct mp_state_client st;
	struct mp_buf body, reply;
	struct mp_error own;
	int r;

	e = e != NULL ? e : &own;
	memset(out, 0, sizeof(*out));
	c->x.proof = NULL;
	mp_buf_init(&body, CLIENT_REQUEST_MAX);
	mp_buf_init(&reply, MP_CONTENT_MAX);
	if ((r = mp_client_named(c, e)) != 0 || (r = enrolled(c, &st, e)) != 0)
		goto out;
	request.smsid = st.smsid;
	request.fqdn = c->cfg.fqdn;
	request.netbios = c->cfg.netbios;
	request.site = c->site;
	mp_client_step(c, "asking %s for policy assignments", c->url.host);
	if ((r = mp_assignments_request(&request, &body, e)) != 0 ||
	    (r = mp_client_ask(
		 c, policies, &body, st.smsid, NULL, &reply, e)) != 0)
		goto out;
	r = mp_assignments_parse(&reply, out, e);
	if (r != 0)
		r = mp_fail_in(e, "%s", c->url.text);
out:
	mp_buf_release(&body);
	mp_buf_release(&reply);
	return r;
}

int
mp_client_policy(struct mp_client *c, const struct mp_assignment *a,
    struct mp_buf *xml, struct mp_error *e)
{
	bool identify;
	struct mp_state_client st;
	struct mp_buf path, body;
	struct mp_error own;
	int r;

	e = e != NULL ? e : &own;
	c->x.proof = NULL;
	if ((a->flags & MP_POLICY_TASK_SEQUENCE) != 0)
		return mp_fail(e, MP_EREFUSED,
		    "policy %s is a task sequence (flag 1), which a client "
		    "must not download; choose another policy",
		    a->policy);
	identify =
	    (a->flags & (MP_POLICY_REQUIRES_AUTH | MP_POLICY_SECRET)) != 0;
	mp_buf_init(&path, CLIENT_REQUEST_MAX);
	mp_buf_init(&body, MP_REPLY_MAX);
	if ((r = enrolled(c, &st, e)) != 0 ||
	    (r = mp_policy_path(a, c->url.host, &path, e)) != 0)
		goto out;
	mp_client_step(c, "fetching policy %s", a->policy);
	r = mp_exchange_get(
	    &c->x, (const char *)path.data, st.smsid, identify, &body, e);
	if (r == 0)
		r = mp_policy_open(a, &c->me, &body, xml, e);
out:
	mp_buf_release(&path);
	mp_buf_release(&body);
	return r;
}
