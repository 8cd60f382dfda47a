/*
 * A tiny HTTPS server in a thread of the test: reads a request, asks the
 * test what to answer, and writes exactly those bytes, so that a test can
 * misbehave in any way. One connection at a time. Knows no message.
 */
#ifndef TESTS_UNIT_MP_HTTPS_H
#define TESTS_UNIT_MP_HTTPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "mp/buf.h"

struct https;

struct https_request {
	char method[32];
	char path[1024];
	char head[16384]; /* request line and fields, as they came */
	const uint8_t *body;
	size_t len;
	char peer[128]; /* CN of the client's certificate; "" if none */
	int version;    /* TLS1_3_VERSION ...; 0: no TLS */
	unsigned connection, number; /* counted from 1 */

	/* Out, besides the answer's bytes. */
	bool close;        /* the connection, after the answer */
	bool rude;         /* ... without a word of TLS */
	unsigned pause_ms; /* before each `drip` bytes of the answer */
	size_t drip;       /* 0: all at once */
	size_t drip_after; /* the first bytes go at once */
};

/* Runs in the server's thread: it may record, but must not assert. */
typedef void https_handler(
    void *ctx, struct https_request *q, struct mp_buf *answer);

struct https_config {
	X509 *cert; /* NULL: no TLS */
	EVP_PKEY *key;
	X509 *client_ca; /* clients must be issued by it; NULL: not asked */
	int tls_min, tls_max; /* 0: any */
	bool hang_up;         /* after the handshake, at once */
	https_handler *handle;
	void *ctx;
};

struct https *https_start(const struct https_config *cfg);
unsigned https_port(const struct https *s);
void https_stop(struct https *s); /* NULL-safe; interrupts what goes on */

/* A whole, well-behaved answer. */
void https_answer(struct mp_buf *out, int status, const char *type,
    const void *body, size_t len);

#endif
