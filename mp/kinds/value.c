#include "mp/kinds/value.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "mp/number.h"

#define MICRO 1000000

static const char hex[] = "0123456789ABCDEFabcdef";
static const char digits[] = "0123456789";

bool
mp_value_guid(const char *text)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	bool braces = text[0] == '{';

	text += braces;
	for (size_t i = 0; i < sizeof(form) - 1; i++, text++) {
		if (*text == '\0' ||
		    (form[i] == 'x' ? strchr(hex, *text) == NULL
				    : *text != '-'))
			return false;
	}
	return strcmp(text, braces ? "}" : "") == 0;
}

bool
mp_value_site(const char *text)
{
	static const char letters[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

	return text != NULL && strlen(text) == 3 && strspn(text, letters) == 3;
}

bool
mp_value_name(const char *text)
{
	static const char letters[] =
	    "_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

	return text != NULL && text[0] != '\0' && strlen(text) <= 255 &&
	       strchr(digits, text[0]) == NULL &&
	       strspn(text, letters) == strlen(text);
}

bool
mp_value_number(const char *text, uint64_t max)
{
	uint64_t n;

	return text != NULL && mp_number(text, max, &n);
}

/* The number that `count` digits at text make. */
static unsigned
take(const char *text, size_t count)
{
	unsigned n = 0;

	for (size_t i = 0; i < count; i++)
		n = n * 10 + (unsigned)(text[i] - '0');
	return n;
}

static unsigned
days(unsigned year, unsigned month)
{
	static const unsigned char of[] = {
	    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return of[month - 1] + (month == 2 && leap ? 1u : 0u);
}

bool
mp_value_wbem(const char *text)
{
	static const char form[] = "dddddddddddddd.dddddd+ddd";
	unsigned year, month, day;

	if (text == NULL || strlen(text) != sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < sizeof(form) - 1; i++) {
		if (form[i] == 'd'   ? strchr(digits, text[i]) == NULL
		    : form[i] == '+' ? text[i] != '+' && text[i] != '-'
				     : text[i] != form[i])
			return false;
	}
	year = take(text, 4);
	month = take(text + 4, 2);
	day = take(text + 6, 2);
	return year > 0 && month >= 1 && month <= 12 && day >= 1 &&
	       day <= days(year, month) && take(text + 8, 2) < 24 &&
	       take(text + 10, 2) < 60 && take(text + 12, 2) < 60;
}

int
mp_value_wbem_text(int64_t microseconds, char text[MP_WBEM_MAX])
{
	int64_t part = microseconds % MICRO;
	time_t t = (time_t)(microseconds / MICRO);
	char day[16];
	struct tm tm;

	text[0] = '\0';
	if (part < 0) {
		part += MICRO;
		t--;
	}
	if (gmtime_r(&t, &tm) == NULL || tm.tm_year < -900 ||
	    tm.tm_year > 9999 - 1900 ||
	    strftime(day, sizeof(day), "%Y%m%d%H%M%S", &tm) == 0)
		return -1;
	(void)snprintf(
	    text, MP_WBEM_MAX, "%.14s.%06u+000", day, (unsigned)part);
	return 0;
}

int
mp_value_wbem_now(char text[MP_WBEM_MAX])
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return mp_value_wbem_text(
	    (int64_t)t.tv_sec * MICRO + t.tv_nsec / 1000, text);
}

int
mp_value_copy(char **to, const char *text, size_t max, const char *of,
    const char *what, struct mp_error *e)
{
	static const char blank[] = " \t\r\n";
	size_t len;

	*to = NULL;
	if (text == NULL)
		text = "";
	text += strspn(text, blank);
	len = strlen(text);
	while (len > 0 && strchr(blank, text[len - 1]) != NULL)
		len--;
	if (len > max)
		return mp_fail(e, MP_ELIMIT,
		    "%s's %s is longer than %zu characters", of, what, max);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7F)
			return mp_fail(e, MP_EREPLY,
			    "%s's %s holds a control character", of, what);
	*to = strndup(text, len);
	return *to != NULL ? MP_OK
			   : mp_fail(e, MP_ENOMEM, "no memory for %s", of);
}

const char *
mp_value_or(const char *text, const char *other)
{
	return text == NULL ? other : text;
}

void
mp_value_set(struct mp_writer *w, const char *name, uint64_t number)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	mp_writer_set(w, name, text);
}

void
mp_value_leaf(struct mp_writer *w, const char *name, uint64_t number)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	mp_writer_leaf(w, name, text);
}

int
mp_value_parse(struct mp_xml **xp, const char *text, size_t len,
    const char *what, struct mp_error *e)
{
	int r = mp_xml_parse_many(xp, text, len, MP_XML_NODES_LARGE, what, e);

	if (r != MP_EREPLY)
		return r;
	if (e != NULL)
		e->code = MP_EARG;
	return MP_EARG;
}

size_t
mp_value_prolog(const char *text, size_t len)
{
	size_t n = len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
	const char *end;

	if (len - n < 6 || memcmp(text + n, "<?xml", 5) != 0 ||
	    strchr(" \t\r\n", text[n + 5]) == NULL)
		return n;
	end = memmem(text + n, len - n, "?>", 2);
	if (end == NULL)
		return n;
	n = (size_t)(end - text) + 2;
	while (n < len && text[n] != '\0' && strchr(" \t\r\n", text[n]) != NULL)
		n++;
	return n;
}
