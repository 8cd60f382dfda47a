/*
 * Who we are to HTTP itself: a Windows login at the server, the proxy on the
 * way and the login there. Knows nothing of certificates and messages.
 */
#ifndef MP_HTTP_AUTH_H
#define MP_HTTP_AUTH_H

#include <stdbool.h>

#include "mp/http.h"
#include "mp/http_fetch.h"
#include "mp/login.h"

#define MP_HTTP_PROXY_MAX 300
#define MP_HTTP_TICKET_MAX 200 /* bytes of what is wrong with a ticket */

struct mp_http_auth {
	bool windows;
	struct mp_login login;         /* "": a Kerberos ticket instead */
	char proxy[MP_HTTP_PROXY_MAX]; /* "" for none */
	struct mp_login proxy_login;   /* "": none */
	char
	    ticket[MP_HTTP_TICKET_MAX]; /* why there was none; "" if not told */
};

/* Reads and checks what cfg names. */
int mp_http_auth_init(struct mp_http_auth *a, const struct mp_http_config *cfg,
    struct mp_error *e);
void mp_http_auth_release(struct mp_http_auth *a); /* NULL-safe; wipes */

/*
 * Into a CURL handle, which then may write a->ticket. Forgets what is there.
 * A CURLcode.
 */
int mp_http_auth_install(struct mp_http_auth *a, void *easy);

/* The same proxy for a fetch; borrows from a. */
void mp_http_auth_lend(
    const struct mp_http_auth *a, struct mp_http_fetch *fetch);

#endif
