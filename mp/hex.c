#include "mp/hex.h"

#define STAGE 512 /* bytes of text that go to a buffer at once; even */

static const char digits[] = "0123456789ABCDEF";

/* From the first byte on, or from the last one back. */
static void
put(struct mp_buf *out, const uint8_t *data, size_t len, bool reversed)
{
	char text[STAGE];
	size_t have = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t byte = data[reversed ? len - 1 - i : i];

		text[have++] = digits[byte >> 4];
		text[have++] = digits[byte & 15];
		if (have < sizeof(text))
			continue;
		mp_buf_add(out, text, have);
		have = 0;
	}
	if (have > 0)
		mp_buf_add(out, text, have);
}

void
mp_hex_add(struct mp_buf *out, const uint8_t *data, size_t len)
{
	put(out, data, len, false);
}

void
mp_hex_add_reversed(struct mp_buf *out, const uint8_t *data, size_t len)
{
	put(out, data, len, true);
}

/* Value of a hexadecimal digit, or -1. */
static int
nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool
space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool
mp_hex_decode(const char *text, size_t len, struct mp_buf *out)
{
	size_t start = out->len;

	for (size_t i = 0; i < len; i++) {
		uint8_t byte;
		int high, low;

		if (space(text[i]))
			continue;
		high = nibble(text[i]);
		low = i + 1 < len ? nibble(text[i + 1]) : -1;
		if (high < 0 || low < 0)
			goto bad;
		byte = (uint8_t)(high << 4 | low);
		mp_buf_add(out, &byte, 1);
		i++;
	}
	if (mp_buf_ok(out))
		return true;
bad:
	out->len = start;
	if (out->data != NULL)
		out->data[start] = '\0';
	return false;
}
