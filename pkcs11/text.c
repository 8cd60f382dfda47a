#include "pkcs11/text.h"

#include <stdint.h>
#include <string.h>

/*
 * Bytes of the printable character at s, or 0: UTF-8 of RFC 3629, without
 * C0 and C1 controls, and without U+202x and U+206x, which turn the order
 * of text around.
 */
static size_t
printable(const uint8_t *s, size_t len)
{
	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (len >= 2 && s[0] >= 0xc2 && s[0] <= 0xdf && s[1] >> 6 == 2)
		return s[0] == 0xc2 && s[1] < 0xa0 ? 0 : 2;
	if (len >= 3 && s[0] >> 4 == 0xe && s[1] >> 6 == 2 && s[2] >> 6 == 2) {
		if ((s[0] == 0xe0 && s[1] < 0xa0) ||
		    (s[0] == 0xed && s[1] > 0x9f) ||
		    (s[0] == 0xe2 && (s[1] == 0x80 || s[1] == 0x81)))
			return 0;
		return 3;
	}
	if (len >= 4 && s[0] >= 0xf0 && s[0] <= 0xf4 && s[1] >> 6 == 2 &&
	    s[2] >> 6 == 2 && s[3] >> 6 == 2)
		return (s[0] == 0xf0 && s[1] < 0x90) ||
			       (s[0] == 0xf4 && s[1] > 0x8f)
			   ? 0
			   : 4;
	return 0;
}

void
text_clean(const void *in, size_t len, char *out, size_t room)
{
	const uint8_t *s = in;
	size_t n = 0;

	if (room == 0)
		return;
	while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '\0'))
		len--;
	while (len > 0) {
		size_t step = printable(s, len);
		size_t take = step == 0 ? 1 : step;

		if (n + take >= room)
			break;
		if (step == 0)
			out[n] = '?';
		else
			memcpy(out + n, s, step);
		n += take;
		s += take;
		len -= take;
	}
	out[n] = '\0';
}
