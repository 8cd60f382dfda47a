#include "mp/exchange.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "mp/encode.h"
#include "mp/reply.h"
#include "mp/seal.h"

#define EXCHANGE_FOLDER "/SMS_MP/"
#define EXCHANGE_TYPE "multipart/mixed; boundary=\"" MP_BOUNDARY "\""
#define EXCHANGE_URL_MAX 4096
#define EXCHANGE_FIELD_MAX 4096 /* hex of an RSA-8192 signature, and a name */

/* Identity headers of a download, "set A" (wire-facts 5.3 [S]). */
enum identity_field {
	FIELD_ID,
	FIELD_ID_SIGNATURE,
	FIELD_TIME,
	FIELD_TIME_SIGNATURE,
	FIELD_COUNT
};

struct identity_fields {
	struct mp_buf line[FIELD_COUNT];
	const char *list[FIELD_COUNT + 1];
};

static int
address(const struct mp_exchange *x, const char *path,
    char url[EXCHANGE_URL_MAX], struct mp_error *e)
{
	int n = snprintf(url, EXCHANGE_URL_MAX, "%s%s", x->url, path);

	if (path[0] == '/' && n > 0 && n < EXCHANGE_URL_MAX)
		return 0;
	return mp_fail(e, MP_EARG, "%.80s: not a usable path", path);
}

/* What became of a message, and where it goes. */
static void
tell_request(const struct mp_exchange *x, const struct mp_message *m,
    const struct mp_sealed *sealed, const char *url)
{
	bool sign = (m->flags & MP_FLAG_SIGN) != 0;
	bool encrypt = (m->flags & MP_FLAG_ENCRYPT) != 0;
	char to[96] = "";

	if (encrypt)
		(void)snprintf(to, sizeof(to),
		    ", encrypted (%s) to %zu certificate%s",
		    x->recipients->cipher == MP_CIPHER_AES256 ? "AES-256"
							      : "triple DES",
		    x->recipients->n, x->recipients->n == 1 ? "" : "s");
	mp_step_tell(&x->step, "sealed: %s%s%s%s",
	    (m->flags & MP_FLAG_COMPRESS) != 0 ? "compressed"
					       : "not compressed",
	    sign ? ", signed by " : ", not signed",
	    sign ? x->me->thumbprint : "", to);
	mp_step_tell(&x->step, "CCM_POST %s, %llu bytes", url,
	    (unsigned long long)mp_sealed_size(sealed));
}

static void
tell_reply(const struct mp_exchange *x, const struct mp_http_reply *raw)
{
	if (raw->status != 0)
		mp_step_tell(&x->step, "HTTP status %ld, %zu bytes",
		    raw->status, raw->body.len);
}

static int
post(struct mp_exchange *x, const struct mp_message *m,
    struct mp_http_reply *raw, struct mp_error *e)
{
	char url[EXCHANGE_URL_MAX];
	const struct mp_seal_config how = {.hash = x->hash,
	    .recipients = x->recipients,
	    .spool_dir = x->spool_dir,
	    .payload_max = x->payload_max};
	struct mp_sealed sealed;
	int r;

	mp_sealed_init(&sealed);
	if ((r = address(x, x->path, url, e)) != 0 ||
	    (r = mp_seal(x->me, m, &how, &sealed, e)) != 0)
		goto out;
	tell_request(x, m, &sealed, url);
	r = mp_http_post(x->http, url, EXCHANGE_TYPE, &sealed, raw, e);
	tell_reply(x, raw);
out:
	mp_sealed_release(&sealed);
	return r;
}

/* What an answer says, once it is believed. */
static int
believe(struct mp_exchange *x, const struct mp_http_reply *raw,
    struct mp_buf *xml, struct mp_error *e)
{
	struct mp_reply reply = {0};
	int r;

	r = mp_reply_parse(&reply,
	    raw->content_type[0] != '\0' ? raw->content_type : NULL,
	    raw->body.data, raw->body.len, e);
	if (r == 0)
		r = mp_trust_verify(x->trust, &reply, x->site, x->host, x->rule,
		    x->tls, &x->proof, e);
	if (r == 0) {
		mp_step_tell(&x->step, "the reply is proven by %s",
		    x->proof != NULL ? x->proof : "nothing");
		r = mp_reply_body(&reply, xml, e);
	}
	mp_reply_release(&reply);
	return r;
}

int
mp_exchange_message(struct mp_exchange *x, const struct mp_message *m,
    struct mp_buf *xml, struct mp_error *e)
{
	struct mp_http_reply raw = {0};
	int r;

	x->proof = NULL;
	x->status = 0;
	r = post(x, m, &raw, e);
	x->status = raw.status;
	/* Nothing is what uploads are answered with (wire-facts 1.5 [O]). */
	if (r == 0 && m->reply_mode == MP_REPLY_ASYNC && raw.body.len == 0)
		x->proof = x->tls ? "tls" : NULL;
	else if (r == 0)
		r = believe(x, &raw, xml, e);
	if (r != 0) {
		x->proof = NULL;
		mp_buf_clear(xml);
		r = mp_fail_in(e, "%s at %s", m->endpoint, x->host);
	}
	mp_buf_release(&raw.body);
	return r;
}

int
mp_exchange_report(struct mp_exchange *x, const char *path,
    const struct mp_buf *report, struct mp_error *e)
{
	struct mp_http_reply raw = {0};
	char url[EXCHANGE_URL_MAX];
	struct mp_sealed body;
	int r;

	x->proof = NULL;
	x->status = 0;
	mp_sealed_init(&body);
	/* No Content-Type goes with it (wire-facts 8.3 [S]). */
	if ((r = address(x, path, url, e)) != 0 ||
	    (r = mp_spool_write(&body.payload, report->data, report->len, e)) !=
		0)
		goto out;
	mp_step_tell(&x->step, "POST %s, %zu bytes", url, report->len);
	r = mp_http_post_plain(x->http, url, NULL, &body, &raw, e);
	tell_reply(x, &raw);
	if (r == 0)
		x->proof = x->tls ? "tls" : NULL;
out:
	x->status = raw.status;
	if (r != 0)
		r = mp_fail_in(e, "%s at %s", path, x->host);
	mp_sealed_release(&body);
	mp_buf_release(&raw.body);
	return r;
}

static int
introduce(const struct mp_exchange *x, const char *smsid,
    struct identity_fields *f, struct mp_error *e)
{
	char now[MP_TIME_MAX];
	time_t t = time(NULL);
	struct tm tm;
	int r;

	if (smsid == NULL || smsid[0] == '\0')
		return mp_fail(e, MP_EARG,
		    "a download with identity needs a registered client; "
		    "register first");
	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return mp_fail(e, MP_EARG, "this machine's clock is absurd");
	mp_buf_printf(&f->line[FIELD_ID], "CCMClientID: %s", smsid);
	mp_buf_printf(&f->line[FIELD_TIME], "CCMClientTimestamp: %s", now);
	mp_buf_str(&f->line[FIELD_ID_SIGNATURE], "CCMClientIDSignature: ");
	mp_buf_str(
	    &f->line[FIELD_TIME_SIGNATURE], "CCMClientTimestampSignature: ");
	r = mp_identity_sign_id(
	    x->me, x->hash, smsid, &f->line[FIELD_ID_SIGNATURE], e);
	if (r == 0)
		r = mp_identity_sign_text(
		    x->me, x->hash, now, &f->line[FIELD_TIME_SIGNATURE], e);
	if (r != 0)
		return r;
	for (int i = 0; i < FIELD_COUNT; i++) {
		if (!mp_buf_ok(&f->line[i]))
			return mp_fail(
			    e, MP_ENOMEM, "identity headers: out of memory");
		f->list[i] = (const char *)f->line[i].data;
	}
	f->list[FIELD_COUNT] = NULL;
	return 0;
}

/* Policies are where the way of authentication has them. */
static int
place(const struct mp_exchange *x, const char *path, char own[EXCHANGE_URL_MAX],
    struct mp_error *e)
{
	static const char folder[] = EXCHANGE_FOLDER ".sms_pol?";
	bool policy = strncasecmp(path, folder, sizeof(folder) - 1) == 0;
	size_t skip = policy ? sizeof(EXCHANGE_FOLDER) - 1 : 0;
	int n = snprintf(own, EXCHANGE_URL_MAX, "%s%s",
	    policy ? x->policies : "", path + skip);

	if (n > 0 && n < EXCHANGE_URL_MAX)
		return 0;
	return mp_fail(e, MP_EARG, "%.80s: not a usable path", path);
}

int
mp_exchange_get(struct mp_exchange *x, const char *path, const char *smsid,
    bool identify, struct mp_buf *body, struct mp_error *e)
{
	struct identity_fields fields = {0};
	struct mp_http_reply raw = {0};
	char url[EXCHANGE_URL_MAX], own[EXCHANGE_URL_MAX];
	int r;

	x->proof = NULL;
	x->status = 0;
	for (int i = 0; i < FIELD_COUNT; i++)
		mp_buf_init(&fields.line[i], EXCHANGE_FIELD_MAX);
	r = place(x, path, own, e);
	if (r == 0)
		r = address(x, own, url, e);
	if (r == 0 && identify)
		r = introduce(x, smsid, &fields, e);
	if (r != 0)
		goto out;
	mp_step_tell(&x->step, "GET %s%s", url,
	    identify ? ", with this client's signature" : "");
	r = mp_http_get(x->http, url, identify ? fields.list : NULL, &raw, e);
	x->status = raw.status;
	tell_reply(x, &raw);
	if (r != 0)
		goto out;
	/* What an MP says to a client that it does not know (wire-facts 1.5).
	 */
	if (raw.body.len == 0) {
		r = mp_fail(e, MP_EREPLY,
		    "the answer is empty: the management point has nothing to "
		    "say to this client; check that it is registered");
		goto out;
	}
	mp_buf_add(body, raw.body.data, raw.body.len);
	if (!mp_buf_ok(body))
		r = mp_fail(
		    e, MP_ELIMIT, "the document is larger than is accepted");
	else
		x->proof = x->tls ? "tls" : "none";
out:
	if (r != 0) {
		mp_buf_clear(body);
		r = mp_fail_in(e, "%.200s at %s", path, x->host);
	}
	mp_buf_release(&raw.body);
	for (int i = 0; i < FIELD_COUNT; i++)
		mp_buf_release(&fields.line[i]);
	return r;
}
