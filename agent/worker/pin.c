#include "agent/worker/pin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_ROOM 1024

int
pin_init(struct pin *p, enum conf_pin kind, const char *from)
{
	p->kind = kind;
	p->from = from;
	return secret_init(&p->secret);
}

void
pin_release(struct pin *p)
{
	secret_release(&p->secret);
}

/*
 * The file behind the source; -1 with a sentence. systemd makes its
 * credentials readable as it needs, in a directory that only the service
 * sees: their mode is not ours to judge.
 */
static int
locate(const struct pin *p, char *path, size_t room, char *text, size_t textlen)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	int n;

	if (p->kind == CONF_PIN_FILE) {
		n = snprintf(path, room, "%s", p->from);
	} else if (dir != NULL) {
		n = snprintf(path, room, "%s/%s", dir, p->from);
	} else {
		(void)snprintf(text, textlen,
		    "the PIN is to come from credential:%s, but no "
		    "CREDENTIALS_DIRECTORY is set; run under systemd with "
		    "LoadCredential=, or use pin = file:/PATH",
		    p->from);
		return -1;
	}
	if (n > 0 && (size_t)n < room)
		return 0;
	(void)snprintf(
	    text, textlen, "the path of the PIN's source is too long");
	return -1;
}

static int
get(void *ctx, enum token_pin_use use, const uint8_t **pin, size_t *len,
    char *text, size_t textlen)
{
	struct pin *p = ctx;
	char path[PATH_ROOM];

	(void)use;

	*pin = NULL;
	*len = 0;
	if (p->kind == CONF_PIN_PAD)
		return 0;
	if (p->kind != CONF_PIN_FILE && p->kind != CONF_PIN_CREDENTIAL) {
		(void)snprintf(text, textlen,
		    "no PIN is configured; add pin = file:/PATH or pin = "
		    "credential:NAME to the token's section");
		return -1;
	}
	if (locate(p, path, sizeof(path), text, textlen) != 0 ||
	    secret_read_file(&p->secret, path, p->kind == CONF_PIN_CREDENTIAL,
		text, textlen) != 0)
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
pin_advice(const struct pin *p, char *text, size_t textlen)
{
	if (p->kind == CONF_PIN_FILE)
		(void)snprintf(
		    text, textlen, "put the right PIN into %s", p->from);
	else
		(void)snprintf(text, textlen,
		    "put the right PIN into the systemd credential %s and "
		    "restart the service",
		    p->from);
}
