/*
 * A client of one management point that is kept between messages, with its
 * connection: a new one costs a TLS handshake, and so a signature of the
 * token. Knows when a wish is the same as the one before, or differs only in
 * whose message it is: an ISV proxy speaks for thousands.
 */
#ifndef MP_LIBRARY_SESSION_H
#define MP_LIBRARY_SESSION_H

#include <sealpoint/identity.h>

#include "mp/client.h"

struct session {
	struct mp_client *client;
	struct mp_client_config cfg;         /* with strings of our own */
	struct sealpoint_identity *identity; /* a reference */
};

/*
 * The client for a configuration and an identity, both only read: the one
 * that is open if nothing changed. e must not be NULL.
 */
int session_open(struct session *s, const struct mp_client_config *cfg,
    struct sealpoint_identity *id, struct mp_error *e);
void session_close(struct session *s);

#endif
