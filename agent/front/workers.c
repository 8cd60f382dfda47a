#include "agent/front/workers.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "agent/front/control.h"
#include "agent/front/errands.h"
#include "agent/front/intake.h"
#include "agent/front/lanes.h"
#include "agent/front/locks.h"
#include "agent/front/metrics.h"
#include "agent/front/overseer.h"
#include "agent/front/route.h"
#include "agent/front/timer.h"
#include "agent/log.h"

#define BURST 64     /* notices of one worker before others have their turn */
#define AGAIN_MS 100 /* until that is asked again which was not taken */
#define MUTE_MAX 3   /* workers in a row that end without a word */

struct worker {
	struct front *front;
	unsigned index;
	uint32_t generation;
	int fd;          /* -1: no process */
	bool reported;   /* it, or one before it, said how its token is */
	bool spoke;      /* the present process, or the last one, did */
	bool down;       /* the last process said why it ended, or too many
			    ended without a word: wait for none */
	unsigned mute;   /* processes that ended without a word, in a row */
	uint32_t ending; /* generation that we asked to be ended */
	bool scanning;
	uint64_t scan_began;
	struct link_state state;
	uint64_t attached; /* when the process came */
	uint64_t heard;    /* when it last answered */
	struct event *readable, *writable;
	struct errands errands; /* until there is room */
	unsigned owed; /* enum link_kind that it could not take; 0: none */
	uint32_t owed_id;
	struct intake incoming;
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
workers_patience(const struct front *f, unsigned index)
{
	const struct conf_token *ct = &f->conf->tokens[index];

	/* One in trouble may be setting its token up anew. */
	if (worker(f, index)->state.err != SIGNER_OK &&
	    ct->start_ms > ct->deadline_ms)
		return ct->start_ms;
	return ct->deadline_ms;
}

uint64_t
workers_heard(const struct front *f, unsigned index)
{
	return worker(f, index)->heard;
}

void
workers_end(struct front *f, unsigned index)
{
	struct worker *w = worker(f, index);

	if (w->fd == -1 || w->ending == w->generation)
		return;
	if (overseer_kill(f->overseer, index, w->generation) == 0)
		w->ending = w->generation;
}

enum choice_health
workers_health(const struct front *f, unsigned index)
{
	const struct worker *w = worker(f, index);

	if (f->conf->tokens[index].name[0] == '\0')
		return CHOICE_UNUSED;
	/* Whatever its worker says. */
	if (!locks_known(f, index))
		return CHOICE_STARTING;
	if (locks_on(f, index))
		return CHOICE_DOWN;
	if (w->fd == -1)
		return w->down ? CHOICE_DOWN : CHOICE_STARTING;
	if (!w->spoke)
		return CHOICE_STARTING;
	return w->state.err == SIGNER_OK ? CHOICE_READY : CHOICE_AILING;
}

int
workers_choose(const struct front *f, uint32_t among)
{
	struct choice all[CONF_TOKENS_MAX];

	for (unsigned i = 0; i < f->workers->n; i++)
		if ((among >> i & 1) != 0)
			all[i] = (struct choice){
			    .health = workers_health(f, i),
			    .prefer = f->conf->tokens[i].prefer,
			    .weight = f->conf->tokens[i].weight,
			    .load = lanes_load(f->lanes, i),
			};
	return choice_best(all, f->workers->n, among);
}

/* Frees what belongs to the process; a catalogue half sent is forgotten. */
static void
detach(struct worker *w)
{
	const struct link_request *q;
	struct ticket *k;

	event_free(w->readable);
	event_free(w->writable);
	(void)close(w->fd);
	w->fd = -1;
	for (; (q = errands_first(&w->errands)) != NULL;
	     errands_drop(&w->errands)) {
		k = tickets_find(w->front->tickets, q->ticket);
		if (k != NULL)
			k->unsent = true;
	}
	w->owed = 0;
	intake_drop(&w->incoming);
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
	w->mute = w->spoke ? 0 : w->mute + 1;
	/* Of so many nothing more is expected. */
	if (w->mute >= MUTE_MAX)
		w->reported = true;
	w->down =
	    w->mute >= MUTE_MAX || (w->spoke && w->state.err != SIGNER_OK);
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
transmit(struct worker *w, const struct link_request *q)
{
	struct peer *p = peers_find(w->front->peers, q->client);
	const struct ticket *k = tickets_find(w->front->tickets, q->ticket);
	uint8_t head[LINK_HEADER_MAX];
	size_t len;
	int fd = -1;

	if (q->ticket == 0)
		return link_send(w->fd, head,
		    link_gone_pack(head, sizeof(head), q->client), NULL, 0, -1,
		    MSG_DONTWAIT);
	/* It hung up, or was answered for being late: nobody waits. */
	if (k == NULL || k->answered || (p == NULL && !k->ours)) {
		route_unsent(w->front, q->ticket);
		return 0;
	}
	if (p != NULL && p->lent[w->index] != w->generation)
		fd = p->fd;
	len = link_request_pack(head, sizeof(head), q);
	if (link_send(w->fd, head, len, k->packet, k->len, fd, MSG_DONTWAIT) !=
	    0) {
		/* More descriptors under way than the kernel lets us have:
		 * then the answer comes by way of us. */
		if (fd == -1 || errno != ETOOMANYREFS)
			return -1;
		return link_send(
		    w->fd, head, len, k->packet, k->len, -1, MSG_DONTWAIT);
	}
	if (p != NULL)
		p->lent[w->index] = w->generation;
	return 0;
}

static int
send_order(struct worker *w, unsigned kind, uint32_t id)
{
	uint8_t p[8];

	return link_send(w->fd, p,
	    link_order_pack(p, sizeof(p), (enum link_kind)kind, id), NULL, 0,
	    -1, MSG_DONTWAIT);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	const struct link_request *q;

	(void)fd;
	(void)what;
	if (w->owed != 0 && send_order(w, w->owed, w->owed_id) != 0)
		goto full;
	w->owed = 0;
	while ((q = errands_first(&w->errands)) != NULL) {
		if (transmit(w, q) != 0)
			goto full;
		errands_drop(&w->errands);
	}
	route_pump(w->front, w->index);
	return;
full:
	/* If it ended, the read side tells. */
	if (errno == EAGAIN || errno == ENOBUFS)
		(void)event_add(w->writable, NULL);
}

static int
enqueue(struct worker *w, const struct link_request *q)
{
	if (errands_put(&w->errands, q) != 0)
		return -1;
	return event_add(w->writable, NULL);
}

int
workers_send(struct front *f, unsigned index, struct ticket *k)
{
	const struct link_request q = {k->number, k->client};
	struct worker *w = worker(f, index);

	if (w->fd == -1)
		return -1;
	if (errands_first(&w->errands) == NULL) {
		if (transmit(w, &q) == 0)
			return 0;
		/* It ended; the read side tells. */
		if (errno != EAGAIN && errno != ENOBUFS) {
			k->unsent = true;
			return 0;
		}
	}
	return enqueue(w, &q);
}

void
workers_order(struct front *f, unsigned index, enum link_kind kind, uint32_t id)
{
	struct worker *w = worker(f, index);

	if (w->fd == -1 || send_order(w, kind, id) == 0 ||
	    (kind != LINK_LOCK && kind != LINK_UNLOCK))
		return;
	w->owed = kind;
	w->owed_id = id;
	(void)event_add(w->writable, NULL);
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
		w->scan_began = front_now();
		timer_arm(f->timer, f->conf->tokens[i].deadline_ms);
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
		if (errands_first(&w->errands) != NULL ||
		    transmit(w, &gone) != 0)
			(void)enqueue(w, &gone);
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
	    w->front->conf->tokens[w->index].name,
	    w->front->conf->tokens[w->index].deadline_ms);
	tell(w);
	route_wake(w->front);
}

/* Ends a worker that hangs in its start or in a scan. Ms until the next look
 * at it; 0 for none. */
static uint64_t
check(struct worker *w, uint64_t now)
{
	const struct conf_token *ct = &w->front->conf->tokens[w->index];
	uint64_t due = w->attached + ct->start_ms;
	uint64_t hope = w->attached + ct->deadline_ms;

	if (w->fd == -1 || w->ending == w->generation ||
	    (w->spoke && !w->scanning))
		return 0;
	if (w->spoke) {
		due = w->heard > w->scan_began ? w->heard : w->scan_began;
		due += workers_patience(w->front, w->index);
	} else if (now < hope) {
		due = hope < due ? hope : due;
	} else {
		despair(w);
	}
	if (now < due)
		return due - now;
	workers_end(w->front, w->index);
	return w->ending == w->generation ? 0 : AGAIN_MS;
}

uint64_t
workers_check(struct front *f)
{
	uint64_t now = front_now(), next = 0;

	for (unsigned i = 0; i < f->workers->n; i++) {
		uint64_t left = check(worker(f, i), now);

		if (left != 0 && (next == 0 || left < next))
			next = left;
	}
	return next;
}

/* DONE and REPLY; the second has the packet behind it. */
static void
done(struct worker *w, struct wire_reader *r, bool reply)
{
	struct link_done d;
	int err = reply ? link_reply_parse(r, &d) : link_done_parse(r, &d);

	if (err == SIGNER_OK)
		route_done(w->front, w->index, &d, reply ? r->p : NULL,
		    reply ? r->left : 0);
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
		if (s.err == SIGNER_OK)
			overseer_ready(
			    w->front->overseer, w->index, w->generation);
	}
	w->state = s;
	w->reported = true;
	w->spoke = true;
	route_worker_told(w->front, w->index);
}

/* One notice. False: there is none now, or the worker is lost. */
static bool
receive(struct worker *w)
{
	uint8_t *buf = w->front->buf;
	struct wire_reader r;
	ssize_t n;

	n = recv(w->fd, buf, sizeof(w->front->buf), MSG_DONTWAIT);
	/* Reset: it died with unread requests, but its last words are still
	 * to come. */
	if (n == -1 && (errno == ECONNRESET || errno == EINTR))
		return true;
	if (n == -1 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		lose(w);
		return false;
	}
	w->heard = front_now();
	switch (link_kind_get(&r, buf, (size_t)n)) {
	case LINK_DONE:
		done(w, &r, false);
		break;
	case LINK_REPLY:
		done(w, &r, true);
		/* It may be a decrypted key. */
		explicit_bzero(buf, (size_t)n);
		break;
	case LINK_STATE:
		state(w, &r);
		break;
	case LINK_CATALOGUE:
		intake_page(&w->incoming, w->front, w->index, &r);
		break;
	default:
		control_told(w->front, w->index, buf[0], &r);
		break;
	}
	return true;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	for (int i = 0; i < BURST; i++)
		if (!receive(arg))
			return;
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
	/* What the last one answered must not be asked again. */
	while (w->fd != -1 && receive(w))
		;
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
	metrics_reset(f->metrics, index);
	w->attached = w->heard = front_now();
	w->spoke = false;
	/* A word of its predecessor about trouble stands until it speaks. */
	if (w->state.err == SIGNER_OK)
		w->reported = false;
	locks_tell(f, index);
	timer_arm(f->timer, check(w, w->attached));
	route_wake(f);
}

void
workers_reset(struct front *f, unsigned index)
{
	struct worker *w = worker(f, index);

	if (w->fd != -1)
		detach(w);
	w->reported = w->spoke = w->down = false;
	w->mute = 0;
	memset(&w->state, 0, sizeof(w->state));
	lanes_reset(f->lanes, index);
	route_token_changed(f, index);
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
