#include "mp/text.h"

#include <string.h>

#include "mp/utf16.h"

#define CHARACTER_MAX 4 /* bytes in UTF-8 */
#define BLOCK 32        /* bytes that are looked at together */

void
mp_text_init(struct mp_text *t, const struct mp_sink *out)
{
	memset(t, 0, sizeof(*t));
	t->out = out;
	mp_buf_init(&t->wide, (size_t)2 * MP_TEXT_PIECE);
}

void
mp_text_release(struct mp_text *t)
{
	mp_buf_release(&t->wide);
}

/* Control characters, line ends among them, or what may become U+FFFE. */
static bool
suspicious(const uint8_t data[BLOCK])
{
	uint8_t any = 0;

	for (size_t i = 0; i < BLOCK; i++)
		any |= (uint8_t)(data[i] < 0x20) | (uint8_t)(data[i] == 0xEF);
	return any != 0;
}

/* The first byte of a character that XML 1.0 has no place for; or len. */
static size_t
find_forbidden(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		while (len - i > BLOCK && !suspicious(data + i))
			i += BLOCK;
		if (data[i] >= 0x20 && data[i] != 0xEF)
			continue;
		if (data[i] < 0x20 && data[i] != '\t' && data[i] != '\n' &&
		    data[i] != '\r')
			return i;
		/* U+FFFE and U+FFFF */
		if (data[i] == 0xEF && len - i > 2 && data[i + 1] == 0xBF &&
		    data[i + 2] >= 0xBE)
			return i;
	}
	return len;
}

/* One piece; *used is less than len if it does not end with a character. */
static int
put(struct mp_text *t, const uint8_t *data, size_t len, size_t *used,
    struct mp_error *e)
{
	size_t bad = find_forbidden(data, len);
	int r;

	*used = 0;
	if (bad < len)
		return mp_fail(e, MP_EARG,
		    "byte %llu is part of a character that XML cannot hold",
		    (unsigned long long)(t->taken + bad));
	mp_buf_clear(&t->wide);
	*used = mp_utf16_put(&t->wide, (const char *)data, len);
	if (!mp_buf_ok(&t->wide))
		return mp_fail(e, MP_ENOMEM, "no memory for text");
	r = t->out->put(t->out->ctx, t->wide.data, t->wide.len, e);
	if (r != MP_OK)
		return r;
	t->taken += *used;
	t->written += t->wide.len;
	return MP_OK;
}

int
mp_text_put(struct mp_text *t, const uint8_t *data, size_t len, bool last,
    size_t *used, struct mp_error *e)
{
	size_t n = 0, piece;
	int r;

	*used = 0;
	do {
		piece = len - *used;
		if (piece > MP_TEXT_PIECE)
			piece = MP_TEXT_PIECE;
		r = put(t, data + *used, piece, &n, e);
		if (r != MP_OK)
			return r;
		*used += n;
	} while (n > 0 && *used < len);
	if (len - *used >= CHARACTER_MAX || (last && *used < len))
		return mp_fail(e, MP_EARG, "byte %llu is not UTF-8",
		    (unsigned long long)t->taken);
	return MP_OK;
}
