/*
 * The TLS side of http: puts our certificate, our key and the issuers we
 * trust into the SSL_CTX of a new connection, and watches its handshake, so
 * that a failure can be told in words. Knows nothing of HTTP.
 */
#ifndef MP_HTTP_TLS_H
#define MP_HTTP_TLS_H

#include <stdbool.h>

#include <openssl/ssl.h>

#include "mp/crl.h"
#include "mp/error.h"
#include "mp/http.h"

struct mp_http_tls {
	EVP_PKEY *key; /* these four are borrowed */
	X509 *cert;
	X509 *const *chain;
	unsigned nchain;
	X509_STORE *roots; /* NULL: whatever was there before us */
	bool check;        /* the server's chain for revocation, by crl */
	struct mp_crl_config crl;

	/* What happened since mp_http_tls_forget(). */
	const char *step;        /* of the set-up, that failed; NULL if none */
	const char *reason;      /* OpenSSL's, of that step */
	int alert;               /* the last that the server sent; -1 if none */
	bool closed;             /* the server ended the connection in order */
	struct mp_error revoked; /* why the check failed; code 0: not */
	bool signing;            /* the handshake ended while our key signed */
};

int mp_http_tls_init(struct mp_http_tls *t, const struct mp_http_config *cfg,
    struct mp_error *e);
void mp_http_tls_release(struct mp_http_tls *t); /* NULL-safe */

void mp_http_tls_forget(struct mp_http_tls *t);

/*
 * False, with t->step, if the connection must not be made: without our
 * certificate it would be made as nobody.
 */
bool mp_http_tls_install(struct mp_http_tls *t, SSL_CTX *ctx);

#endif
