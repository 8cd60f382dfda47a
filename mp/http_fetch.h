/*
 * Fetches a small public document over plain HTTP, such as a revocation list:
 * no redirection, within limits of size and time. What it brings is believed
 * by nobody yet.
 */
#ifndef MP_HTTP_FETCH_H
#define MP_HTTP_FETCH_H

#include "mp/buf.h"
#include "mp/error.h"
#include "mp/login.h"

struct mp_http_fetch {
	unsigned timeout_ms;          /* for all of it */
	const char *proxy;            /* http://HOST:PORT, or NULL */
	const struct mp_login *login; /* for the proxy, or NULL */
};

/* Into a buffer that the caller initialised with its limit. */
int mp_http_fetch(const struct mp_http_fetch *how, const char *url,
    struct mp_buf *out, struct mp_error *e);

#endif
