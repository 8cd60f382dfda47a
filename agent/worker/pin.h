/*
 * Where the PIN of a token comes from: a file, a credential that systemd
 * passes, an inherited descriptor, a program that asks, or a person who
 * brings it with sealpoint unlock. All but the last are read for each login
 * and wiped after it, so that a changed source is seen and no PIN stays; what
 * was brought is kept until pin_forget(). Knows nothing of tokens.
 */
#ifndef AGENT_WORKER_PIN_H
#define AGENT_WORKER_PIN_H

#include <pthread.h>
#include <stdbool.h>

#include "agent/conf.h"
#include "agent/secret.h"
#include "pkcs11/token.h"

struct pin {
	const struct conf_token *token;
	int fd;               /* what the supervisor lent; see pinsource.h */
	struct secret secret; /* lent: from get() to put() */
	pthread_mutex_t lock; /* of what follows */
	struct secret kept;   /* what was brought, or empty */
	bool tried;           /* it was lent for a login already */
};

/* token is borrowed. 0, or -1 with errno: no memory can be locked. */
int pin_init(struct pin *p, const struct conf_token *token, int fd);
void pin_release(struct pin *p);

/* How pkcs11/ borrows it. */
struct token_pin pin_lend(struct pin *p);

/* Keeps a copy of what was brought; wipes what there was. */
void pin_bring(struct pin *p, const uint8_t *bytes, size_t len);

/* Is that what was brought? */
bool pin_same(struct pin *p, const uint8_t *bytes, size_t len);

/* Wipes what was brought. Any thread. */
void pin_forget(struct pin *p);

/* A login failed for want of the right PIN: if that was it, it goes. */
void pin_refused(struct pin *p);

/* What to do about a PIN that was refused, a clause for a sentence. */
void pin_advice(const struct pin *p, char *text, size_t textlen);

#endif
