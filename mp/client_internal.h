/*
 * What the files of the client share: the object itself, and the things that
 * several of them do with it. For mp/client*.c alone.
 */
#ifndef MP_CLIENT_INTERNAL_H
#define MP_CLIENT_INTERNAL_H

#include <limits.h>

#include "mp/client.h"
#include "mp/client_send.h"
#include "mp/exchange.h"
#include "mp/url.h"

#define CLIENT_SITE_LEN 3
#define CLIENT_REQUEST_MAX (1u << 20)

struct mp_client {
	struct mp_client_config cfg;
	struct mp_url url;
	char site[CLIENT_SITE_LEN + 1]; /* upper case */
	char managed[MP_HOST_MAX];      /* a proxy client's name; "" if none */
	char sha256[2 * SIGNER_SHA256_LEN + 1];
	char warning[MP_TEXT_MAX]; /* "" if there is none */
	struct mp_identity me;
	struct mp_trust *trust;
	struct mp_http *http;
	struct mp_state *state; /* NULL until it is needed */
	STACK_OF(X509) * certs; /* to encrypt to; NULL until needed */
	X509 *list[MP_RECIPIENTS_MAX];
	struct mp_recipients recipients;
	struct mp_policyhashes hashes; /* of the last policy */
	struct mp_exchange x;
};

/* Who signs, and of whom the message speaks: one, unless it is a proxy. */
struct mp_client_voice {
	char source[MP_SMSID_MAX];
	char speaks[MP_SMSID_MAX];
	char netbios[MP_NETBIOS_MAX]; /* of the latter; "" if not known */
	char fqdn[MP_HOST_MAX];
};

/* All that can be said wrong of a configuration without asking anybody. */
int mp_client_check(struct mp_client *c, struct mp_error *e);

/* The way to the management point, as configured, anew. */
int mp_client_connect(struct mp_client *c, struct mp_error *e);

/* Tells the caller what is being done. */
void mp_client_step(const struct mp_client *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Fills m for a synchronous message to the endpoint, and sends it; reply must
 * be initialised. smsid: who signs; NULL: unsigned. netbios: the sender's
 * name, or NULL. id: the message's id, to be used again; NULL: a new one.
 */
struct mp_client_question {
	const char *endpoint;
	const char *smsid;
	const char *netbios;
	const char *id;
};

int mp_client_ask(struct mp_client *c, const struct mp_client_question *q,
    const struct mp_buf *body, struct mp_buf *reply, struct mp_error *e);

/*
 * What is remembered of a managed client, by its name, or of the certificate
 * itself (NULL); opens the state if need be.
 */
int mp_client_recall(struct mp_client *c, const char *managed,
    struct mp_state_client *st, struct mp_error *e);
int mp_client_remember(struct mp_client *c, const char *managed,
    const struct mp_state_client *st, struct mp_error *e);

/* Does the state give that SMSID to another client there? */
int mp_client_taken(struct mp_client *c, const char *managed, const char *smsid,
    bool *taken, struct mp_error *e);

/*
 * Who speaks, and for whom. MP_ENOTFOUND or MP_EPENDING if one of the two is
 * not registered.
 */
int mp_client_voice(
    struct mp_client *c, struct mp_client_voice *v, struct mp_error *e);

/* The ISV proxy's SMSID, configured or remembered. */
int mp_client_proxy(
    struct mp_client *c, char smsid[MP_SMSID_MAX], struct mp_error *e);

/* Certificates to encrypt to; c->x.recipients has them then. */
int mp_client_encrypt(struct mp_client *c, struct mp_error *e);

#endif
