/*
 * The address of a management point, as an operator writes it: taken apart,
 * checked, and put in one form, so that the same place has one name. Knows
 * nothing of what is sent there.
 */
#ifndef MP_URL_H
#define MP_URL_H

#include <stdbool.h>

#include "mp/error.h"

#define MP_HOST_MAX 254 /* bytes of a DNS name (RFC 1035), with NUL */

struct mp_url {
	char text[MP_HOST_MAX + 32]; /* "https://mp1.dom:443" */
	char host[MP_HOST_MAX];      /* lower case; an IPv6 one has no [] */
	unsigned port;
	bool tls;
};

/*
 * scheme://HOST[:PORT][/], scheme http or https; port 80 or 443 if none is
 * given (sdk-facts 1.5). Anything more (a user, a path, a query) is MP_EARG
 * with a sentence.
 */
int mp_url_parse(struct mp_url *u, const char *text, struct mp_error *e);

/*
 * The same for a client of one mode, native (tls) or mixed. A bare HOST[:PORT]
 * takes the mode's scheme; an address with the other's is refused, since
 * neither scheme nor port choose the mode (sdk-facts 1.1 [D]). A port other
 * than 0 wins over the text's.
 */
int mp_url_for_mode(struct mp_url *u, const char *text, bool tls, unsigned port,
    struct mp_error *e);

/* Is it a host name: labels of letters, digits, '-' and '_', with dots? */
bool mp_url_is_host(const char *text);

#endif
