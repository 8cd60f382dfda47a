#include "agent/worker/pin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_ROOM 1024

int
pin_init(struct pin *p, const char *source)
{
	p->source = source;
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
 * sees: their mode is not ours to judge (`lax`).
 */
static int
locate(const char *source, char *path, size_t room, int *lax, char *text,
    size_t textlen)
{
	const char *dir;
	int n;

	*lax = 0;
	if (strncmp(source, "file:", 5) == 0) {
		n = snprintf(path, room, "%s", source + 5);
	} else {
		dir = getenv("CREDENTIALS_DIRECTORY");
		*lax = 1;
		if (dir == NULL) {
			(void)snprintf(text, textlen,
			    "the PIN is to come from %s, "
			    "but no CREDENTIALS_DIRECTORY is set; run under "
			    "systemd "
			    "with LoadCredential=, or use pin = file:/PATH",
			    source);
			return -1;
		}
		n = snprintf(
		    path, room, "%s/%s", dir, source + strlen("credential:"));
	}
	if (n > 0 && (size_t)n < room)
		return 0;
	(void)snprintf(
	    text, textlen, "the path of the PIN's source is too long");
	return -1;
}

static int
get(void *ctx, const uint8_t **pin, size_t *len, char *text, size_t textlen)
{
	struct pin *p = ctx;
	char path[PATH_ROOM];
	int lax;

	*pin = NULL;
	*len = 0;
	if (p->source[0] == '\0') {
		(void)snprintf(text, textlen,
		    "no PIN is configured; add pin = "
		    "file:/PATH or pin = credential:NAME to the token's "
		    "section");
		return -1;
	}
	if (locate(p->source, path, sizeof(path), &lax, text, textlen) != 0 ||
	    secret_read_file(&p->secret, path, lax, text, textlen) != 0)
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
	if (strncmp(p->source, "file:", 5) == 0)
		(void)snprintf(
		    text, textlen, "put the right PIN into %s", p->source + 5);
	else
		(void)snprintf(text, textlen,
		    "put the right PIN into the systemd "
		    "credential %s and restart the service",
		    strchr(p->source, ':') ? strchr(p->source, ':') + 1 : "");
}
