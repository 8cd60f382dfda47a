#include "tests/unit/mp/little_mp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/cms.h>

#include "mp/encode.h"
#include "mp/hex.h"
#include "mp/reply.h"
#include "mp/utf16.h"
#include "mp/zip.h"

#define TYPE "multipart/mixed; boundary=\"" MP_BOUNDARY "\""
#define ROOM (4u << 20)

static enum little_kind
kind(const char *xml)
{
	if (strstr(xml, "<RequestAssignments") != NULL)
		return LITTLE_ASSIGNMENTS;
	if (strstr(xml, "RequestType=\"Confirmation\"") != NULL)
		return LITTLE_CONFIRMATION;
	if (strstr(xml, "RequestType=\"Registration\"") != NULL)
		return LITTLE_REGISTRATION;
	return LITTLE_OTHER;
}

/* The <Msg> header of a request: UTF-16 of ASCII. */
static void
header(const struct https_request *q, char *out, size_t max)
{
	const uint8_t *p = memmem(q->body, q->len, "\xff\xfe", 2);
	size_t n = 0;

	for (; p != NULL && p + 3 < q->body + q->len && n + 1 < max; p += 2) {
		if (p[3] != 0)
			break;
		out[n++] = (char)p[2];
		if (n >= 6 && memcmp(out + n - 6, "</Msg>", 6) == 0)
			break;
	}
	out[n] = '\0';
}

/* A request is framed as a reply is, so the same code takes it apart. */
static void
look(const struct https_request *q, struct little_seen *s)
{
	struct mp_reply r = {0};
	struct mp_error e;
	struct mp_buf xml;

	s->kind = LITTLE_OTHER;
	mp_buf_init(&xml, ROOM);
	header(q, s->header, sizeof(s->header));
	if (mp_reply_parse(&r, TYPE, q->body, q->len, &e) == 0 &&
	    mp_reply_body(&r, &xml, &e) == 0) {
		(void)snprintf(
		    s->xml, sizeof(s->xml), "%s", (const char *)xml.data);
		s->kind = kind(s->xml);
	} else {
		(void)snprintf(s->xml, sizeof(s->xml), "%s", e.text);
	}
	mp_reply_release(&r);
	mp_buf_release(&xml);
}

static struct little_answer *
choose(struct little_mp *m, const struct little_seen *s)
{
	for (struct little_answer *a = m->answers; a->kind != 0; a++) {
		if (a->kind != s->kind || a->used)
			continue;
		if (a->path != NULL &&
		    strncmp(s->path, a->path, strlen(a->path)) != 0)
			continue;
		a->used = !a->forever;
		return a;
	}
	return NULL;
}

/* Hook authenticate, over the payload as it is sent (wire-facts 6.3). */
static void
hook(
    const struct little_mp *m, const struct mp_buf *payload, struct mp_buf *out)
{
	const unsigned flags = CMS_BINARY | CMS_DETACHED;
	BIO *data = BIO_new_mem_buf(payload->data, (int)payload->len);
	CMS_ContentInfo *cms;
	uint8_t *der = NULL;
	int len;

	cms = CMS_sign(m->sign_cert, m->sign_key, NULL, data, flags);
	len = i2d_CMS_ContentInfo(cms, &der);
	mp_buf_str(out, "<Hook Name=\"authenticate\">"
			"<Property Name=\"Signature\">");
	mp_hex_add(out, der, len > 0 ? (size_t)len : 0);
	mp_buf_printf(out,
	    "</Property><Property Name=\"MPSiteCode\">%s</Property>"
	    "<Property Name=\"AuthSenderMachine\">%s</Property></Hook>",
	    m->site, m->senders);
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	BIO_free(data);
}

static void
reply(const struct little_mp *m, const char *xml, struct mp_buf *out)
{
	struct mp_buf text, packed, head;
	struct mp_error e;

	mp_buf_init(&text, ROOM);
	mp_buf_init(&packed, ROOM);
	mp_buf_init(&head, ROOM);
	mp_buf_add(&text, "\xff\xfe", 2);
	(void)mp_utf16_add(&text, xml, strlen(xml), &e);
	mp_buf_add(&text, "\0", 2);
	(void)mp_zip(text.data, text.len, &packed, &e);
	mp_buf_printf(&head,
	    "<Msg SchemaVersion=\"1.1\"><ID>{11111111-2222-3333-4444-"
	    "555555555555}</ID><Body Type=\"ByteRange\" Offset=\"0\" "
	    "Length=\"%zu\"/><Hooks>",
	    packed.len);
	if (m->sign_cert != NULL)
		hook(m, &packed, &head);
	mp_buf_str(&head, "<Hook3 Name=\"zlib-compress\"/></Hooks>"
			  "<Payload Type=\"inline\"/></Msg>");
	mp_buf_clear(&text);
	(void)mp_encode_head(&head, &text, &e);
	mp_buf_add(&text, packed.data, packed.len);
	mp_encode_tail(&text);
	https_answer(out, 200, TYPE, text.data, text.len);
	mp_buf_release(&text);
	mp_buf_release(&packed);
	mp_buf_release(&head);
}

void
little_handle(void *ctx, struct https_request *q, struct mp_buf *out)
{
	struct little_mp *m = ctx;
	struct little_seen *s = calloc(1, sizeof(*s));
	const struct little_answer *a;

	if (s == NULL)
		abort();
	(void)snprintf(s->path, sizeof(s->path), "%.511s", q->path);
	memcpy(s->head, q->head, sizeof(s->head));
	if (strcmp(q->method, "GET") == 0)
		s->kind = LITTLE_GET;
	else
		look(q, s);
	a = choose(m, s);
	if (a == NULL) {
		https_answer(out, 404, NULL, "", 0);
	} else {
		q->pause_ms = a->pause_ms;
		if (a->status != 0)
			https_answer(out, a->status, NULL, "", 0);
		else if (s->kind == LITTLE_GET)
			https_answer(out, 200, "text/xml", a->xml,
			    a->len > 0 ? a->len : strlen(a->xml));
		else
			reply(m, a->xml, out);
	}
	if (m->count < LITTLE_SEEN_MAX)
		m->seen[m->count++] = *s;
	free(s);
}

unsigned
little_count(const struct little_mp *m, enum little_kind k)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->count; i++)
		n += m->seen[i].kind == k ? 1 : 0;
	return n;
}
