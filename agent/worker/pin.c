#include "agent/worker/pin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "agent/worker/askpass.h"
#include "agent/worker/inherited.h"

#define PATH_ROOM 1024

int
pin_init(struct pin *p, const struct conf_token *token, int fd)
{
	p->token = token;
	p->fd = fd;
	p->tried = false;
	(void)pthread_mutex_init(&p->lock, NULL);
	p->kept = (struct secret){NULL, 0};
	if (secret_init(&p->secret) != 0)
		return -1;
	return token->pin == CONF_PIN_ASK ? secret_init(&p->kept) : 0;
}

void
pin_release(struct pin *p)
{
	secret_release(&p->secret);
	secret_release(&p->kept);
	(void)pthread_mutex_destroy(&p->lock);
}

/*
 * systemd makes its credentials readable as it needs, in a directory that
 * only the service sees: their mode is not ours to judge.
 */
static int
from_file(struct pin *p, char *text, size_t textlen)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	bool credential = p->token->pin == CONF_PIN_CREDENTIAL;
	char path[PATH_ROOM];
	int n;

	if (credential && dir == NULL) {
		(void)snprintf(text, textlen,
		    "the PIN is to come from credential:%s, but no "
		    "CREDENTIALS_DIRECTORY is set; run under systemd with "
		    "LoadCredential=, or use pin = file:/PATH",
		    p->token->pin_from);
		return -1;
	}
	n = snprintf(path, sizeof(path), "%s%s%s", credential ? dir : "",
	    credential ? "/" : "", p->token->pin_from);
	if (n > 0 && (size_t)n < sizeof(path))
		return secret_read_file(
		    &p->secret, path, credential, text, textlen);
	(void)snprintf(
	    text, textlen, "the path of the PIN's source is too long");
	return -1;
}

static int
from_person(struct pin *p, char *text, size_t textlen)
{
	bool there;

	(void)pthread_mutex_lock(&p->lock);
	there = p->kept.len != 0;
	if (there) {
		memcpy(p->secret.bytes, p->kept.bytes, p->kept.len);
		p->secret.len = p->kept.len;
		p->tried = true;
	}
	(void)pthread_mutex_unlock(&p->lock);
	if (there)
		return 0;
	(void)snprintf(text, textlen,
	    "nobody brought it yet; run 'sealpoint unlock %s'", p->token->name);
	return -1;
}

/* A worker that takes all of the time to start is ended: some is left to it. */
static int
from_program(struct pin *p, enum token_pin_use use, char *text, size_t textlen)
{
	char words[ASKPASS_WORDS_MAX];

	(void)snprintf(words, sizeof(words),
	    "PIN of token %s%s: ", p->token->name,
	    use == TOKEN_PIN_LOGIN ? "" : ", for one use of a key");
	return askpass_read(&p->secret, p->fd, p->token->pin_from, words,
	    p->token->start_ms / 4 * 3, text, textlen);
}

static int
fetch(struct pin *p, enum token_pin_use use, char *text, size_t textlen)
{
	switch (p->token->pin) {
	case CONF_PIN_FILE:
	case CONF_PIN_CREDENTIAL:
		return from_file(p, text, textlen);
	case CONF_PIN_FD:
		return inherited_read(
		    &p->secret, p->fd, p->token->pin_from, text, textlen);
	case CONF_PIN_ASKPASS:
		return from_program(p, use, text, textlen);
	case CONF_PIN_ASK:
		return from_person(p, text, textlen);
	case CONF_PIN_NONE:
	case CONF_PIN_PAD:
		break;
	}
	(void)snprintf(text, textlen,
	    "no PIN is configured; add pin = file:/PATH, credential:NAME, ask "
	    "or another source to section [token %s]",
	    p->token->name);
	return -1;
}

static int
get(void *ctx, enum token_pin_use use, const uint8_t **pin, size_t *len,
    char *text, size_t textlen)
{
	struct pin *p = ctx;

	*pin = NULL;
	*len = 0;
	if (p->token->pin == CONF_PIN_PAD)
		return 0;
	if (fetch(p, use, text, textlen) != 0)
		return -1;
	*pin = p->secret.bytes;
	*len = p->secret.len;
	return 0;
}

static void
put(void *ctx)
{
	struct pin *p = ctx;

	secret_wipe(&p->secret);
}

struct token_pin
pin_lend(struct pin *p)
{
	return (struct token_pin){.get = get, .put = put, .ctx = p};
}

void
pin_bring(struct pin *p, const uint8_t *bytes, size_t len)
{
	(void)pthread_mutex_lock(&p->lock);
	secret_wipe(&p->kept);
	if (p->kept.bytes != NULL && len <= SECRET_MAX) {
		memcpy(p->kept.bytes, bytes, len);
		p->kept.len = len;
	}
	p->tried = false;
	(void)pthread_mutex_unlock(&p->lock);
}

bool
pin_same(struct pin *p, const uint8_t *bytes, size_t len)
{
	bool same;

	(void)pthread_mutex_lock(&p->lock);
	same = len != 0 && p->kept.len == len &&
	       CRYPTO_memcmp(p->kept.bytes, bytes, len) == 0;
	(void)pthread_mutex_unlock(&p->lock);
	return same;
}

void
pin_forget(struct pin *p)
{
	(void)pthread_mutex_lock(&p->lock);
	secret_wipe(&p->kept);
	(void)pthread_mutex_unlock(&p->lock);
}

void
pin_refused(struct pin *p)
{
	(void)pthread_mutex_lock(&p->lock);
	if (p->tried)
		secret_wipe(&p->kept);
	(void)pthread_mutex_unlock(&p->lock);
}

void
pin_advice(const struct pin *p, char *text, size_t textlen)
{
	const char *from = p->token->pin_from;

	switch (p->token->pin) {
	case CONF_PIN_FILE:
		(void)snprintf(
		    text, textlen, "put the right PIN into %s", from);
		return;
	case CONF_PIN_CREDENTIAL:
		(void)snprintf(text, textlen,
		    "put the right PIN into the systemd credential %s and "
		    "restart the service",
		    from);
		return;
	case CONF_PIN_FD:
		(void)snprintf(text, textlen,
		    "restart sealpointd with the right PIN at descriptor %s",
		    from);
		return;
	case CONF_PIN_ASKPASS:
		(void)snprintf(
		    text, textlen, "give %s the right PIN when it asks", from);
		return;
	case CONF_PIN_ASK:
		(void)snprintf(text, textlen,
		    "run 'sealpoint unlock %s' with the right PIN",
		    p->token->name);
		return;
	case CONF_PIN_PAD:
		(void)snprintf(text, textlen,
		    "restart the agent and type the right PIN at the pad");
		return;
	case CONF_PIN_NONE:
		break;
	}
	(void)snprintf(text, textlen,
	    "name the PIN's source in section [token %s]", p->token->name);
}
