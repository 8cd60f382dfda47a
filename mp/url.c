#include "mp/url.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LABEL_MAX 63 /* RFC 1035 */

static int
refuse(struct mp_url *u, const char *text, const char *why, struct mp_error *e)
{
	memset(u, 0, sizeof(*u));
	return mp_fail(e, MP_EARG,
	    "\"%.200s\" is no address of a management point: %s; write "
	    "https://HOST or https://HOST:PORT",
	    text, why);
}

bool
mp_url_is_host(const char *text)
{
	size_t label = 0;

	if (strnlen(text, MP_HOST_MAX) >= MP_HOST_MAX)
		return false;
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '.' && label > 0) {
			label = 0;
			continue;
		}
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_')
			return false;
		if (++label > LABEL_MAX)
			return false;
	}
	return label > 0;
}

static bool
is_ipv6(const char *text)
{
	return strchr(text, ':') != NULL &&
	       text[strspn(text, "0123456789abcdefABCDEF:.")] == '\0';
}

/* Digits alone, 1 to 65535; 0 if not. */
static unsigned
number(const char *text)
{
	size_t len = strlen(text);
	unsigned n = 0;

	if (len == 0 || len > 5 || strspn(text, "0123456789") != len)
		return 0;
	for (; *text != '\0'; text++)
		n = 10 * n + (unsigned)(*text - '0');
	return n <= 65535 ? n : 0;
}

/* HOST[:PORT] or [IPv6][:PORT]; what stands after the host is *rest. */
static bool
host(struct mp_url *u, const char *text, const char **rest)
{
	bool v6 = *text == '[';
	size_t len;

	text += v6 ? 1 : 0;
	len = strcspn(text, v6 ? "]" : ":");
	*rest = text + len;
	if (len == 0 || len >= sizeof(u->host) || (v6 && text[len] != ']'))
		return false;
	for (size_t i = 0; i < len; i++)
		u->host[i] = (char)tolower((unsigned char)text[i]);
	u->host[len] = '\0';
	*rest += v6 ? 1 : 0;
	return v6 ? is_ipv6(u->host) : mp_url_is_host(u->host);
}

/* The one form of an address: scheme, host, port. */
static void
name(struct mp_url *u)
{
	bool v6 = strchr(u->host, ':') != NULL;

	(void)snprintf(u->text, sizeof(u->text), "%s://%s%s%s:%u",
	    u->tls ? "https" : "http", v6 ? "[" : "", u->host, v6 ? "]" : "",
	    u->port);
}

int
mp_url_parse(struct mp_url *u, const char *text, struct mp_error *e)
{
	char place[MP_HOST_MAX + 16];
	const char *rest;
	size_t len;

	memset(u, 0, sizeof(*u));
	u->tls = strncasecmp(text, "https://", 8) == 0;
	if (!u->tls && strncasecmp(text, "http://", 7) != 0)
		return refuse(
		    u, text, "it begins with neither https:// nor http://", e);
	rest = text + (u->tls ? 8 : 7);
	len = strcspn(rest, "/?#");
	if (rest[len] != '\0' && strcmp(rest + len, "/") != 0)
		return refuse(u, text, "something follows the host", e);
	if (len >= sizeof(place))
		return refuse(u, text, "it is too long", e);
	memcpy(place, rest, len);
	place[len] = '\0';
	if (strchr(place, '@') != NULL)
		return refuse(u, text, "it holds a user's name", e);
	if (!host(u, place, &rest))
		return refuse(u, text, "its host is not the name of one", e);
	u->port = u->tls ? 443 : 80;
	if (*rest != '\0')
		u->port = *rest == ':' ? number(rest + 1) : 0;
	if (u->port == 0)
		return refuse(u, text, "its port is not one of 1 to 65535", e);
	name(u);
	return 0;
}

/* Neither a scheme nor a port chooses the mode: the wish must be one. */
static int
wrong_mode(struct mp_url *u, const char *text, struct mp_error *e)
{
	bool tls = u->tls;

	memset(u, 0, sizeof(*u));
	return mp_fail(e, MP_EARG,
	    "\"%.200s\" is an address for %s mode, and the mode is %s: %s; "
	    "write %s://HOST, or choose the other mode (--mode %s)",
	    text, tls ? "native" : "mixed", tls ? "mixed" : "native",
	    tls ? "mixed mode talks HTTP only"
		: "native mode talks HTTPS only, and the client's "
		  "certificate means nothing without it",
	    tls ? "http" : "https", tls ? "native" : "mixed");
}

int
mp_url_for_mode(struct mp_url *u, const char *text, bool tls, unsigned port,
    struct mp_error *e)
{
	char whole[MP_HOST_MAX + 64];
	int n, r;

	if (strstr(text, "://") == NULL) {
		n = snprintf(whole, sizeof(whole), "%s://%s",
		    tls ? "https" : "http", text);
		if (n < 0 || (size_t)n >= sizeof(whole))
			return refuse(u, text, "it is too long", e);
		r = mp_url_parse(u, whole, e);
	} else {
		r = mp_url_parse(u, text, e);
	}
	if (r != 0)
		return r;
	if (u->tls != tls)
		return wrong_mode(u, text, e);
	if (port > 65535)
		return refuse(u, text, "the port asked for is beyond 65535", e);
	if (port != 0) {
		u->port = port;
		name(u);
	}
	return 0;
}
