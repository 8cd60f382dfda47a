#include "agent/front/workers.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "agent/front/catalogue.h"
#include "agent/front/overseer.h"
#include "agent/front/route.h"
#include "agent/log.h"

#define WAITING_MAX                                              \
	(8u << 20) /* bytes of requests that wait for one worker \
		    */
#define BURST 64   /* notices of one worker before others have their turn */

/* A packet that did not fit into the worker's socket: a request, or, with
 * ticket 0, the news that its client is gone. */
struct errand {
	struct errand *next;
	struct link_request q;
	size_t len;
	uint8_t packet[];
};

struct worker {
	struct front *front;
	unsigned index;
	uint32_t generation;
	int fd;        /* -1: no process */
	bool reported; /* it, or one before it, said how its token is */
	bool spoke;    /* the present process did */
	bool scanning;
	struct link_state state;
	uint64_t attached; /* when the process came */
	uint64_t heard;    /* when it last answered */
	struct event *readable, *writable;
	struct errand *first, *last;
	size_t waiting;
	struct signer_identity *incoming; /* catalogue being received */
	size_t nincoming;
};

struct workers {
	struct front *front;
	size_t n;
	struct worker table[CONF_TOKENS_MAX];
};

static struct worker *
worker(const struct front *f, unsigned index)
{
	return &f->workers->table[index];
}

const struct link_state *
workers_state(const struct front *f, unsigned index, bool *reported)
{
	*reported = worker(f, index)->reported;
	return &worker(f, index)->state;
}

bool
workers_present(const struct front *f, unsigned index)
{
	return worker(f, index)->fd != -1;
}

bool
workers_up(const struct front *f, unsigned index)
{
	return worker(f, index)->fd != -1 && worker(f, index)->spoke;
}

uint32_t
workers_generation(const struct front *f, unsigned index)
{
	return worker(f, index)->generation;
}

uint64_t
workers_silence(const struct front *f, unsigned index)
{
	return front_now() - worker(f, index)->heard;
}

unsigned
workers_choose(const struct front *f, uint32_t tokens)
{
	unsigned any = 0;
	bool found = false;

	for (unsigned i = 0; i < f->workers->n; i++) {
		const struct worker *w = worker(f, i);

		if ((tokens >> i & 1) == 0)
			continue;
		if (w->fd != -1 && w->reported && w->state.err == SIGNER_OK)
			return i;
		if (!found)
			any = i;
		found = true;
	}
	return any;
}

/* Frees what belongs to the process; a catalogue half sent is forgotten. */
static void
detach(struct worker *w)
{
	struct errand *e;

	event_free(w->readable);
	event_free(w->writable);
	(void)close(w->fd);
	w->fd = -1;
	while ((e = w->first) != NULL) {
		w->first = e->next;
		free(e);
	}
	w->last = NULL;
	w->waiting = 0;
	free(w->incoming);
	w->incoming = NULL;
	w->nincoming = 0;
	w->scanning = false;
}

/* The process is gone: its requests get an answer from here. */
static void
lose(struct worker *w)
{
	if (w->fd == -1)
		return;
	log_line(LOG_LEVEL_WARNING, "token %s: its worker ended",
	    w->front->conf->tokens[w->index].name);
	detach(w);
	/* It may have said why it ends; else this is what is known. */
	if (w->state.err == SIGNER_OK) {
		w->state.err = SIGNER_EDEVICE;
		w->state.since = (uint64_t)time(NULL);
		w->state.why.retry = true;
		(void)signer_fail(&w->state.why, 0,
		    "the worker of token %s ended; a new one starts: try again",
		    w->front->conf->tokens[w->index].name);
	}
	route_worker_lost(w->front, w->index);
}

/*
 * Sends one errand; with a request the client's descriptor rides along when
 * this process has not got it yet. 0, or -1 with errno.
 */
static int
transmit(struct worker *w, const struct link_request *q, const uint8_t *packet,
    size_t len)
{
	struct peer *p = peers_find(w->front->peers, q->client);
	uint8_t head[LINK_HEADER_MAX];
	int fd = -1;

	if (q->ticket == 0)
		return link_send(w->fd, head,
		    link_gone_pack(head, sizeof(head), q->client), NULL, 0, -1,
		    MSG_DONTWAIT);
	/* It hung up, or was answered for being late: nobody waits. */
	if (p == NULL || tickets_find(w->front->tickets, q->ticket) == NULL)
		return 0;
	if (p->lent[w->index] != w->generation)
		fd = p->fd;
	if (link_send(w->fd, head, link_request_pack(head, sizeof(head), q),
		packet, len, fd, MSG_DONTWAIT) != 0)
		return -1;
	p->lent[w->index] = w->generation;
	return 0;
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	struct errand *e;

	(void)fd;
	(void)what;
	while ((e = w->first) != NULL) {
		if (transmit(w, &e->q, e->packet, e->len) != 0) {
			/* If it ended, the read side tells. */
			if (errno == EAGAIN || errno == ENOBUFS)
				(void)event_add(w->writable, NULL);
			return;
		}
		w->first = e->next;
		if (w->first == NULL)
			w->last = NULL;
		w->waiting -= sizeof(*e) + e->len;
		free(e);
	}
}

static int
enqueue(struct worker *w, const struct link_request *q, const uint8_t *packet,
    size_t len)
{
	struct errand *e;

	if (w->waiting + len > WAITING_MAX)
		return -1;
	e = malloc(sizeof(*e) + len);
	if (e == NULL)
		return -1;
	e->next = NULL;
	e->q = *q;
	e->len = len;
	if (len != 0)
		memcpy(e->packet, packet, len);
	if (w->last != NULL)
		w->last->next = e;
	else
		w->first = e;
	w->last = e;
	w->waiting += sizeof(*e) + len;
	return event_add(w->writable, NULL);
}

int
workers_send(struct front *f, unsigned index, const struct ticket *k,
    const uint8_t *packet, size_t len)
{
	const struct link_request q = {k->number, k->client};
	struct worker *w = worker(f, index);

	if (w->fd == -1)
		return -1;
	if (w->first == NULL) {
		if (transmit(w, &q, packet, len) == 0)
			return 0;
		if (errno != EAGAIN && errno != ENOBUFS)
			return -1;
	}
	return enqueue(w, &q, packet, len);
}

void
workers_rescan(struct front *f)
{
	uint8_t p[8];
	size_t len = link_word_pack(p, sizeof(p), LINK_RESCAN);

	for (unsigned i = 0; i < f->workers->n; i++) {
		struct worker *w = worker(f, i);

		if (w->fd == -1 || !w->reported || w->scanning)
			continue;
		w->scanning =
		    link_send(w->fd, p, len, NULL, 0, -1, MSG_DONTWAIT) == 0;
	}
}

bool
workers_scanning(const struct front *f)
{
	for (unsigned i = 0; i < f->workers->n; i++)
		if (worker(f, i)->scanning)
			return true;
	return false;
}

void
workers_forget(struct front *f, const struct peer *p)
{
	const struct link_request gone = {0, p->name};

	for (unsigned i = 0; i < f->workers->n; i++) {
		struct worker *w = worker(f, i);

		if (w->fd == -1 || p->lent[i] != w->generation)
			continue;
		if (w->first != NULL || transmit(w, &gone, NULL, 0) != 0)
			(void)enqueue(w, &gone, NULL, 0);
	}
}

/* One line for each change, not for each request. */
static void
tell(const struct worker *w)
{
	const char *name = w->front->conf->tokens[w->index].name;

	if (w->state.err == SIGNER_OK)
		log_line(LOG_LEVEL_INFO, "token %s is ready: %s", name,
		    w->state.label);
	else
		log_line(LOG_LEVEL_WARNING, "token %s is not ready: %s", name,
		    w->state.why.text);
}

/* Of a worker that does not come up nothing more is expected. */
static void
despair(struct worker *w)
{
	if (w->reported)
		return;
	w->reported = true;
	w->state.err = SIGNER_ETIMEOUT;
	w->state.since = (uint64_t)time(NULL);
	w->state.why.retry = true;
	(void)signer_fail(&w->state.why, 0,
	    "the module of token %s did not come up within %u ms; see whether "
	    "its reader or HSM answers",
	    w->front->conf->tokens[w->index].name, w->front->conf->deadline_ms);
	tell(w);
}

void
workers_check(struct front *f)
{
	uint64_t now = front_now();

	for (unsigned i = 0; i < f->workers->n; i++) {
		struct worker *w = worker(f, i);
		uint64_t since = w->spoke ? w->heard : w->attached;

		if (w->fd == -1 || (w->spoke && !w->scanning) ||
		    now - since < f->conf->deadline_ms)
			continue;
		despair(w);
		overseer_kill(f->overseer, i, w->generation);
	}
}

static void
done(struct worker *w, struct wire_reader *r)
{
	struct link_done d;

	if (link_done_parse(r, &d) == SIGNER_OK)
		route_done(w->front, d.ticket, NULL, 0);
}

static void
reply(struct worker *w, struct wire_reader *r)
{
	struct link_done d;

	if (link_reply_parse(r, &d) == SIGNER_OK)
		route_done(w->front, d.ticket, r->p, r->left);
}

static void
state(struct worker *w, struct wire_reader *r)
{
	struct link_state s;

	memset(&s, 0, sizeof(s));
	if (link_state_parse(r, &s) != SIGNER_OK)
		return;
	if (s.rescan)
		w->scanning = false;
	if (!w->reported || w->state.err != s.err) {
		w->state = s;
		tell(w);
	}
	w->state = s;
	w->reported = true;
	w->spoke = true;
	route_wake(w->front);
}

static void
catalogue(struct worker *w, struct wire_reader *r)
{
	static struct link_catalogue page; /* one thread */
	struct signer_identity *grown;

	if (link_catalogue_parse(r, &page) != SIGNER_OK)
		return;
	if (page.from == 0)
		w->nincoming = 0;
	if (page.from != w->nincoming || page.total > CATALOGUE_MAX ||
	    page.from + page.n > page.total)
		return;
	grown = realloc(
	    w->incoming, (page.from + page.n + 1) * sizeof(*w->incoming));
	if (grown == NULL)
		return;
	w->incoming = grown;
	memcpy(grown + page.from, page.ids, page.n * sizeof(*grown));
	w->nincoming += page.n;
	if (w->nincoming < page.total)
		return;
	if (catalogue_replace(
		w->front->catalogue, w->index, w->incoming, w->nincoming) != 0)
		log_line(LOG_LEVEL_ERROR,
		    "token %s: no memory for its %zu keys",
		    w->front->conf->tokens[w->index].name, w->nincoming);
	free(w->incoming);
	w->incoming = NULL;
	w->nincoming = 0;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	uint8_t *buf = w->front->buf;
	struct wire_reader r;
	ssize_t n;

	(void)what;
	for (int i = 0; i < BURST; i++) {
		n = recv(fd, buf, sizeof(w->front->buf), MSG_DONTWAIT);
		/* Reset: it died with unread requests, but its last words
		 * are still to come. */
		if (n == -1 && (errno == ECONNRESET || errno == EINTR))
			continue;
		if (n == -1 && errno == EAGAIN)
			return;
		if (n <= 0) {
			lose(w);
			return;
		}
		w->heard = front_now();
		switch (link_kind_get(&r, buf, (size_t)n)) {
		case LINK_DONE:
			done(w, &r);
			break;
		case LINK_REPLY:
			reply(w, &r);
			/* It may be a decrypted key. */
			explicit_bzero(buf, (size_t)n);
			break;
		case LINK_STATE:
			state(w, &r);
			break;
		case LINK_CATALOGUE:
			catalogue(w, &r);
			break;
		default:
			break;
		}
	}
}

void
workers_attach(struct front *f, unsigned index, uint32_t generation, int fd)
{
	struct worker *w;

	if (index >= f->workers->n) {
		(void)close(fd);
		return;
	}
	w = worker(f, index);
	lose(w);
	w->readable =
	    event_new(f->base, fd, EV_READ | EV_PERSIST, on_readable, w);
	w->writable = event_new(f->base, fd, EV_WRITE, on_writable, w);
	if (w->readable == NULL || w->writable == NULL ||
	    event_add(w->readable, NULL) != 0) {
		log_line(LOG_LEVEL_ERROR, "token %s: no memory for its worker",
		    f->conf->tokens[index].name);
		if (w->readable != NULL)
			event_free(w->readable);
		if (w->writable != NULL)
			event_free(w->writable);
		(void)close(fd);
		return;
	}
	w->fd = fd;
	w->generation = generation;
	w->attached = w->heard = front_now();
	w->spoke = false;
	/* A word of its predecessor about trouble stands until it speaks. */
	if (w->state.err == SIGNER_OK)
		w->reported = false;
	route_wake(f);
}

void
workers_reset(struct front *f, unsigned index)
{
	struct worker *w = worker(f, index);

	lose(w);
	w->reported = false;
	memset(&w->state, 0, sizeof(w->state));
}

struct workers *
workers_open(struct front *f)
{
	struct workers *ws = calloc(1, sizeof(*ws));

	if (ws == NULL)
		return NULL;
	ws->front = f;
	ws->n = CONF_TOKENS_MAX; /* a token may come later */
	for (unsigned i = 0; i < ws->n; i++) {
		ws->table[i].front = f;
		ws->table[i].index = i;
		ws->table[i].fd = -1;
	}
	return ws;
}

void
workers_close(struct workers *ws)
{
	if (ws == NULL)
		return;
	for (unsigned i = 0; i < ws->n; i++)
		if (ws->table[i].fd != -1)
			detach(&ws->table[i]);
	free(ws);
}
