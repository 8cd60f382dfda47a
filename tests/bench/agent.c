#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/client.h"
#include "tests/bench/bench.h"

static const uint8_t digest[32] = {0x5e};

struct job {
	const char *socket;
	uint8_t thumb[SIGNER_SHA256_LEN];
	size_t thumblen;
	struct signer_sign what;
};

struct connection {
	struct signer signer;
	struct signer_identity id;
	const struct signer_sign *what;
};

static void *
open_connection(void *arg)
{
	const struct job *j = arg;
	struct connection *c = calloc(1, sizeof(*c));
	struct signer_trouble why = {.text = "out of memory"};
	struct client *client;

	if (c == NULL ||
	    client_open(&client, j->socket, 0, &why) != SIGNER_OK) {
		(void)fprintf(stderr, "bench: %s\n", why.text);
		free(c);
		return NULL;
	}
	client_signer(client, &c->signer);
	c->what = &j->what;
	if (signer_find(&c->signer, j->thumb, j->thumblen, &c->id, &why) ==
	    SIGNER_OK)
		return c;
	(void)fprintf(stderr, "bench: %s\n", why.text);
	signer_close(&c->signer);
	free(c);
	return NULL;
}

static int
sign(void *one)
{
	struct connection *c = one;
	uint8_t sig[SIGNER_SIG_MAX];
	size_t siglen = sizeof(sig);
	struct signer_trouble why;

	if (signer_sign(&c->signer, c->id.sha256, c->what, sig, &siglen,
		&why) == SIGNER_OK)
		return 0;
	(void)fprintf(stderr, "bench: %s\n", why.text);
	return 1;
}

static void
close_connection(void *one)
{
	struct connection *c = one;

	signer_close(&c->signer);
	free(c);
}

int
agent_load(const struct bench_place *b, struct load *l)
{
	static struct job j;

	if (signer_thumbprint_parse(b->thumbprint, j.thumb, &j.thumblen) !=
	    SIGNER_OK) {
		(void)fputs("bench: not a thumbprint\n", stderr);
		return 1;
	}
	j.socket = b->socket;
	j.what = (struct signer_sign){
	    b->key == BENCH_RSA ? SIGNER_RSA_PKCS1 : SIGNER_ECDSA,
	    SIGNER_SHA256, true, 0, digest, sizeof(digest)};
	l->open = open_connection;
	l->step = sign;
	l->close = close_connection;
	l->arg = &j;
	return 0;
}
