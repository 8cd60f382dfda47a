/*
 * Where the PIN of a token comes from: a file, or a credential that systemd
 * passes. Read for each login and wiped after it, so that a changed source
 * is seen and no PIN stays. Knows nothing of tokens.
 */
#ifndef AGENT_WORKER_PIN_H
#define AGENT_WORKER_PIN_H

#include "agent/conf.h"
#include "agent/secret.h"
#include "pkcs11/token.h"

struct pin {
	enum conf_pin kind;
	const char *from; /* as in struct conf_token */
	struct secret secret;
};

/* from is borrowed. 0, or -1 with errno. */
int pin_init(struct pin *p, enum conf_pin kind, const char *from);
void pin_release(struct pin *p);

/* How pkcs11/ borrows it. */
struct token_pin pin_lend(struct pin *p);

/* What to do about a PIN that was refused, a clause for a sentence. */
void pin_advice(const struct pin *p, char *text, size_t textlen);

#endif
