#include "mp/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/*
 * Is the second byte one that may follow the first (Unicode 15, table 3-7)?
 * The others make longer forms than need be, surrogates, or no character at
 * all; C2 80 to C2 9F are control characters.
 */
static bool
second(unsigned char first, unsigned char byte)
{
	switch (first) {
	case 0xC2:
	case 0xE0:
		return byte >= 0xA0;
	case 0xED:
		return byte < 0xA0;
	case 0xF0:
		return byte >= 0x90;
	case 0xF4:
		return byte < 0x90;
	default:
		return true;
	}
}

/*
 * Sentences quote strangers and are cut: what is no printable UTF-8 becomes
 * '?', so that no terminal obeys it and no JSON writer chokes on it. Lead
 * bytes tell a sequence's length.
 */
static void
clean(char *text)
{
	unsigned char *p = (unsigned char *)text;
	size_t n, i;

	for (; *p != '\0'; p += n) {
		n = *p < 0xC2 || *p > 0xF4 ? 1
		    : *p < 0xE0            ? 2
		    : *p < 0xF0            ? 3
					   : 4;
		for (i = 1; i < n && (p[i] & 0xC0) == 0x80; i++)
			continue;
		if (i == n && n > 1 && second(p[0], p[1]))
			continue;
		if (n > 1 || *p < ' ' || *p > '~')
			*p = '?';
		n = 1;
	}
}

int
mp_fail(struct mp_error *e, enum mp_err code, const char *fmt, ...)
{
	char text[MP_TEXT_MAX]; /* an argument may be e's own text */
	va_list ap;

	if (e == NULL)
		return code;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	clean(text);
	e->code = code;
	memcpy(e->text, text, sizeof(e->text));
	return code;
}

int
mp_fail_in(struct mp_error *e, const char *fmt, ...)
{
	char text[2 * MP_TEXT_MAX];
	size_t used;
	va_list ap;

	if (e == NULL)
		return MP_EARG;
	va_start(ap, fmt);
	(void)vsnprintf(text, MP_TEXT_MAX - 2, fmt, ap);
	va_end(ap);
	used = strlen(text);
	text[used++] = ':';
	text[used++] = ' ';
	memcpy(text + used, e->text, sizeof(e->text));
	memcpy(e->text, text, sizeof(e->text));
	e->text[sizeof(e->text) - 1] = '\0';
	clean(e->text);
	return e->code;
}

const char *
mp_strerror(enum mp_err code)
{
	switch (code) {
	case MP_OK:
		return "no error";
	case MP_EARG:
		return "the request makes no sense";
	case MP_ESIGNER:
		return "the signer failed or refused";
	case MP_ENET:
		return "the management point cannot be reached";
	case MP_ETLS:
		return "TLS failed";
	case MP_EHTTP:
		return "the management point answered with an HTTP failure";
	case MP_EREPLY:
		return "the reply cannot be read";
	case MP_ETRUST:
		return "the reply is not proven to be the management point's";
	case MP_EREFUSED:
		return "the management point refused";
	case MP_EPENDING:
		return "the management point has not decided yet";
	case MP_ECRYPT:
		return "the data cannot be decrypted with this key";
	case MP_ESTATE:
		return "the client state cannot be read or written";
	case MP_ELIMIT:
		return "larger than the limit";
	case MP_ENOTFOUND:
		return "not found";
	case MP_ENOMEM:
		return "out of memory";
	}
	return "unknown error";
}
