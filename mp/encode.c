#include "mp/encode.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp/attachment.h"
#include "mp/text.h"
#include "mp/utf16.h"
#include "mp/writer.h"

/* Why these values: wire-facts 2, what the vendor's own client sends [S]. */
#define NO_GUID "{00000000-0000-0000-0000-000000000000}"
#define REPLY_ENDPOINT "SccmMessaging"

static int
check_names(const struct mp_message *m, struct mp_error *e)
{
	const struct mp_attachment *a = m->attachments;

	if (m->nattachments > MP_ATTACHMENTS_MAX)
		return mp_fail(e, MP_ELIMIT,
		    "%zu attachments are more than the %d that a message may "
		    "have; send several messages",
		    m->nattachments, MP_ATTACHMENTS_MAX);
	for (size_t i = 0; i < m->nattachments; i++) {
		if (a[i].name == NULL || a[i].name[0] == '\0')
			return mp_fail(e, MP_EARG,
			    "attachment number %zu has no name", i + 1);
		for (size_t k = 0; k < i; k++)
			if (strcmp(a[i].name, a[k].name) == 0)
				return mp_fail(e, MP_EARG,
				    "two attachments are named %.80s; their "
				    "names must differ",
				    a[i].name);
	}
	return MP_OK;
}

static int
put_body(const struct mp_message *m, const struct mp_sink *out, uint64_t *len,
    struct mp_error *e)
{
	struct mp_text t;
	size_t used;
	int r;

	mp_text_init(&t, out);
	r = mp_text_put(
	    &t, (const uint8_t *)m->body, strlen(m->body), true, &used, e);
	*len = t.written + 2;
	mp_text_release(&t);
	if (r != MP_OK)
		return mp_fail_in(e, "the message's body");
	return out->put(out->ctx, "\0", 2, e);
}

int
mp_encode_payload(const struct mp_message *m, const struct mp_sink *out,
    struct mp_layout *layout, struct mp_error *e)
{
	int r;

	memset(layout, 0, sizeof(*layout));
	if (m->body == NULL || m->body[0] == '\0')
		return mp_fail(e, MP_EARG, "the message has no body");
	r = check_names(m, e);
	if (r != MP_OK)
		return r;
	if (m->nattachments > 0) {
		layout->lengths =
		    calloc(m->nattachments, sizeof(*layout->lengths));
		if (layout->lengths == NULL)
			return mp_fail(
			    e, MP_ENOMEM, "no memory for attachments");
	}
	r = put_body(m, out, &layout->body_len, e);
	for (size_t i = 0; r == MP_OK && i < m->nattachments; i++)
		r = mp_attachment_put(
		    &m->attachments[i], out, &layout->lengths[i], e);
	/* Two ASCII bytes inside what is compressed and signed, but outside
	 * of every length (wire-facts 1.4). */
	return r == MP_OK ? out->put(out->ctx, "\r\n", 2, e) : r;
}

void
mp_layout_release(struct mp_layout *l)
{
	free(l->lengths);
	l->lengths = NULL;
}

static void
put_property(struct mp_writer *w, const char *name, const char *value)
{
	if (value == NULL)
		return;
	mp_writer_start(w, "Property");
	mp_writer_set(w, "Name", name);
	mp_writer_put(w, value);
	mp_writer_end(w, "Property");
}

static void
put_hooks(struct mp_writer *w, const struct mp_message *m,
    const struct mp_clientauth *auth)
{
	bool native = (m->flags & MP_FLAG_NATIVE) != 0;

	mp_writer_start(w, "Hooks");
	if (auth != NULL && auth->payload_signature != NULL) {
		mp_writer_start(w, "Hook2");
		mp_writer_set(w, "Name", "clientauth");
		put_property(w, "AuthSenderMachine", m->source_host);
		put_property(w, "PublicKey", auth->public_key);
		put_property(w, "ClientIDSignature", auth->client_id_signature);
		put_property(w, "PayloadSignature", auth->payload_signature);
		put_property(
		    w, "ClientCapabilities", native ? "SSL" : "NonSSL");
		put_property(w, "HashAlgorithm", auth->hash_algorithm);
		mp_writer_end(w, "Hook2");
	}
	if (m->flags & MP_FLAG_COMPRESS) {
		mp_writer_start(w, "Hook3");
		mp_writer_set(w, "Name", "zlib-compress");
		mp_writer_end(w, "Hook3");
	}
	if (m->flags & MP_FLAG_ENCRYPT) {
		mp_writer_start(w, "Hook2");
		mp_writer_set(w, "Name", "encrypt");
		mp_writer_end(w, "Hook2");
	}
	mp_writer_end(w, "Hooks");
}

static void
put_joined(struct mp_writer *w, const char *name, const char *before,
    const char *value, const char *after)
{
	mp_writer_start(w, name);
	mp_writer_put(w, before);
	mp_writer_put(w, value);
	mp_writer_put(w, after);
	mp_writer_end(w, name);
}

/* A number in decimal. */
static const char *
decimal(char text[24], uint64_t value)
{
	(void)snprintf(text, 24, "%" PRIu64, value);
	return text;
}

/*
 * Each attachment is announced once, at its place in the clear payload. The
 * vendor's SDK announces it a second time before, of Type ByteRange with an
 * Offset of 0 that means nothing; the form with the true Offset, which bears
 * no Type, is the one to go by (wire-facts 8.1 [S]).
 */
static void
put_attachments(struct mp_writer *w, const struct mp_message *m,
    const struct mp_layout *layout)
{
	uint64_t at = layout->body_len;
	char number[24];

	for (size_t i = 0; i < m->nattachments; i++) {
		mp_writer_start(w, "Attachment");
		mp_writer_set(w, "Length", decimal(number, layout->lengths[i]));
		mp_writer_set(w, "Name", m->attachments[i].name);
		mp_writer_set(w, "Offset", decimal(number, at));
		mp_writer_end(w, "Attachment");
		at += layout->lengths[i];
	}
}

/* Everything after the hooks, in the order of wire-facts 2. */
static void
put_rest(struct mp_writer *w, const struct mp_message *m)
{
	char number[24];

	mp_writer_leaf(w, "ID", m->id);
	mp_writer_start(w, "Payload");
	mp_writer_set(w, "Type", "inline");
	mp_writer_end(w, "Payload");
	mp_writer_leaf(w, "Priority", "0");
	for (size_t i = 0; i < m->nproperties; i++) {
		mp_writer_start(w, "Property");
		mp_writer_set(w, "Name", m->properties[i].name);
		mp_writer_set(w, "Value", m->properties[i].value);
		mp_writer_end(w, "Property");
	}
	mp_writer_leaf(w, "Protocol", "http"); /* over TLS as well */
	mp_writer_leaf(
	    w, "ReplyMode", m->reply_mode == MP_REPLY_ASYNC ? "Async" : "Sync");
	put_joined(w, "ReplyTo", "direct:", m->source_host, ":" REPLY_ENDPOINT);
	mp_writer_leaf(w, "SentTime", m->sent);
	if (m->source_id != NULL)
		mp_writer_leaf(w, "SourceID", m->source_id);
	mp_writer_leaf(w, "SourceHost", m->source_host);
	put_joined(w, "TargetAddress", "mp:", m->endpoint, "");
	mp_writer_leaf(w, "TargetEndpoint", m->endpoint);
	mp_writer_leaf(w, "TargetHost", m->target_host);
	mp_writer_leaf(w, "Timeout", decimal(number, m->timeout_ms));
}

int
mp_encode_header(const struct mp_message *m, const struct mp_clientauth *auth,
    const struct mp_layout *layout, struct mp_buf *xml, struct mp_error *e)
{
	struct mp_writer w;
	char number[24];

	if (m->endpoint == NULL || m->source_host == NULL ||
	    m->target_host == NULL || m->id[0] == '\0' || m->sent[0] == '\0')
		return mp_fail(e, MP_EARG,
		    "a message needs an endpoint, a "
		    "source host, a target host, an id and a time");
	for (size_t i = 0; i < m->nproperties; i++)
		if (m->properties[i].name == NULL ||
		    m->properties[i].value == NULL)
			return mp_fail(e, MP_EARG,
			    "a property of the message has no name or no "
			    "value");
	mp_writer_init(&w, xml);
	mp_writer_start(&w, "Msg");
	mp_writer_set(&w, "ReplyCompression", "zlib");
	mp_writer_set(&w, "SchemaVersion", "1.1");
	put_attachments(&w, m, layout);
	mp_writer_start(&w, "Body");
	mp_writer_set(&w, "Type", "ByteRange");
	mp_writer_set(&w, "Length", decimal(number, layout->body_len));
	mp_writer_set(&w, "Offset", "0");
	mp_writer_end(&w, "Body");
	mp_writer_leaf(&w, "CorrelationID", NO_GUID);
	put_hooks(&w, m, auth);
	put_rest(&w, m);
	mp_writer_end(&w, "Msg");
	return mp_writer_done(&w, "the message's header", e);
}

int
mp_encode_head(
    const struct mp_buf *header_xml, struct mp_buf *out, struct mp_error *e)
{
	int r;

	mp_buf_str(out,
	    "--" MP_BOUNDARY "\r\n"
	    "content-type: text/plain; charset=UTF-16\r\n\r\n\xFF\xFE");
	r = mp_utf16_add(
	    out, (const char *)header_xml->data, header_xml->len, e);
	if (r != MP_OK)
		return mp_fail_in(e, "the message's header");
	mp_buf_str(out, "\r\n--" MP_BOUNDARY "\r\n"
			"content-type: application/octet-stream\r\n\r\n");
	if (!mp_buf_ok(out))
		return mp_fail(e, MP_ELIMIT,
		    "the message's header is longer than %zu bytes", out->max);
	return MP_OK;
}

void
mp_encode_tail(struct mp_buf *out)
{
	mp_buf_str(out, "\r\n--" MP_BOUNDARY "--");
}
