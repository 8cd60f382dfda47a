#include "mp/preview.h"

#include <string.h>

#include <openssl/evp.h>

#include "mp/attachment.h"
#include "mp/utf16.h"

#define PIECE 4800                           /* bytes: 100 lines of base64 */
#define LINES (PIECE / 48 * 65 + 2 * 65 + 1) /* characters of them */

/* Base64 on its way. */
struct coder {
	EVP_ENCODE_CTX *state;
	struct mp_buf *out;
};

static int
too_long(struct mp_error *e)
{
	return mp_fail(e, MP_ELIMIT,
	    "the message is too long to be shown as text; show less of it at "
	    "once");
}

static int
put_coded(void *ctx, const void *data, size_t len, struct mp_error *e)
{
	struct coder *c = ctx;
	const uint8_t *p = data;
	uint8_t lines[LINES];
	size_t n;
	int made;

	for (; len > 0; p += n, len -= n) {
		n = len < PIECE ? len : PIECE;
		if (EVP_EncodeUpdate(c->state, lines, &made, p, (int)n) != 1)
			return mp_fail(e, MP_ENOMEM, "no memory for base64");
		mp_buf_add(c->out, lines, (size_t)made);
	}
	return mp_buf_ok(c->out) ? MP_OK : too_long(e);
}

static int
show_bytes(const struct mp_attachment *a, struct mp_buf *out, uint64_t *len,
    struct mp_error *e)
{
	struct coder c = {.state = EVP_ENCODE_CTX_new(), .out = out};
	const struct mp_sink to = {put_coded, &c};
	uint8_t last[LINES];
	int r, made = 0;

	if (c.state == NULL)
		return mp_fail(e, MP_ENOMEM, "no memory for base64");
	EVP_EncodeInit(c.state);
	r = mp_attachment_put(a, &to, len, e);
	EVP_EncodeFinal(c.state, last, &made);
	mp_buf_add(out, last, (size_t)made);
	EVP_ENCODE_CTX_free(c.state);
	return r;
}

static int
put_wide(void *ctx, const void *data, size_t len, struct mp_error *e)
{
	struct mp_buf *wide = ctx;

	mp_buf_add(wide, data, len);
	return mp_buf_ok(wide) ? MP_OK : too_long(e);
}

/* By way of what is sent, so that what cannot be sent is not shown. */
static int
show_xml(const struct mp_attachment *a, struct mp_buf *out, uint64_t *len,
    struct mp_error *e)
{
	struct mp_buf wide, text;
	const struct mp_sink to = {put_wide, &wide};
	int r;

	mp_buf_init(&wide, out->max);
	mp_buf_init(&text, out->max);
	r = mp_attachment_put(a, &to, len, e);
	if (r == MP_OK)
		r = mp_text_to_utf8(wide.data, wide.len, &text, e);
	if (r == MP_OK) {
		mp_buf_add(out, text.data, text.len);
		mp_buf_str(out, "\n");
	}
	mp_buf_release(&wide);
	mp_buf_release(&text);
	return r;
}

int
mp_preview(const struct mp_message *m, struct mp_buf *out, struct mp_error *e)
{
	const struct mp_attachment *a = m->attachments;
	uint64_t len;
	int r;

	mp_buf_str(out, m->body);
	for (size_t i = 0; i < m->nattachments; i++) {
		mp_buf_printf(out, "%s[attachment %s %s]\n", i == 0 ? "\n" : "",
		    a[i].name, a[i].xml ? "as UTF-8" : "in base64");
		r = a[i].xml ? show_xml(&a[i], out, &len, e)
			     : show_bytes(&a[i], out, &len, e);
		if (r != MP_OK)
			return r;
		mp_buf_printf(out, "[end of attachment %s, %llu bytes]\n",
		    a[i].name, (unsigned long long)len);
	}
	return mp_buf_ok(out) ? MP_OK : too_long(e);
}
