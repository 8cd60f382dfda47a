#include "tests/unit/mp/https.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/ssl.h>

#define REQUEST_MAX (8u << 20)
#define ANSWER_MAX (128u << 20)
#define TURN_MS 20

#define TLS_HANDSHAKE 22 /* first byte of a client that wants TLS */

static const char no_tls[] = "HTTP/1.1 400 Bad Request\r\n\r\n";

struct https {
	struct https_config cfg;
	SSL_CTX *ctx;
	int listener;
	unsigned port;
	pthread_t thread;
	atomic_bool stop;
	unsigned connections, requests;
};

struct link {
	struct https *s;
	int fd;
	SSL *ssl; /* NULL: plain */
	bool rude;
};

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	abort();
}

/* Waits for the socket, but never longer than until https_stop(). */
static bool
ready(const struct https *s, int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	while (!atomic_load(&s->stop))
		if (poll(&p, 1, TURN_MS) > 0)
			return true;
	return false;
}

static void
doze(const struct https *s, unsigned ms)
{
	for (; ms > 0 && !atomic_load(&s->stop); ms -= ms < 5 ? ms : 5)
		(void)usleep(5000);
}

static int
pull(struct link *l, void *data, size_t len)
{
	int n;

	if (l->ssl == NULL || SSL_pending(l->ssl) == 0)
		if (!ready(l->s, l->fd, POLLIN))
			return -1;
	if (l->ssl != NULL)
		n = SSL_read(l->ssl, data, (int)len);
	else
		n = (int)recv(l->fd, data, len, 0);
	return n;
}

static bool
push(struct link *l, const uint8_t *data, size_t len)
{
	int n;

	while (len > 0) {
		if (!ready(l->s, l->fd, POLLOUT))
			return false;
		if (l->ssl != NULL)
			n = SSL_write(
			    l->ssl, data, (int)(len < 16384 ? len : 16384));
		else
			n = (int)send(l->fd, data, len, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

/* The first two words of the request line. */
static void
split(struct https_request *q)
{
	size_t n = strcspn(q->head, " \r");

	(void)snprintf(q->method, sizeof(q->method), "%.*s", (int)n, q->head);
	if (q->head[n] == ' ')
		(void)snprintf(q->path, sizeof(q->path), "%.*s",
		    (int)strcspn(q->head + n + 1, " \r"), q->head + n + 1);
}

/* One request into `all`; q points into it. False at the end of file. */
static bool
receive(struct link *l, struct mp_buf *all, struct https_request *q)
{
	const char *end = NULL, *field;
	uint8_t chunk[8192];
	size_t head = 0, want = 0;
	int n;

	while (end == NULL || all->len < head + want) {
		n = pull(l, chunk, sizeof(chunk));
		if (n <= 0)
			return false;
		mp_buf_add(all, chunk, (size_t)n);
		if (!mp_buf_ok(all))
			return false;
		if (end != NULL)
			continue;
		if (l->ssl == NULL && all->data[0] == TLS_HANDSHAKE) {
			(void)push(l, (const uint8_t *)no_tls, strlen(no_tls));
			return false;
		}
		end = memmem(all->data, all->len, "\r\n\r\n", 4);
		if (end == NULL)
			continue;
		head = (size_t)(end - (const char *)all->data) + 4;
		(void)snprintf(q->head, sizeof(q->head), "%.*s", (int)head,
		    (const char *)all->data);
		field = strcasestr(q->head, "\r\nContent-Length:");
		want = field != NULL ? strtoul(field + 17, NULL, 10) : 0;
	}
	split(q);
	q->body = all->data + head;
	q->len = want;
	return true;
}

static void
introduce(const struct link *l, struct https_request *q)
{
	X509 *peer;

	if (l->ssl == NULL)
		return;
	q->version = SSL_version(l->ssl);
	peer = SSL_get1_peer_certificate(l->ssl);
	if (peer == NULL)
		return;
	(void)X509_NAME_get_text_by_NID(X509_get_subject_name(peer),
	    NID_commonName, q->peer, sizeof(q->peer));
	X509_free(peer);
}

static bool
deliver(
    struct link *l, const struct https_request *q, const struct mp_buf *answer)
{
	size_t at = 0, n;

	if (q->drip == 0)
		return push(l, answer->data, answer->len);
	at = q->drip_after < answer->len ? q->drip_after : answer->len;
	if (!push(l, answer->data, at))
		return false;
	for (; at < answer->len; at += n) {
		doze(l->s, q->pause_ms);
		n = answer->len - at < q->drip ? answer->len - at : q->drip;
		if (!push(l, answer->data + at, n))
			return false;
	}
	return true;
}

static bool
serve_one(struct link *l)
{
	struct https *s = l->s;
	struct https_request *q = calloc(1, sizeof(*q));
	struct mp_buf all, answer;
	bool on = false;

	must(q != NULL, "calloc");
	mp_buf_init(&all, REQUEST_MAX);
	mp_buf_init(&answer, ANSWER_MAX);
	if (receive(l, &all, q)) {
		introduce(l, q);
		q->connection = s->connections;
		q->number = ++s->requests;
		s->cfg.handle(s->cfg.ctx, q, &answer);
		if (q->drip == 0)
			doze(s, q->pause_ms);
		on = deliver(l, q, &answer) && !q->close;
		l->rude = q->rude;
	}
	mp_buf_release(&all);
	mp_buf_release(&answer);
	free(q);
	return on;
}

/* Closing over unread bytes resets, and would take our last words along. */
static void
drain(const struct https *s, int fd)
{
	struct timeval soon = {.tv_usec = 200000};
	char sink[4096];

	(void)shutdown(fd, SHUT_WR);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
	while (!atomic_load(&s->stop) && recv(fd, sink, sizeof(sink), 0) > 0)
		continue;
}

static void
serve(struct https *s, int fd)
{
	struct link l = {.s = s, .fd = fd};
	bool on = true;

	s->connections++;
	if (s->ctx != NULL) {
		l.ssl = SSL_new(s->ctx);
		must(l.ssl != NULL && SSL_set_fd(l.ssl, fd) == 1, "SSL");
		on = SSL_accept(l.ssl) == 1;
	}
	if (on && s->cfg.hang_up) {
		SSL_free(l.ssl);
		(void)close(fd);
		return;
	}
	while (on && !atomic_load(&s->stop))
		on = serve_one(&l);
	if (l.ssl != NULL && !l.rude)
		(void)SSL_shutdown(l.ssl);
	SSL_free(l.ssl);
	drain(s, fd);
	(void)close(fd);
}

static void *
run(void *arg)
{
	struct timeval deadline = {.tv_sec = 5};
	struct https *s = arg;
	sigset_t pipe;
	int fd;

	/* In this thread alone: the client has to look after itself. */
	(void)sigemptyset(&pipe);
	(void)sigaddset(&pipe, SIGPIPE);
	(void)pthread_sigmask(SIG_BLOCK, &pipe, NULL);

	while (ready(s, s->listener, POLLIN)) {
		fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		(void)setsockopt(
		    fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
		(void)setsockopt(
		    fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof(deadline));
		serve(s, fd);
	}
	return NULL;
}

static void
set_up_tls(struct https *s)
{
	const struct https_config *cfg = &s->cfg;
	X509_STORE *store;

	if (cfg->cert == NULL)
		return;
	s->ctx = SSL_CTX_new(TLS_server_method());
	must(s->ctx != NULL, "SSL_CTX_new");
	must(SSL_CTX_use_certificate(s->ctx, cfg->cert) == 1 &&
		 SSL_CTX_use_PrivateKey(s->ctx, cfg->key) == 1,
	    "server certificate");
	if (cfg->tls_min != 0)
		(void)SSL_CTX_set_min_proto_version(s->ctx, cfg->tls_min);
	if (cfg->tls_max != 0)
		(void)SSL_CTX_set_max_proto_version(s->ctx, cfg->tls_max);
	if (cfg->client_ca == NULL)
		return;
	store = SSL_CTX_get_cert_store(s->ctx);
	must(X509_STORE_add_cert(store, cfg->client_ca) == 1, "client CA");
	(void)X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
	SSL_CTX_set_verify(
	    s->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	(void)SSL_CTX_set_session_id_context(
	    s->ctx, (const unsigned char *)"test", 4);
}

struct https *
https_start(const struct https_config *cfg)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct https *s = calloc(1, sizeof(*s));
	socklen_t len = sizeof(at);

	must(s != NULL, "calloc");
	s->cfg = *cfg;
	set_up_tls(s);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(s->listener >= 0, "socket");
	must(bind(s->listener, (const struct sockaddr *)&at, len) == 0 &&
		 listen(s->listener, 16) == 0 &&
		 getsockname(s->listener, (struct sockaddr *)&at, &len) == 0,
	    "listen");
	s->port = ntohs(at.sin_port);
	must(pthread_create(&s->thread, NULL, run, s) == 0, "thread");
	return s;
}

unsigned
https_port(const struct https *s)
{
	return s->port;
}

void
https_stop(struct https *s)
{
	if (s == NULL)
		return;
	atomic_store(&s->stop, true);
	(void)pthread_join(s->thread, NULL);
	(void)close(s->listener);
	SSL_CTX_free(s->ctx);
	free(s);
}

void
https_answer(struct mp_buf *out, int status, const char *type, const void *body,
    size_t len)
{
	mp_buf_printf(out, "HTTP/1.1 %d Whatever\r\n", status);
	if (type != NULL)
		mp_buf_printf(out, "Content-Type: %s\r\n", type);
	mp_buf_printf(out, "Content-Length: %zu\r\n\r\n", len);
	mp_buf_add(out, body, len);
}
