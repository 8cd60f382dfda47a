/*
 * Any bytes as an attachment that a program hands us: the first says whether
 * it is XML. Plain ones go as they are; XML goes as UTF-16 and is one that
 * its reader would take, or nothing goes.
 */
#include <stdlib.h>
#include <string.h>

#include "mp/attachment.h"
#include "mp/buf.h"
#include "mp/utf16.h"
#include "mp/xml.h"

#define ROOM (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int
put(void *ctx, const void *data, size_t len, struct mp_error *e)
{
	(void)e;
	mp_buf_add(ctx, data, len);
	return MP_OK;
}

static void
check(const struct mp_attachment *a, const struct mp_buf *sent)
{
	struct mp_buf text;
	struct mp_xml *x;

	if (!a->xml) {
		if (sent->len != a->len || memcmp(sent->data, a->data, a->len))
			abort();
		return;
	}
	mp_buf_init(&text, ROOM);
	if (mp_text_to_utf8(sent->data, sent->len, &text, NULL) != MP_OK ||
	    mp_xml_parse(&x, (const char *)text.data, text.len, "it", NULL) !=
		MP_OK)
		abort();
	mp_xml_free(x);
	mp_buf_release(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct mp_attachment a = {.name = "a"};
	struct mp_error e = {0};
	struct mp_buf sent;
	struct mp_sink out = {put, &sent};
	uint64_t n = 0;

	if (len == 0)
		return 0;
	a.xml = data[0] & 1;
	a.data = data + 1;
	a.len = len - 1;
	mp_buf_init(&sent, ROOM);
	if (mp_attachment_put(&a, &out, &n, &e) != MP_OK) {
		if (e.text[0] == '\0')
			abort();
	} else if (mp_buf_ok(&sent)) {
		if (n != sent.len)
			abort();
		check(&a, &sent);
	}
	mp_buf_release(&sent);
	return 0;
}
