#include "agent/client.h"

#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/conn.h"
#include "agent/proto.h"

#define DEFAULT_SOCKET "/run/sealpoint/agent.sock"
#define SIGN_OVERHEAD 64  /* bytes of a SIGN packet besides its data */
#define BUSY_FIRST_MS 5u  /* wait before a request that was told "busy" */
#define BUSY_MOST_MS 500u /* is sent again; doubles in between */

struct client {
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	unsigned timeout_ms;
	pthread_mutex_t lock; /* of all below, and never held for long */
	pthread_cond_t dialled;
	bool dialling; /* some thread connects, for all */
	struct conn *conn;
};

/* One request and where its reply goes. */
struct call {
	enum proto_type type;
	uint8_t *packet;
	size_t len;
	uint8_t *reply;
	size_t room;
	size_t replylen;
};

/* Locked. Connects, for all who wait meanwhile. 0 or errno. */
static int
dial(struct client *c, uint64_t deadline)
{
	struct conn *n;
	int err;

	c->dialling = true;
	(void)pthread_mutex_unlock(&c->lock);
	n = conn_open(c->path, c->timeout_ms, deadline);
	err = n == NULL ? errno : 0;
	(void)pthread_mutex_lock(&c->lock);
	c->conn = n;
	c->dialling = false;
	(void)pthread_cond_broadcast(&c->dialled);
	return err;
}

/* The connection in use, referenced; made if there is none. NULL: errno. */
static struct conn *
connected(struct client *c, uint64_t deadline)
{
	const struct timespec ts = {
	    .tv_sec = (time_t)(deadline / 1000),
	    .tv_nsec = (long)(deadline % 1000) * 1000000,
	};
	struct conn *n = NULL;
	int err = 0;

	(void)pthread_mutex_lock(&c->lock);
	while (c->dialling && err == 0)
		err = pthread_cond_timedwait(&c->dialled, &c->lock, &ts);
	if (err == 0 && c->conn == NULL)
		err = dial(c, deadline);
	if (err == 0) {
		n = c->conn;
		conn_ref(n);
	}
	(void)pthread_mutex_unlock(&c->lock);
	errno = err;
	return n;
}

/* Forgets a connection that broke, unless another thread already did. */
static void
disconnect(struct client *c, struct conn *n)
{
	(void)pthread_mutex_lock(&c->lock);
	if (c->conn == n) {
		conn_unref(n);
		c->conn = NULL;
	}
	(void)pthread_mutex_unlock(&c->lock);
}

static int
unreachable(const struct client *c, struct signer_trouble *why, int err)
{
	switch (err) {
	case ENOENT:
	case ECONNREFUSED:
		return signer_fail(why, SIGNER_EAGENT,
		    "no agent listens on %s; "
		    "start sealpointd, or name its socket with --agent or "
		    "SEALPOINT_AGENT",
		    c->path);
	case EACCES:
		return signer_fail(why, SIGNER_EAGENT,
		    "this user may not connect "
		    "to %s; see the permissions of the socket and its "
		    "directory",
		    c->path);
	case ETIMEDOUT:
		return signer_fail(why, SIGNER_ETIMEOUT,
		    "the agent on %s gave no "
		    "answer within %u ms",
		    c->path, c->timeout_ms);
	default:
		return signer_fail(why, SIGNER_EAGENT,
		    "the agent on %s hung up "
		    "(%s); see its log, and try again",
		    c->path, strerror(err));
	}
}

/* Sends the call and waits, once over if the connection had been lost. */
static int
roundtrip(struct client *c, struct call *call, uint64_t deadline,
    struct signer_trouble *why)
{
	int err = 0;

	for (int attempt = 0; attempt < 2; attempt++) {
		struct conn *n = connected(c, deadline);

		if (n == NULL)
			return unreachable(c, why, errno);
		call->replylen = call->room;
		err = conn_call(n, call->packet, call->len, deadline,
		    call->reply, &call->replylen);
		if (err != 0 && err != ETIMEDOUT && err != EMSGSIZE)
			disconnect(c, n);
		conn_unref(n);
		if (err == 0)
			return SIGNER_OK;
		if (err == ETIMEDOUT)
			break;
		if (err == EMSGSIZE)
			return signer_fail(why, SIGNER_EPROTO,
			    "the agent on %s sent "
			    "a reply that is too long",
			    c->path);
	}
	return unreachable(c, why, err);
}

/* Leaves r at the body of a good reply; else the failure that it tells. */
static int
understand(const struct client *c, const struct call *call,
    struct wire_reader *r, struct signer_trouble *why)
{
	struct signer_trouble theirs;
	struct proto_header h;

	if (proto_header_parse(r, call->reply, call->replylen, &h) !=
		SIGNER_OK ||
	    !h.reply || h.type != (uint8_t)call->type)
		return signer_fail(why, SIGNER_EPROTO,
		    "what listens on %s does not "
		    "speak the agent's protocol",
		    c->path);
	if (h.status == 0)
		return SIGNER_OK;
	if (proto_failure_parse(r, &theirs) != SIGNER_OK ||
	    h.status > -SIGNER_ENOMEM)
		return signer_fail(why, SIGNER_EPROTO,
		    "the agent on %s reports a "
		    "failure that cannot be read",
		    c->path);
	if (why != NULL)
		*why = theirs;
	return -(int)h.status;
}

/* Is it worth asking again, and how often was it asked? */
static bool
again(int err, const struct signer_trouble *why, unsigned asked)
{
	if (err == SIGNER_EBUSY)
		return why->retry;
	/* The worker died under it: the next one may do it. */
	return err == SIGNER_EDEVICE && why->retry && asked == 0;
}

/*
 * When to ask again: as long from now as the agent said, or ever longer if it
 * did not say; and up to a quarter more, so that not all who were told the
 * same come back at once.
 */
static uint64_t
next_time(const struct signer_trouble *why, unsigned asked)
{
	uint64_t ms = BUSY_FIRST_MS << (asked < 7 ? asked : 7);
	uint16_t chance = 0;

	if (ms > BUSY_MOST_MS)
		ms = BUSY_MOST_MS;
	if (ms < why->after_ms)
		ms = why->after_ms;
	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) < 0)
		chance = UINT16_MAX;
	return conn_now() + ms + (ms / 4 + 1) * chance / UINT16_MAX;
}

static void
nap(uint64_t at)
{
	struct timespec ts;

	ts.tv_sec = (time_t)(at / 1000);
	ts.tv_nsec = (long)(at % 1000) * 1000000;
	while (
	    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

/* The whole of a request: r is left at the body of a good reply. */
static int
ask(struct client *c, struct call *call, struct wire_reader *r,
    struct signer_trouble *why)
{
	uint64_t deadline = conn_now() + c->timeout_ms, next;
	struct signer_trouble mine;
	int err;

	if (why == NULL)
		why = &mine;
	memset(why, 0, sizeof(*why));
	if (call->len == 0)
		return signer_fail(why, SIGNER_EARG, "the request is too long");
	for (unsigned asked = 0;; asked++) {
		err = roundtrip(c, call, deadline, why);
		if (err == SIGNER_OK)
			err = understand(c, call, r, why);
		if (err == SIGNER_OK || !again(err, why, asked))
			return err;
		next = next_time(why, asked);
		if (next >= deadline)
			return err;
		nap(next);
	}
}

static int
bad_body(const struct client *c, struct signer_trouble *why)
{
	return signer_fail(why, SIGNER_EPROTO,
	    "a reply of the agent on %s cannot "
	    "be read; are both of one version?",
	    c->path);
}

static int
list(void *ctx, size_t from, struct signer_identity *ids, size_t max, size_t *n,
    struct signer_trouble *why)
{
	struct signer_identity page[PROTO_LIST_MAX];
	uint8_t packet[64], reply[PROTO_PACKET_MAX];
	struct call call = {.type = PROTO_LIST,
	    .packet = packet,
	    .reply = reply,
	    .room = sizeof(reply)};
	struct client *c = ctx;
	struct wire_reader r;
	size_t got = 0;
	int err;

	if (from > UINT32_MAX)
		return SIGNER_EARG;
	call.len = proto_list_pack(packet, sizeof(packet), 0, (uint32_t)from);
	err = ask(c, &call, &r, why);
	if (err != SIGNER_OK)
		return err;
	if (proto_list_reply_parse(&r, page, PROTO_LIST_MAX, &got) != SIGNER_OK)
		return bad_body(c, why);
	*n = got < max ? got : max;
	memcpy(ids, page, *n * sizeof(*ids));
	return SIGNER_OK;
}

static int
find(void *ctx, const uint8_t *thumb, size_t thumblen,
    struct signer_identity *id, struct signer_trouble *why)
{
	uint8_t packet[128], reply[1024];
	struct call call = {.type = PROTO_FIND,
	    .packet = packet,
	    .reply = reply,
	    .room = sizeof(reply)};
	struct client *c = ctx;
	struct wire_reader r;
	int err;

	call.len = proto_find_pack(packet, sizeof(packet), 0, thumb, thumblen);
	err = ask(c, &call, &r, why);
	if (err == SIGNER_OK && proto_find_reply_parse(&r, id) != SIGNER_OK)
		return bad_body(c, why);
	return err;
}

static int
certificate(void *ctx, const uint8_t key[SIGNER_SHA256_LEN], unsigned depth,
    uint8_t *der, size_t *len, struct signer_trouble *why)
{
	uint8_t packet[128], reply[SIGNER_CERT_MAX + 1024];
	struct call call = {.type = PROTO_CERTIFICATE,
	    .packet = packet,
	    .reply = reply,
	    .room = sizeof(reply)};
	struct proto_certificate ask_for;
	struct client *c = ctx;
	struct wire_reader r;
	int err;

	if (depth >= SIGNER_CHAIN_MAX)
		return SIGNER_ENOKEY;
	memcpy(ask_for.key, key, sizeof(ask_for.key));
	ask_for.depth = (uint8_t)depth;
	call.len = proto_certificate_pack(packet, sizeof(packet), 0, &ask_for);
	err = ask(c, &call, &r, why);
	if (err == SIGNER_OK &&
	    proto_blob_reply_parse(&r, der, len) != SIGNER_OK)
		return bad_body(c, why);
	return err;
}

static int
sign(void *ctx, const uint8_t key[SIGNER_SHA256_LEN],
    const struct signer_sign *what, uint8_t *sig, size_t *siglen,
    struct signer_trouble *why)
{
	uint8_t small[512], reply[SIGNER_SIG_MAX + 1024], *large = NULL;
	struct call call = {.type = PROTO_SIGN,
	    .packet = small,
	    .reply = reply,
	    .room = sizeof(reply)};
	size_t cap = what->len + SIGN_OVERHEAD;
	struct proto_sign s = {.what = *what};
	struct client *c = ctx;
	struct wire_reader r;
	int err;

	/* A digest takes no allocation; a message may be large. */
	if (cap > sizeof(small)) {
		call.packet = large = malloc(cap);
		if (large == NULL)
			return SIGNER_ENOMEM;
	}
	memcpy(s.key, key, sizeof(s.key));
	call.len = proto_sign_pack(call.packet, cap, 0, &s);
	err = ask(c, &call, &r, why);
	if (err == SIGNER_OK &&
	    proto_blob_reply_parse(&r, sig, siglen) != SIGNER_OK)
		err = bad_body(c, why);
	free(large);
	return err;
}

static int
decrypt(void *ctx, const uint8_t key[SIGNER_SHA256_LEN],
    enum signer_scheme scheme, enum signer_hash hash, const uint8_t *in,
    size_t inlen, uint8_t *out, size_t *outlen, struct signer_trouble *why)
{
	uint8_t packet[SIGNER_DATA_MAX + 128], reply[SIGNER_DATA_MAX + 1024];
	struct call call = {.type = PROTO_DECRYPT,
	    .packet = packet,
	    .reply = reply,
	    .room = sizeof(reply)};
	struct proto_decrypt d = {
	    .scheme = scheme, .hash = hash, .data = in, .len = inlen};
	struct client *c = ctx;
	struct wire_reader r;
	int err;

	if (scheme == SIGNER_RSA_PKCS1)
		d.hash = SIGNER_HASH_NONE;
	memcpy(d.key, key, sizeof(d.key));
	call.len = proto_decrypt_pack(packet, sizeof(packet), 0, &d);
	err = ask(c, &call, &r, why);
	if (err == SIGNER_OK &&
	    proto_blob_reply_parse(&r, out, outlen) != SIGNER_OK)
		err = bad_body(c, why);
	explicit_bzero(reply, sizeof(reply));
	return err;
}

int
client_status(struct client *c, unsigned index, struct client_token *tok,
    struct signer_trouble *why)
{
	uint8_t packet[64], reply[4096];
	struct call call = {.type = PROTO_STATUS,
	    .packet = packet,
	    .reply = reply,
	    .room = sizeof(reply)};
	struct wire_reader r;
	int err;

	memset(tok, 0, sizeof(*tok));
	if (index > UINT16_MAX)
		return SIGNER_ENOKEY;
	call.len =
	    proto_status_pack(packet, sizeof(packet), 0, (uint16_t)index);
	err = ask(c, &call, &r, why);
	if (err == SIGNER_OK &&
	    proto_status_reply_parse(&r, tok) != SIGNER_OK) {
		memset(tok, 0, sizeof(*tok));
		return bad_body(c, why);
	}
	return err;
}

int
client_explain(struct client *c, const struct client_question *q,
    struct client_finding *found, size_t *n, struct signer_trouble *why)
{
	uint8_t packet[2048], reply[PROTO_PACKET_MAX];
	struct call call = {.type = PROTO_EXPLAIN,
	    .packet = packet,
	    .reply = reply,
	    .room = sizeof(reply)};
	struct wire_reader r;
	int err;

	*n = 0;
	call.len = proto_explain_pack(packet, sizeof(packet), 0, q);
	if (call.len == 0)
		return signer_fail(
		    why, SIGNER_EARG, "more groups than a user can have");
	err = ask(c, &call, &r, why);
	if (err == SIGNER_OK &&
	    proto_explain_reply_parse(&r, found, n) != SIGNER_OK) {
		*n = 0;
		return bad_body(c, why);
	}
	return err;
}

int
client_ping(struct client *c, struct signer_trouble *why)
{
	uint8_t packet[64], reply[1024];
	struct call call = {.type = PROTO_PING,
	    .packet = packet,
	    .reply = reply,
	    .room = sizeof(reply)};
	struct wire_reader r;

	call.len = proto_ping_pack(packet, sizeof(packet), 0);
	return ask(c, &call, &r, why);
}

/* Both ends must agree on a version before the first real request. */
static int
greet(struct client *c, struct signer_trouble *why)
{
	uint8_t packet[64], reply[1024];
	struct call call = {.type = PROTO_HELLO,
	    .packet = packet,
	    .reply = reply,
	    .room = sizeof(reply)};
	struct proto_hello hello;
	struct wire_reader r;
	int err;

	call.len = proto_hello_pack(packet, sizeof(packet), 0);
	err = ask(c, &call, &r, why);
	if (err != SIGNER_OK)
		return err;
	if (proto_hello_reply_parse(&r, &hello) != SIGNER_OK ||
	    hello.version != PROTO_VERSION)
		return bad_body(c, why);
	return SIGNER_OK;
}

/* A condition that counts the same clock as the deadlines. */
static void
arm(struct client *c)
{
	pthread_condattr_t attr;

	(void)pthread_mutex_init(&c->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&c->dialled, &attr);
	(void)pthread_condattr_destroy(&attr);
}

const char *
client_path(const char *path)
{
	if (path == NULL)
		path = secure_getenv("SEALPOINT_AGENT");
	return path == NULL || path[0] == '\0' ? DEFAULT_SOCKET : path;
}

int
client_open(struct client **cp, const char *path, unsigned timeout_ms,
    struct signer_trouble *why)
{
	struct client *c;
	int err;

	*cp = NULL;
	path = client_path(path);
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return signer_fail(why, SIGNER_ENOMEM, "out of memory");
	arm(c);
	c->timeout_ms = timeout_ms != 0 ? timeout_ms : CLIENT_TIMEOUT_MS;
	err = SIGNER_EARG;
	if (strlen(path) >= sizeof(c->path)) {
		(void)signer_fail(why, err,
		    "the socket's path is longer than %zu "
		    "bytes: %s",
		    sizeof(c->path) - 1, path);
		goto out;
	}
	memcpy(c->path, path, strlen(path) + 1);
	err = greet(c, why);
	if (err != SIGNER_OK)
		goto out;
	*cp = c;
	c = NULL;
out:
	client_close(c);
	return err;
}

void
client_close(struct client *c)
{
	if (c == NULL)
		return;
	if (c->conn != NULL)
		conn_unref(c->conn);
	(void)pthread_cond_destroy(&c->dialled);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}

static void
hang_up(void *ctx)
{
	client_close(ctx);
}

void
client_signer(struct client *c, struct signer *s)
{
	static const struct signer_ops ops = {
	    .name = "agent",
	    .list = list,
	    .find = find,
	    .certificate = certificate,
	    .sign = sign,
	    .decrypt = decrypt,
	    .close = hang_up,
	};

	s->ops = &ops;
	s->ctx = c;
}
