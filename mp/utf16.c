#include "mp/utf16.h"

#include <string.h>

#include <openssl/crypto.h>

#define SURROGATE_FIRST 0xD800u
#define SURROGATE_LOW 0xDC00u
#define SURROGATE_LAST 0xDFFFu
#define SUPPLEMENT 0x10000u
#define CODE_MAX 0x10FFFFu
#define STAGE 2048 /* bytes that go to a buffer at once */
#define BLOCK 32   /* ASCII characters that are widened at once */

/*
 * One code point of well-formed UTF-8 (Unicode 15, table 3-7): how many
 * bytes it takes, or 0.
 */
static size_t
decode(const uint8_t *p, size_t len, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, SUPPLEMENT};
	size_t n;

	if (p[0] < 0x80) {
		*code = p[0];
		return 1;
	}
	if (p[0] < 0xC2 || p[0] > 0xF4)
		return 0;
	n = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
	if (n > len)
		return 0;
	*code = p[0] & (0x7Fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		*code = *code << 6 | (p[i] & 0x3Fu);
	}
	if (*code < least[n] || *code > CODE_MAX ||
	    (*code >= SURROGATE_FIRST && *code <= SURROGATE_LAST))
		return 0;
	return n;
}

/* One code unit; its length. */
static size_t
unit(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)value;
	p[1] = (uint8_t)(value >> 8);
	return 2;
}

/* The failure of an output buffer: it met its maximum, or memory its end. */
static int
full(const struct mp_buf *out, struct mp_error *e)
{
	return mp_fail(
	    e, MP_ELIMIT, "the text is longer than %zu bytes", out->max);
}

/*
 * BLOCK characters, if all of them are ASCII, as nearly all text is. Without
 * a branch between them, which is several times quicker than one by one.
 */
static bool
widen(uint8_t wide[2 * BLOCK], const uint8_t p[BLOCK])
{
	uint8_t all = 0;

	for (size_t i = 0; i < BLOCK; i++)
		all |= p[i];
	if (all >= 0x80)
		return false;
	for (size_t i = 0; i < BLOCK; i++) {
		wide[2 * i] = p[i];
		wide[2 * i + 1] = 0;
	}
	return true;
}

size_t
mp_utf16_put(struct mp_buf *out, const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text;
	uint8_t wide[STAGE];
	size_t i, n, have = 0;
	uint32_t code;

	if (len <= SIZE_MAX / 2)
		mp_buf_reserve(out, 2 * len);
	for (i = 0; i < len; i += n) {
		if (have + 2 * BLOCK > sizeof(wide)) {
			mp_buf_add(out, wide, have);
			have = 0;
		}
		if (len - i >= BLOCK && widen(wide + have, p + i)) {
			n = BLOCK;
			have += 2 * BLOCK;
			continue;
		}
		code = p[i];
		n = code < 0x80 ? 1 : decode(p + i, len - i, &code);
		if (n == 0)
			break;
		if (code >= SUPPLEMENT) {
			code -= SUPPLEMENT;
			have += unit(wide + have, SURROGATE_FIRST | code >> 10);
			code = SURROGATE_LOW | (code & 0x3FF);
		}
		have += unit(wide + have, code);
	}
	mp_buf_add(out, wide, have);
	OPENSSL_cleanse(wide, sizeof(wide));
	return i;
}

int
mp_utf16_add(
    struct mp_buf *out, const char *text, size_t len, struct mp_error *e)
{
	size_t n = mp_utf16_put(out, text, len);

	if (n < len)
		return mp_fail(
		    e, MP_EARG, "byte %zu of the text is not UTF-8", n);
	return mp_buf_ok(out) ? MP_OK : full(out, e);
}

static void
add_code(struct mp_buf *out, uint32_t code)
{
	uint8_t b[4];
	size_t n = 0;

	if (code < 0x80) {
		b[n++] = (uint8_t)code;
	} else if (code < 0x800) {
		b[n++] = (uint8_t)(0xC0 | code >> 6);
	} else if (code < SUPPLEMENT) {
		b[n++] = (uint8_t)(0xE0 | code >> 12);
		b[n++] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
	} else {
		b[n++] = (uint8_t)(0xF0 | code >> 18);
		b[n++] = (uint8_t)(0x80 | (code >> 12 & 0x3F));
		b[n++] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
	}
	if (code >= 0x80)
		b[n++] = (uint8_t)(0x80 | (code & 0x3F));
	mp_buf_add(out, b, n);
}

static uint32_t
unit_at(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

/* One code point of well-formed UTF-16LE: bytes taken, or 0. */
static size_t
decode_units(const uint8_t *p, size_t len, uint32_t *code)
{
	uint32_t low;

	if (len < 2)
		return 0;
	*code = unit_at(p);
	if (*code < SURROGATE_FIRST || *code > SURROGATE_LAST)
		return 2;
	if (*code >= SURROGATE_LOW || len < 4)
		return 0;
	low = unit_at(p + 2);
	if (low < SURROGATE_LOW || low > SURROGATE_LAST)
		return 0;
	*code = SUPPLEMENT + ((*code & 0x3FF) << 10 | (low & 0x3FF));
	return 4;
}

int
mp_utf16_to_utf8(
    const uint8_t *data, size_t len, struct mp_buf *out, struct mp_error *e)
{
	uint32_t code;
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		n = decode_units(data + i, len - i, &code);
		if (n == 0)
			return mp_fail(e, MP_EREPLY,
			    "byte %zu of the text is not UTF-16", i);
		add_code(out, code);
	}
	return mp_buf_ok(out) ? MP_OK : full(out, e);
}

/* Appends UTF-8 that must be well-formed. */
static int
add_utf8(
    const uint8_t *data, size_t len, struct mp_buf *out, struct mp_error *e)
{
	uint32_t code;
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		n = decode(data + i, len - i, &code);
		if (n == 0)
			return mp_fail(e, MP_EREPLY,
			    "byte %zu of the text is "
			    "neither UTF-8 nor UTF-16",
			    i);
	}
	mp_buf_add(out, data, len);
	return mp_buf_ok(out) ? MP_OK : full(out, e);
}

/* Bytes before the first NUL of `width` bytes; -1 if more than padding follows.
 */
static int
trim(const uint8_t *data, size_t *len, size_t width)
{
	size_t n = 0;

	while (n + width <= *len &&
	       (data[n] != '\0' || (width == 2 && data[n + 1] != '\0')))
		n += width;
	if (n + width > *len)
		return 0; /* no NUL: the text is all there is */
	for (size_t i = n; i < *len; i++)
		if (data[i] != '\0' && data[i] != '\r' && data[i] != '\n')
			return -1;
	*len = n;
	return 0;
}

/* Drops the declaration at `start` of out if it names an encoding. */
static void
undeclare(struct mp_buf *out, size_t start)
{
	char *text = (char *)out->data + start;
	char *end, *enc;

	if (out->len == start || strncmp(text, "<?xml", 5) != 0)
		return;
	end = strstr(text, "?>");
	enc = strstr(text, "encoding");
	if (end == NULL || enc == NULL || enc > end)
		return;
	end += 2;
	out->len -= (size_t)(end - text);
	memmove(text, end, out->len - start + 1);
}

int
mp_text_to_utf8(
    const uint8_t *data, size_t len, struct mp_buf *out, struct mp_error *e)
{
	size_t start = out->len, skip = 0;
	bool wide;
	int r;

	if (len >= 2 && data[0] == 0xFF && data[1] == 0xFE)
		skip = 2;
	else if (len >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0)
		skip = 3;
	/* The wire has no other order of bytes (wire-facts 1.4). */
	if (len >= 2 &&
	    (memcmp(data, "\xFE\xFF", 2) == 0 || memcmp(data, "\0<", 2) == 0))
		return mp_fail(e, MP_EREPLY,
		    "the text is UTF-16 with its high bytes first; it must "
		    "be UTF-8 or UTF-16LE");
	/* Without a BOM: XML's first character is ASCII in either form. */
	wide = skip == 2 ||
	       (skip == 0 && len >= 2 && data[0] != '\0' && data[1] == '\0');
	data += skip;
	len -= skip;
	if (trim(data, &len, wide ? 2 : 1) != 0)
		return mp_fail(
		    e, MP_EREPLY, "text goes on after its final NUL");
	if (wide)
		r = mp_utf16_to_utf8(data, len, out, e);
	else
		r = add_utf8(data, len, out, e);
	if (r == MP_OK)
		undeclare(out, start);
	return r;
}
