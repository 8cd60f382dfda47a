#include "mp/kinds/location.h"

#include <string.h>
#include <strings.h>

#define QUERY_MAX 2048 /* bytes of a location's query */

/* How the stand-in for a host is met: as is, and escaped once too often. */
static const char *const standins[] = {"<mp>", "%3Cmp%3E", "&lt;mp&gt;"};

/* Folders that hold policy bodies, spelled as we ask for them (1.1). */
static const char *const folders[] = {"/SMS_MP/", "/SMS_MP_WindowsAuth/",
    "/SMS_MP_AltAuth/", "/SMS_MP_TokenAuth/"};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* Moves *p past `text`, in any case, if it is there. */
static bool
skip(const char **p, const char *text)
{
	size_t len = strlen(text);

	if (strncasecmp(*p, text, len) != 0)
		return false;
	*p += len;
	return true;
}

/* The host part: a stand-in, or our management point itself. */
static bool
skip_host(const char **p, const char *host)
{
	bool found = false;

	for (size_t i = 0; !found && i < COUNT(standins); i++)
		found = skip(p, standins[i]);
	if (!found && !skip(p, host))
		return false;
	if (**p == ':') {
		size_t digits = strspn(*p + 1, "0123456789");

		if (digits == 0 || digits > 5)
			return false;
		*p += 1 + digits;
	}
	return **p == '/';
}

static bool
hex_pair(const char *p)
{
	static const char hex[] = "0123456789ABCDEFabcdef";

	return p[0] != '\0' && strchr(hex, p[0]) != NULL && p[1] != '\0' &&
	       strchr(hex, p[1]) != NULL;
}

/*
 * Appends a query. Braces and spaces are percent-encoded, as the vendor's
 * client does; what is encoded already stays. False if any byte has no
 * business in a policy's name.
 */
static bool
put_query(const char *p, struct mp_buf *path)
{
	static const char plain[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-._~:@!$'()*+,;=&/?";

	if (*p == '\0' || strlen(p) > QUERY_MAX)
		return false;
	for (; *p != '\0'; p++) {
		if (*p == '%' && !hex_pair(p + 1))
			return false;
		if (*p == '%' || strchr(plain, *p) != NULL)
			mp_buf_add(path, p, 1);
		else if (*p == '{' || *p == '}' || *p == ' ')
			mp_buf_printf(path, "%%%02X", (unsigned)*p);
		else
			return false;
	}
	return true;
}

int
mp_location_path(const char *location, const char *host, struct mp_buf *path,
    struct mp_error *e)
{
	const char *p = location;

	if (*location == '\0')
		return mp_fail(e, MP_EARG,
		    "the policy assignment names no "
		    "location; there is nothing to download");
	if (!skip(&p, "http://") && !skip(&p, "https://"))
		return mp_fail(e, MP_EARG,
		    "the policy's location \"%.200s\" is "
		    "no http or https URL",
		    location);
	if (!skip_host(&p, host))
		return mp_fail(e, MP_EARG,
		    "the policy's location \"%.200s\" is "
		    "not on management point %.100s; nothing is asked of "
		    "other hosts",
		    location, host);
	for (size_t i = 0; i < COUNT(folders); i++) {
		const char *q = p;

		if (!skip(&q, folders[i]) || !skip(&q, ".sms_pol?"))
			continue;
		mp_buf_str(path, folders[i]);
		mp_buf_str(path, ".sms_pol?");
		if (!put_query(q, path))
			break;
		if (!mp_buf_ok(path))
			return mp_fail(e, MP_ELIMIT,
			    "the policy's location is "
			    "too long");
		return MP_OK;
	}
	mp_buf_clear(path);
	return mp_fail(e, MP_EARG,
	    "the policy's location \"%.200s\" is no "
	    "policy body (/SMS_MP/.sms_pol?...)",
	    location);
}
