#include "mp/client_send.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mp/client_internal.h"
#include "mp/kinds/fallback.h"
#include "mp/kinds/value.h"
#include "mp/preview.h"
#include "mp/reply.h"
#include "mp/seal.h"
#include "mp/utf16.h"
#include "mp/xml.h"

#define PROPERTIES_MAX 64 /* of one message */

static const char file_type[] = "FileType";

/* A message in the making. */
struct parcel {
	struct mp_client *c;
	const struct mp_send *what;
	const struct mp_kind_rule *kind; /* NULL: none that we know */
	uint32_t flags;
	enum mp_reply_mode mode;
	struct mp_client_voice voice;
	struct mp_buf body;
	struct mp_property properties[PROPERTIES_MAX];
	struct mp_message m;
	struct mp_error *e;
};

static int
choose_flags(struct parcel *p)
{
	const struct mp_send *what = p->what;
	bool native = p->c->cfg.mode == MP_MODE_NATIVE;

	if (what->flags_given && !native && (what->flags & MP_FLAG_NATIVE))
		return mp_fail(p->e, MP_EARG,
		    "the message has the flag for native mode, and this "
		    "client talks in mixed mode; choose one of the two");
	if (what->flags_given)
		p->flags = what->flags | (native ? MP_FLAG_NATIVE : 0u);
	else if (p->kind != NULL)
		p->flags = mp_kind_default_flags(p->kind, native);
	else
		p->flags = (native ? MP_FLAG_NATIVE : 0u) | MP_FLAG_SIGN |
			   MP_FLAG_COMPRESS;
	return mp_kind_check_flags(
	    p->kind, p->flags, p->c->cfg.internet != 0, p->e);
}

/* The body as it goes: without a declaration but the kind's own. */
static int
take_body(struct parcel *p)
{
	const char *text = p->what->body != NULL ? p->what->body : "";
	size_t len = strlen(text), skip;
	struct mp_xml *doc;
	int r;

	skip = mp_value_prolog(text, len);
	if (p->kind != NULL) {
		r = mp_kind_check_body(p->kind, text + skip, len - skip, p->e);
	} else {
		r = mp_value_parse(
		    &doc, text + skip, len - skip, "the message's body", p->e);
		mp_xml_free(doc);
	}
	if (r != 0)
		return r;
	mp_buf_str(&p->body, p->kind != NULL ? mp_kind_prolog(p->kind) : "");
	mp_buf_add(&p->body, text + skip, len - skip);
	if (!mp_buf_ok(&p->body))
		return mp_fail(
		    p->e, MP_ELIMIT, "the message's body is too long");
	return 0;
}

/* The kind's FileType first; a caller's own of that name gives way. */
static int
take_properties(struct parcel *p)
{
	const struct mp_property *given = p->what->properties;
	const char *type = p->kind != NULL ? p->kind->file_type : NULL;
	size_t n = 0;

	if (p->what->nproperties >= PROPERTIES_MAX)
		return mp_fail(p->e, MP_ELIMIT,
		    "a message has at most %d properties", PROPERTIES_MAX - 1);
	if (type != NULL)
		p->properties[n++] =
		    (struct mp_property){.name = file_type, .value = type};
	for (size_t i = 0; i < p->what->nproperties; i++)
		if (type == NULL || strcasecmp(given[i].name, file_type) != 0)
			p->properties[n++] = given[i];
	p->m.properties = p->properties;
	p->m.nproperties = n;
	return 0;
}

/*
 * Who sends it. An upload that is not signed says so as well if it can, as
 * seen (sdk/24 [S]); a question that is not signed does not (sdk/50 [S]).
 */
static int
take_sender(struct parcel *p)
{
	struct mp_client *c = p->c;
	bool sign = (p->flags & MP_FLAG_SIGN) != 0;
	int r = 0;

	if (sign || (p->mode == MP_REPLY_ASYNC && c->cfg.state_dir != NULL))
		r = mp_client_voice(c, &p->voice, p->e);
	if (r == MP_ENOTFOUND && !sign)
		r = 0;
	if (r != 0)
		return r;
	if (p->voice.source[0] != '\0')
		p->m.source_id = p->voice.source;
	p->m.source_host =
	    p->voice.netbios[0] != '\0' ? p->voice.netbios : c->cfg.netbios;
	if (sign && p->m.source_host == NULL)
		return mp_fail(p->e, MP_EARG,
		    "a signed message needs its sender's NetBIOS name, and "
		    "none is stored with the registration; give it "
		    "(--netbios)");
	return 0;
}

static int
prepare(struct parcel *p)
{
	const struct mp_send *what = p->what;
	int r;

	p->kind = what->kind;
	if (p->kind == NULL && what->endpoint == NULL)
		return mp_fail(p->e, MP_EARG,
		    "the message has neither a kind nor an endpoint");
	mp_buf_init(&p->body, MP_XML_MAX + CLIENT_REQUEST_MAX);
	if (mp_message_init(&p->m) != 0)
		return mp_fail(
		    p->e, MP_ENOMEM, "this machine gives no random numbers");
	if ((r = choose_flags(p)) != 0 || (r = take_body(p)) != 0 ||
	    (r = take_properties(p)) != 0)
		return r;
	p->m.body = (const char *)p->body.data;
	p->m.endpoint = p->kind != NULL ? p->kind->endpoint : what->endpoint;
	if (p->m.endpoint == NULL) /* no envelope, so nobody signs */
		return 0;
	p->m.target_host = p->c->url.host;
	p->m.flags = p->flags;
	p->m.attachments = what->attachments;
	p->m.nattachments = what->nattachments;
	p->m.reply_mode = p->mode;
	p->m.timeout_ms = p->c->cfg.timeout_ms;
	return take_sender(p);
}

static enum mp_reply_mode
mode_of(const struct mp_send *what, const struct mp_buf *reply)
{
	if (what->kind != NULL)
		return what->kind->mode;
	return reply != NULL ? MP_REPLY_SYNC : MP_REPLY_ASYNC;
}

/* From now on, lists are looked at on every connection. */
static int
check_revocation(struct parcel *p)
{
	int r;

	if ((p->flags & MP_FLAG_CRL) == 0 || p->c->cfg.crl)
		return 0;
	p->c->cfg.crl = true;
	r = mp_client_connect(p->c, p->e);
	if (r != 0)
		p->c->cfg.crl = false;
	return r;
}

/* Is that what was asked for? */
static int
answers(const struct parcel *p, const struct mp_buf *reply)
{
	const char *want = p->kind != NULL ? p->kind->reply_root : NULL;
	struct mp_xml *doc;
	int r;

	if (want == NULL || p->mode != MP_REPLY_SYNC)
		return 0;
	r = mp_xml_parse(
	    &doc, (const char *)reply->data, reply->len, "the reply", p->e);
	if (r == 0 && !mp_xml_is(mp_xml_root(doc), want))
		r = mp_fail(p->e, MP_EREPLY,
		    "%s answered a %s message with <%.60s>, and not with "
		    "<%s>; the reply is not used",
		    p->c->url.text, p->kind->name,
		    mp_xml_name(mp_xml_root(doc)), want);
	mp_xml_free(doc);
	return r;
}

static int
deliver(struct parcel *p, struct mp_buf *reply)
{
	struct mp_client *c = p->c;
	const struct mp_send *what = p->what;
	int r;

	mp_client_step(c, "sending a message to %s at %s",
	    p->m.endpoint != NULL ? p->m.endpoint : MP_FALLBACK_PATH,
	    c->url.host);
	mp_http_watch(c->http, what->progress, what->progress_ctx);
	if (p->m.endpoint != NULL)
		r = mp_exchange_message(&c->x, &p->m, reply, p->e);
	else
		r = mp_exchange_report(&c->x, MP_FALLBACK_PATH, &p->body, p->e);
	mp_http_watch(c->http, NULL, NULL);
	return r == 0 ? answers(p, reply) : r;
}

int
mp_client_send(struct mp_client *c, const struct mp_send *what,
    struct mp_buf *reply, struct mp_error *e)
{
	struct mp_error own;
	struct mp_buf none;
	struct parcel p = {.c = c, .what = what, .mode = mode_of(what, reply)};
	int r;

	p.e = e != NULL ? e : &own;
	c->x.proof = NULL;
	mp_buf_init(&none, MP_CONTENT_MAX);
	reply = reply != NULL ? reply : &none;
	mp_buf_clear(reply);
	r = prepare(&p);
	if (r == 0)
		r = check_revocation(&p);
	if (r == 0 && (p.flags & MP_FLAG_ENCRYPT) != 0)
		r = mp_client_encrypt(c, p.e);
	if (r == 0)
		r = deliver(&p, reply);
	if (r != 0)
		mp_buf_clear(reply);
	mp_buf_release(&p.body);
	mp_buf_release(&none);
	return r;
}

/* The <Msg> element, out of the frame that it is sent in. */
static int
show_header(
    const struct mp_sealed *sealed, struct mp_buf *out, struct mp_error *e)
{
	static const char bom[] = "\xFF\xFE", end[] = "\r\n--";
	const struct mp_buf *head = &sealed->head;
	const uint8_t *from, *to = NULL;

	from = memmem(head->data, head->len, bom, 2);
	if (from != NULL)
		to = memmem(from, head->len - (size_t)(from - head->data), end,
		    sizeof(end) - 1);
	if (to == NULL)
		return mp_fail(e, MP_EARG, "the message has no header");
	return mp_text_to_utf8(from, (size_t)(to - from), out, e);
}

/* As deliver() does, but to nobody. */
static int
seal(struct parcel *p, struct mp_buf *header, struct mp_sealed *request)
{
	const struct mp_seal_config how = {.hash = p->c->cfg.hash,
	    .recipients = p->c->x.recipients,
	    .payload_max = p->c->x.payload_max};
	int r;

	if (p->m.endpoint == NULL)
		return mp_spool_write(
		    &request->payload, p->body.data, p->body.len, p->e);
	r = mp_seal(&p->c->me, &p->m, &how, request, p->e);
	return r == 0 ? show_header(request, header, p->e) : r;
}

/* Whom to encrypt to, if that can be known without asking. */
static int
name_recipients(struct parcel *p)
{
	struct mp_client *c = p->c;

	if ((p->flags & MP_FLAG_ENCRYPT) == 0)
		return 0;
	if (c->cfg.encrypt_certs == NULL && c->x.recipients == NULL)
		return mp_fail(p->e, MP_EARG,
		    "a dry run asks nobody, so it does not learn whom to "
		    "encrypt to; name the certificates with --encrypt-certs");
	return mp_client_encrypt(c, p->e);
}

int
mp_client_dry_run(struct mp_client *c, const struct mp_send *what,
    struct mp_buf *header, struct mp_buf *payload, struct mp_sealed *request,
    struct mp_error *e)
{
	struct parcel p = {.c = c, .what = what, .mode = mode_of(what, header)};
	struct mp_error own;
	int r;

	p.e = e != NULL ? e : &own;
	mp_buf_clear(header);
	mp_buf_clear(payload);
	if ((r = prepare(&p)) == 0 && (r = name_recipients(&p)) == 0 &&
	    (r = seal(&p, header, request)) == 0)
		r = mp_preview(&p.m, payload, p.e);
	if (r != 0) {
		mp_buf_clear(header);
		mp_buf_clear(payload);
		mp_sealed_release(request);
	}
	mp_buf_release(&p.body);
	return r;
}
