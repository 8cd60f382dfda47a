#include "mp/cli/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct range {
	uint32_t first, last;
};

/* Beyond ASCII: C1 controls, and what hides text or turns its direction. */
static const struct range unfit[] = {
    {0x7f, 0x9f},
    {0xad, 0xad},
    {0x61c, 0x61c},
    {0x180e, 0x180e},
    {0x200b, 0x200f},
    {0x2028, 0x202e},
    {0x2060, 0x206f},
    {0xfeff, 0xfeff},
    {0xfff9, 0xfffb},
    {0xe0000, 0xe007f},
};

/* How many bytes follow a first byte of UTF-8; -1 if it is none. */
static int
followers(uint8_t c)
{
	if (c < 0x80)
		return 0;
	if (c >= 0xc2 && c <= 0xdf)
		return 1;
	if (c >= 0xe0 && c <= 0xef)
		return 2;
	if (c >= 0xf0 && c <= 0xf4)
		return 3;
	return -1;
}

/* Reads one character; returns its bytes, 0 if they are no UTF-8. */
static size_t
next(const char *text, size_t len, uint32_t *point)
{
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
	static const uint8_t mask[] = {0x7f, 0x1f, 0x0f, 0x07};
	const uint8_t *p = (const uint8_t *)text;
	int n = followers(p[0]);

	if (n < 0 || (size_t)n >= len)
		return 0;
	*point = p[0] & mask[n];
	for (int i = 1; i <= n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*point = *point << 6 | (p[i] & 0x3fu);
	}
	if (*point < least[n] || *point > 0x10ffff ||
	    (*point >= 0xd800 && *point <= 0xdfff))
		return 0;
	return (size_t)n + 1;
}

static bool
harmless(uint32_t point, bool lines)
{
	if (point < 0x20)
		return lines && (point == '\n' || point == '\t');
	for (size_t i = 0; i < sizeof(unfit) / sizeof(unfit[0]); i++) {
		if (point >= unfit[i].first && point <= unfit[i].last)
			return false;
	}
	return true;
}

void
text_put(FILE *f, const char *text, size_t len, bool lines)
{
	uint32_t point = 0;
	size_t n;

	for (; len > 0; text += n, len -= n) {
		n = next(text, len, &point);
		if (n == 0) {
			n = 1;
			fprintf(f, "\\x%02x", (unsigned)(uint8_t)text[0]);
		} else if (harmless(point, lines)) {
			fwrite(text, 1, n, f);
		} else if (point < 0x80) {
			fprintf(f, "\\x%02x", (unsigned)point);
		} else {
			fprintf(f, "\\u{%x}", (unsigned)point);
		}
	}
}

char *
text_printable(const char *text)
{
	char *out = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);
	bool bad;

	if (f == NULL)
		return NULL;
	text_put(f, text, strlen(text), false);
	bad = ferror(f) != 0;
	if (fclose(f) != 0 || bad) {
		free(out);
		return NULL;
	}
	return out;
}

char *
text_utf8(const char *text)
{
	static const char unknown[] = "\xef\xbf\xbd"; /* U+FFFD */
	size_t left = strlen(text), n, at = 0;
	char *out = malloc(left * (sizeof(unknown) - 1) + 1);
	uint32_t point;

	if (out == NULL)
		return NULL;
	for (; left > 0; text += n, left -= n) {
		n = next(text, left, &point);
		if (n > 0) {
			memcpy(out + at, text, n);
			at += n;
			continue;
		}
		n = 1;
		memcpy(out + at, unknown, sizeof(unknown) - 1);
		at += sizeof(unknown) - 1;
	}
	out[at] = '\0';
	return out;
}

size_t
text_width(const char *text)
{
	size_t width = 0;

	for (; *text != '\0'; text++)
		width += ((uint8_t)*text & 0xc0) != 0x80;
	return width;
}

void
text_wrap(FILE *f, const char *text, int indent, int width)
{
	int at = indent, n;

	while (*text != '\0') {
		n = (int)strcspn(text, " ");
		if (at > indent && at + 1 + n > width) {
			fprintf(f, "\n%*s", indent, "");
			at = indent;
		}
		at += fprintf(f, "%s%.*s", at > indent ? " " : "", n, text);
		text += n;
		text += strspn(text, " ");
	}
	fputc('\n', f);
}
