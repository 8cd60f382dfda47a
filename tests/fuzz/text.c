/*
 * Any bytes as text of a peer: UTF-16 or UTF-8, with or without marks. What
 * is accepted is well-formed, and comes back from UTF-16 as it was. Then the
 * same as the place of a policy, which leads nowhere but to its own path.
 */
#include <stdlib.h>
#include <string.h>

#include "mp/kinds/location.h"
#include "mp/utf16.h"

#define ROOM (1u << 20)
#define PLACE "/SMS_MP/.sms_pol?"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
there_and_back(const struct mp_buf *text)
{
	struct mp_buf wide, back;

	mp_buf_init(&wide, ROOM);
	mp_buf_init(&back, ROOM);
	if (mp_utf16_add(&wide, (const char *)text->data, text->len, NULL) !=
		MP_OK ||
	    mp_utf16_to_utf8(wide.data, wide.len, &back, NULL) != MP_OK ||
	    back.len != text->len ||
	    (back.len != 0 && memcmp(back.data, text->data, back.len) != 0))
		abort();
	mp_buf_release(&wide);
	mp_buf_release(&back);
}

static void
place(const char *text)
{
	struct mp_buf path;

	mp_buf_init(&path, ROOM);
	if (mp_location_path(text, "mp1.example.com", &path, NULL) == MP_OK) {
		if (path.len < strlen(PLACE) || path.data == NULL ||
		    strncasecmp(
			(const char *)path.data, PLACE, strlen(PLACE)) != 0)
			abort();
		for (size_t i = 0; i < path.len; i++)
			if (path.data[i] <= ' ' || path.data[i] >= 0x7f)
				abort();
	}
	mp_buf_release(&path);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct mp_buf text;

	mp_buf_init(&text, ROOM);
	if (mp_text_to_utf8(data, len, &text, NULL) == MP_OK &&
	    text.data != NULL) {
		there_and_back(&text);
		place((const char *)text.data);
	}
	mp_buf_release(&text);
	return 0;
}
