/*
 * Failures of an HTTP exchange in sentences: what failed, at which host, why,
 * and what to do. Decides nothing and sends nothing.
 */
#ifndef MP_HTTP_FAULT_H
#define MP_HTTP_FAULT_H

#include <stdbool.h>

#include "mp/error.h"
#include "mp/http_tls.h"

/* An exchange that came to no end. */
struct mp_http_fault {
	const char *where;  /* host, and port if the URL had one */
	int curl;           /* CURLcode */
	const char *detail; /* libcurl's own words, "" if none */
	long verify;        /* X509_V_... of the server's certificate */
	long os_error;      /* errno of the connection, 0 if none */
	const char *proxy;  /* "" if none */
	long proxy_status;  /* what it said to CONNECT; 0 if nothing */
	bool connected;     /* TCP and TLS were done */
	bool too_large;     /* we stopped: beyond our limits */
	unsigned connect_ms;
	unsigned timeout_ms;
	const struct mp_http_tls *tls;
};

int mp_http_fault(const struct mp_http_fault *f, struct mp_error *e);

/* A status other than 200. */
struct mp_http_refusal {
	const char *where;
	long status;
	const char *type; /* of the answer; "" if none */
	const char *text; /* the answer itself, NUL-terminated, or NULL */
	bool tls;
	bool certificate;   /* we showed one */
	bool windows;       /* we tried a Windows login ... */
	bool password;      /* ... with a password */
	const char *ticket; /* ... without a ticket, for this reason; or "" */
};

int mp_http_status(const struct mp_http_refusal *why, struct mp_error *e);

#endif
