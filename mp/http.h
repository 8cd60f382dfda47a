/*
 * Carries bytes to a management point and back over HTTP(S), within limits
 * of size and time, on a connection that is kept. Its files, http*.c, are the
 * only ones that know libcurl, which is set up once in a process, by the first
 * mp_http_open(). Believes the server's TLS certificate only; knows no message.
 */
#ifndef MP_HTTP_H
#define MP_HTTP_H

#include <stdbool.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "mp/buf.h"
#include "mp/error.h"
#include "mp/sealed.h"
#include "mp/step.h"

/* Told how much of how much is sent, some times a second. */
typedef void mp_http_progress(void *ctx, uint64_t done, uint64_t all);

struct mp_http_config {
	const char *ca_file; /* see mp/certs.h; NULL: the system's */
	unsigned connect_ms; /* 0: 10 s */
	unsigned timeout_ms; /* whole exchange, and more for a large message;
				0: 60 s */
	EVP_PKEY *key;       /* client authentication; borrowed */
	X509 *cert;
	X509 *const *chain;
	unsigned nchain;
	bool crl;                /* check that the server is not revoked */
	const char *crl_dir;     /* see mp/crl.h */
	bool windows;            /* NTLM or Negotiate at the server */
	const char *login;       /* file for NTLM; NULL: a Kerberos ticket */
	const char *proxy;       /* http://HOST[:PORT]; NULL: none at all */
	const char *proxy_login; /* file; NULL: none */
	int tls_max;             /* TLS1_2_VERSION to hold back; 0: best */
	struct mp_step step;     /* told of revocation lists */
};

struct mp_http; /* one thread at a time */

struct mp_http_reply {
	long status;
	char content_type[256]; /* "" if none */
	struct mp_buf body;     /* yours: mp_buf_release */
};

int mp_http_open(
    struct mp_http **hp, const struct mp_http_config *cfg, struct mp_error *e);
void mp_http_close(struct mp_http *h); /* NULL-safe */

/* Who is told of the messages that follow; NULL: nobody. */
void mp_http_watch(struct mp_http *h, mp_http_progress *progress, void *ctx);

/*
 * CCM_POST of a sealed message, from its start. A status other than 200 is
 * MP_EHTTP, with the status in words. The reply is initialised in any case.
 */
int mp_http_post(struct mp_http *h, const char *url, const char *content_type,
    struct mp_sealed *body, struct mp_http_reply *reply, struct mp_error *e);

/* The same by POST: no message, but a report as it is; the type may be NULL. */
int mp_http_post_plain(struct mp_http *h, const char *url,
    const char *content_type, struct mp_sealed *body,
    struct mp_http_reply *reply, struct mp_error *e);

/* GET; `fields` are header lines "Name: value", NULL-terminated, or NULL. */
int mp_http_get(struct mp_http *h, const char *url, const char *const *fields,
    struct mp_http_reply *reply, struct mp_error *e);

#endif
