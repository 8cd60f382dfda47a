/*
 * What the files of the client share: the object itself, and the two things
 * that all of them do with it. For mp/client*.c alone.
 */
#ifndef MP_CLIENT_INTERNAL_H
#define MP_CLIENT_INTERNAL_H

#include "mp/client.h"
#include "mp/exchange.h"
#include "mp/url.h"

#define CLIENT_SITE_LEN 3
#define CLIENT_NETBIOS_MAX 15 /* characters of a NetBIOS name */
#define CLIENT_REQUEST_MAX (1u << 20)

struct mp_client {
	struct mp_client_config cfg;
	struct mp_url url;
	char site[CLIENT_SITE_LEN + 1]; /* upper case */
	char sha256[2 * SIGNER_SHA256_LEN + 1];
	char warning[MP_TEXT_MAX]; /* "" if there is none */
	struct mp_identity me;
	struct mp_trust *trust;
	struct mp_http *http;
	struct mp_state *state; /* NULL until it is needed */
	struct mp_exchange x;
};

/* Tells the caller what is being done. */
void mp_client_step(const struct mp_client *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Fills m for a synchronous message to the endpoint, and sends it; reply must
 * be initialised. smsid: who signs; NULL: unsigned. id: the message's id, to
 * be used again; NULL: a new one.
 */
int mp_client_ask(struct mp_client *c, const char *endpoint,
    const struct mp_buf *body, const char *smsid, const char *id,
    struct mp_buf *reply, struct mp_error *e);

/* What is remembered of this client; opens the state if need be. */
int mp_client_recall(
    struct mp_client *c, struct mp_state_client *st, struct mp_error *e);
int mp_client_remember(
    struct mp_client *c, const struct mp_state_client *st, struct mp_error *e);

/* The names that a machine gives of itself in messages, or a sentence. */
int mp_client_named(const struct mp_client *c, struct mp_error *e);

#endif
