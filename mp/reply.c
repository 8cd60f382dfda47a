#include "mp/reply.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mp/hex.h"
#include "mp/multipart.h"
#include "mp/number.h"
#include "mp/utf16.h"
#include "mp/xml.h"
#include "mp/zip.h"

#define HEADER_MAX (1u << 20)     /* bytes of <Msg>, as UTF-8 */
#define SIGNATURE_MAX (64u << 10) /* bytes of a detached CMS */

static int
copy(char **to, const char *text, struct mp_error *e)
{
	*to = strdup(text);
	return *to != NULL ? MP_OK
			   : mp_fail(e, MP_ENOMEM,
				 "no memory for a "
				 "reply");
}

/*
 * The one child `name`, which security hangs on: a second one is refused,
 * since two readers might not choose the same. NULL in *child if none.
 */
static int
only_child(const struct mp_xml_node *n, const char *name,
    const struct mp_xml_node **child, struct mp_error *e)
{
	*child = mp_xml_child(n, name);
	if (*child != NULL && mp_xml_next(*child, name) != NULL)
		return mp_fail(e, MP_EREPLY,
		    "the reply's header has more than "
		    "one %s element",
		    name);
	return MP_OK;
}

/* A property of the authenticate hook: at most once, "" if missing. */
static int
property(const struct mp_xml_node *hook, const char *name, const char **text,
    struct mp_error *e)
{
	const struct mp_xml_node *p = mp_xml_child(hook, "Property");
	bool seen = false;

	*text = "";
	for (; p != NULL; p = mp_xml_next(p, "Property")) {
		const char *called = mp_xml_attr(p, "Name");

		if (called == NULL || strcasecmp(called, name) != 0)
			continue;
		if (seen)
			return mp_fail(e, MP_EREPLY,
			    "the reply's authenticate "
			    "hook has two properties %s",
			    name);
		*text = mp_xml_text(p);
		seen = true;
	}
	return MP_OK;
}

static int
take_signature(struct mp_reply *r, const char *hex, struct mp_error *e)
{
	struct mp_buf der;

	mp_buf_init(&der, SIGNATURE_MAX);
	if (!mp_hex_decode(hex, strlen(hex), &der) || der.len == 0) {
		mp_buf_release(&der);
		return mp_fail(e, MP_EREPLY,
		    "the reply's authenticate hook "
		    "holds no signature in hexadecimal of at most %u bytes",
		    SIGNATURE_MAX);
	}
	r->signature = der.data;
	r->signature_len = der.len;
	return MP_OK;
}

static int
take_authenticate(
    struct mp_reply *r, const struct mp_xml_node *hook, struct mp_error *e)
{
	const char *signature, *site, *senders;
	int x;

	if (r->signed_)
		return mp_fail(e, MP_EREPLY,
		    "the reply has two authenticate "
		    "hooks");
	r->signed_ = true;
	if ((x = property(hook, "Signature", &signature, e)) != MP_OK ||
	    (x = property(hook, "MPSiteCode", &site, e)) != MP_OK ||
	    (x = property(hook, "AuthSenderMachine", &senders, e)) != MP_OK ||
	    (x = take_signature(r, signature, e)) != MP_OK ||
	    (x = copy(&r->site_code, site, e)) != MP_OK)
		return x;
	return copy(&r->senders, senders, e);
}

/* Hook, Hook2 and Hook3 differ by their Name; unknown ones are ignored. */
static int
take_hook(
    struct mp_reply *r, const struct mp_xml_node *hook, struct mp_error *e)
{
	const char *name = mp_xml_attr(hook, "Name");

	if (name == NULL)
		return MP_OK;
	if (strcasecmp(name, "authenticate") == 0)
		return take_authenticate(r, hook, e);
	if (strcasecmp(name, "zlib-compress") == 0) {
		if (r->compressed)
			return mp_fail(e, MP_EREPLY,
			    "the reply has two "
			    "zlib-compress hooks");
		r->compressed = true;
		return MP_OK;
	}
	if (strcasecmp(name, "compress") == 0 ||
	    strcasecmp(name, "encrypt") == 0)
		return mp_fail(e, MP_EREPLY,
		    "the reply's payload is made with "
		    "hook \"%s\", which no known management point uses in "
		    "replies",
		    name);
	return MP_OK;
}

static int
take_body(
    struct mp_reply *r, const struct mp_xml_node *body, struct mp_error *e)
{
	const char *length = mp_xml_attr(body, "Length");
	const char *offset = mp_xml_attr(body, "Offset");
	uint64_t n = 0;

	if (offset != NULL && (!mp_number(offset, MP_REPLY_MAX, &n) || n != 0))
		return mp_fail(e, MP_EREPLY,
		    "the reply's body does not start "
		    "at offset 0");
	if (length != NULL && !mp_number(length, UINT32_MAX, &n))
		return mp_fail(e, MP_EREPLY,
		    "the reply's Body/@Length is no "
		    "number");
	r->body_length = length == NULL ? 0 : (size_t)n;
	return MP_OK;
}

/* Reads <Msg>; the order of its children differs between senders. */
static int
take_header(
    struct mp_reply *r, const struct mp_xml_node *msg, struct mp_error *e)
{
	const struct mp_xml_node *body, *hooks, *id;
	int x;

	if (!mp_xml_is(msg, "Msg"))
		return mp_fail(e, MP_EREPLY,
		    "the reply's header is <%.40s>, "
		    "not <Msg>",
		    mp_xml_name(msg));
	if ((x = only_child(msg, "Body", &body, e)) != MP_OK ||
	    (x = only_child(msg, "Hooks", &hooks, e)) != MP_OK ||
	    (x = only_child(msg, "ID", &id, e)) != MP_OK)
		return x;
	if (body != NULL && (x = take_body(r, body, e)) != MP_OK)
		return x;
	for (hooks = mp_xml_child(hooks, NULL); hooks != NULL;
	     hooks = mp_xml_next(hooks, NULL))
		if ((x = take_hook(r, hooks, e)) != MP_OK)
			return x;
	if (id != NULL && *mp_xml_text(id) != '\0')
		return copy(&r->msg_id, mp_xml_text(id), e);
	return MP_OK;
}

static int
parse_header(struct mp_reply *r, const struct mp_part *part, struct mp_error *e)
{
	struct mp_xml *doc = NULL;
	struct mp_buf text;
	int x;

	mp_buf_init(&text, HEADER_MAX);
	x = mp_text_to_utf8(part->data, part->len, &text, e);
	if (x != MP_OK)
		(void)mp_fail_in(e, "the reply's header");
	else
		x = mp_xml_parse(&doc, (const char *)text.data, text.len,
		    "the reply's header", e);
	if (x == MP_OK)
		x = take_header(r, mp_xml_root(doc), e);
	mp_xml_free(doc);
	mp_buf_release(&text);
	return x;
}

static int
take_payload(struct mp_reply *r, const struct mp_part *part, struct mp_error *e)
{
	/* What is signed is what is read, to the last byte (6.3, 5). */
	if (r->signed_ && r->body_length != part->len)
		return mp_fail(e, MP_EREPLY,
		    "the reply is signed over %zu "
		    "bytes (Body/@Length), but its payload has %zu",
		    r->body_length, part->len);
	r->payload = malloc(part->len + 1);
	if (r->payload == NULL)
		return mp_fail(e, MP_ENOMEM, "no memory for a reply");
	memcpy(r->payload, part->data, part->len);
	r->payload[part->len] = '\0';
	r->payload_len = part->len;
	return MP_OK;
}

int
mp_reply_parse(struct mp_reply *r, const char *content_type,
    const uint8_t *body, size_t len, struct mp_error *e)
{
	struct mp_parts parts;
	int x;

	memset(r, 0, sizeof(*r));
	if (len == 0)
		return mp_fail(e, MP_EREPLY,
		    "the management point has nothing "
		    "to say (200 with an empty body): it does not know this "
		    "client, could not verify its signature, or has no policy "
		    "ready; check the registration");
	if (len > MP_REPLY_MAX)
		return mp_fail(e, MP_ELIMIT,
		    "the reply has %zu bytes, more "
		    "than the %u we take",
		    len, MP_REPLY_MAX);
	x = mp_multipart_parse(content_type, body, len, &parts, e);
	if (x == MP_OK && parts.count != 2)
		x = mp_fail(e, MP_EREPLY,
		    "the reply has %zu parts, not header "
		    "and payload",
		    parts.count);
	if (x == MP_OK)
		x = parse_header(r, &parts.list[0], e);
	if (x == MP_OK)
		x = take_payload(r, &parts.list[1], e);
	if (x != MP_OK)
		mp_reply_release(r);
	return x;
}

int
mp_reply_body(const struct mp_reply *r, struct mp_buf *xml, struct mp_error *e)
{
	struct mp_buf clear;
	int x;

	mp_buf_init(&clear, MP_CONTENT_MAX);
	if (!r->compressed) {
		x = mp_text_to_utf8(r->payload, r->payload_len, xml, e);
	} else {
		x = mp_unzip(r->payload, r->payload_len, &clear, e);
		if (x == MP_OK)
			x = mp_text_to_utf8(clear.data, clear.len, xml, e);
	}
	if (x == MP_OK && xml->len == 0)
		x = mp_fail(e, MP_EREPLY, "it is empty");
	if (x != MP_OK) {
		(void)mp_fail_in(e, "the reply's payload");
		mp_buf_clear(xml);
	}
	mp_buf_release(&clear);
	return x;
}

void
mp_reply_release(struct mp_reply *r)
{
	if (r == NULL)
		return;
	free(r->payload);
	free(r->signature);
	free(r->site_code);
	free(r->senders);
	free(r->msg_id);
	memset(r, 0, sizeof(*r));
}
