#include "agent/front/control.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "agent/control.h"
#include "agent/front/arrivals.h"
#include "agent/front/locks.h"
#include "agent/front/metrics.h"
#include "agent/front/overseer.h"
#include "agent/front/workers.h"
#include "agent/log.h"

#define CALLERS_MAX 8    /* connections at once */
#define COUNTS_MS 1000   /* that workers have to tell their counts */
#define MARKS_MS 5000    /* that the supervisor has for marks of locks */
#define REQUEST_ROOM 512 /* the longest request is far shorter */

/* A connection, and the one request of it that waits for workers. */
struct caller {
	struct control *c;
	int fd; /* -1: not in use */
	struct event *readable;
	struct event *timer; /* while a request waits */
	uint32_t id;         /* of that request */
	uint8_t type;        /* enum control_type; 0: none waits */
	uint32_t order;      /* what the workers were given to send back */
	uint32_t tokens;     /* bit i: LOCK or UNLOCK is about token i */
	uint32_t missing;    /* bit i: of token i there is no answer yet */
	int wrong;           /* errno, if a mark is not as it should be */
	unsigned index;      /* of the token that is probed */
	char *text;          /* metrics, until the last page is had */
	size_t textlen;
};

struct control {
	struct front *f;
	struct arrivals *arrivals; /* NULL: there is no socket */
	uint32_t order;
	struct caller callers[CALLERS_MAX];
};

static void
drop(struct caller *k)
{
	event_free(k->readable);
	event_free(k->timer);
	(void)close(k->fd);
	free(k->text);
	*k = (struct caller){.c = k->c, .fd = -1};
}

/* The caller reads its replies one by one; who does not is not waited for. */
static void
answer(struct caller *k, const uint8_t *reply, size_t len)
{
	k->type = 0;
	if (send(k->fd, reply, len, MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
		(void)shutdown(k->fd, SHUT_RDWR); /* the read side drops it */
}

static void
fail(struct caller *k, uint8_t type, int err, const struct signer_trouble *why)
{
	uint8_t p[1024];

	answer(k, p,
	    control_failure_pack(
		p, sizeof(p), k->id, (enum control_type)type, err, why));
}

/* Which tokens a LOCK or UNLOCK names: a bit for each. False: refused. */
static bool
choose(struct caller *k, uint8_t type, const char *name, uint32_t *tokens)
{
	const struct conf *conf = k->c->f->conf;
	struct signer_trouble why = {0};

	*tokens = 0;
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++)
		if (conf->tokens[i].name[0] != '\0' &&
		    (name[0] == '\0' ||
			strcmp(name, conf->tokens[i].name) == 0))
			*tokens |= UINT32_C(1) << i;
	if (*tokens != 0 || name[0] == '\0')
		return true;
	fail(k, type,
	    signer_fail(&why, SIGNER_ENOKEY,
		"there is no token %s; 'sealpoint status' lists them", name),
	    &why);
	return false;
}

/* Must somebody bring its PIN before it can be used? */
static bool
wants_pin(const struct front *f, unsigned i)
{
	bool reported;

	return f->conf->tokens[i].pin == CONF_PIN_ASK &&
	       (locks_on(f, i) || !workers_up(f, i) ||
		   workers_state(f, i, &reported)->err != SIGNER_OK);
}

/* All that a LOCK or UNLOCK was to change is so, or cannot be. */
static void
send_names(struct caller *k)
{
	struct front *f = k->c->f;
	struct control_names names = {0};
	struct signer_trouble why = {0};
	bool lock = k->type == CONTROL_LOCK;

	(void)event_del(k->timer);
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++) {
		if ((k->tokens >> i & 1) == 0)
			continue;
		memcpy(names.all[names.n].name, f->conf->tokens[i].name,
		    sizeof(names.all[0].name));
		names.all[names.n++].wants = !lock && wants_pin(f, i);
	}
	if (k->wrong == 0) {
		answer(k, f->out,
		    control_names_reply_pack(f->out, sizeof(f->out), k->id,
			(enum control_type)k->type, &names));
		return;
	}
	(void)signer_fail(&why, 0,
	    lock ? "locked, but only until the agent ends: no mark can be "
		   "made in %s: %s"
		 : "not every token is unlocked: a mark in %s cannot be taken "
		   "away: %s",
	    f->conf->state, strerror(k->wrong));
	fail(k, k->type, SIGNER_EDEVICE, &why);
}

static void
turn_all(struct caller *k, uint8_t type, uint32_t tokens)
{
	const struct timeval tv = {.tv_sec = MARKS_MS / 1000};
	struct front *f = k->c->f;

	k->type = type;
	k->tokens = k->missing = tokens;
	k->wrong = 0;
	(void)event_add(k->timer, &tv);
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++) {
		if ((tokens >> i & 1) == 0)
			continue;
		if (type == CONTROL_LOCK)
			locks_put(f, i);
		else if (locks_on(f, i) && !locks_pending(f, i) &&
			 f->conf->tokens[i].pin != CONF_PIN_ASK)
			locks_lift(f, i);
		if (!locks_pending(f, i))
			k->missing &= ~(UINT32_C(1) << i);
	}
	if (k->missing == 0 && k->type != 0)
		send_names(k);
}

void
control_marked(struct front *f, unsigned index, int err)
{
	struct control *c = f->control;

	for (unsigned i = 0; c != NULL && i < CALLERS_MAX; i++) {
		struct caller *k = &c->callers[i];

		if (k->fd == -1 || (k->missing >> index & 1) == 0 ||
		    (k->type != CONTROL_LOCK && k->type != CONTROL_UNLOCK))
			continue;
		k->missing &= ~(UINT32_C(1) << index);
		if (err != 0)
			k->wrong = err;
		if (k->missing == 0)
			send_names(k);
	}
}

/* Gives workers an order, and waits for what they say. */
static void
wait_for(struct caller *k, uint8_t type, enum link_kind kind, uint32_t tokens,
    unsigned ms)
{
	const struct timeval tv = {
	    .tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
	struct front *f = k->c->f;

	k->type = type;
	k->order = ++k->c->order;
	k->missing = 0;
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++) {
		if ((tokens >> i & 1) == 0 || !workers_up(f, i))
			continue;
		workers_order(f, i, kind, k->order);
		k->missing |= UINT32_C(1) << i;
	}
	(void)event_add(k->timer, &tv);
}

/* A page of the text that the caller has. */
static void
send_page(struct caller *k, uint32_t from)
{
	struct front *f = k->c->f;
	struct control_page page = {.total = (uint32_t)k->textlen};

	if (from < k->textlen) {
		page.text = (const uint8_t *)k->text + from;
		page.len = k->textlen - from;
	}
	if (page.len > CONTROL_PAGE_MAX)
		page.len = CONTROL_PAGE_MAX;
	answer(k, f->out,
	    control_metrics_reply_pack(f->out, sizeof(f->out), k->id, &page));
}

/* All workers told what they count, or had their time. */
static void
send_metrics(struct caller *k)
{
	struct signer_trouble why = {.retry = true};

	(void)event_del(k->timer);
	free(k->text);
	k->text = metrics_print(k->c->f, &k->textlen);
	if (k->text != NULL) {
		send_page(k, 0);
		return;
	}
	(void)signer_fail(&why, 0,
	    "the agent has no memory left to write its metrics; try again");
	fail(k, CONTROL_METRICS, SIGNER_ENOMEM, &why);
}

static void
metrics(struct caller *k, uint32_t from)
{
	if (from != 0) {
		send_page(k, from);
		return;
	}
	wait_for(k, CONTROL_METRICS, LINK_COUNTS, UINT32_MAX, COUNTS_MS);
	if (k->missing == 0)
		send_metrics(k);
}

/* How the token did. */
static void
report(struct caller *k, int err, const struct link_probed *b,
    const struct signer_trouble *why)
{
	struct front *f = k->c->f;
	struct control_probe reply;

	memset(&reply, 0, sizeof(reply));
	reply.err = err;
	memcpy(reply.name, f->conf->tokens[k->index].name, sizeof(reply.name));
	if (err == SIGNER_OK) {
		memcpy(reply.sha1, b->sha1, sizeof(reply.sha1));
		reply.us = b->us;
	} else {
		reply.ckr = why->ckr;
		memcpy(reply.trouble, why->text, sizeof(reply.trouble));
	}
	answer(k, f->out,
	    control_probe_reply_pack(f->out, sizeof(f->out), k->id, &reply));
}

static void
probe(struct caller *k, unsigned nth)
{
	struct front *f = k->c->f;
	struct signer_trouble why = {0};
	const struct link_state *s;
	bool reported;
	int i = conf_token_nth(f->conf, nth);

	if (i < 0) {
		fail(k, CONTROL_PROBE,
		    signer_fail(&why, SIGNER_ENOKEY,
			"there is no token number %u", nth),
		    &why);
		return;
	}
	k->index = (unsigned)i;
	s = workers_state(f, k->index, &reported);
	if (locks_on(f, k->index))
		report(k, locks_explain(f, k->index, &why), NULL, &why);
	else if (workers_up(f, k->index))
		wait_for(k, CONTROL_PROBE, LINK_PROBE, UINT32_C(1) << i,
		    f->conf->tokens[i].deadline_ms);
	else if (reported && s->err != SIGNER_OK)
		report(k, s->err, NULL, &s->why);
	else
		report(k,
		    signer_fail(&why, SIGNER_EBUSY,
			"token %s is still starting; try again",
			f->conf->tokens[i].name),
		    NULL, &why);
}

void
control_told(
    struct front *f, unsigned index, uint8_t kind, struct wire_reader *r)
{
	struct control *c = f->control;
	struct link_counted n = {0};
	struct link_probed b;
	uint32_t id;

	memset(&b, 0, sizeof(b));
	if (kind == LINK_LOCKED || kind == LINK_UNLOCKED)
		locks_told(f, index, kind, r);
	if (kind != LINK_PROBED && kind != LINK_COUNTED)
		return;
	if (kind == LINK_PROBED ? link_probed_parse(r, &b) != SIGNER_OK
				: link_counted_parse(r, &n) != SIGNER_OK)
		return;
	if (kind == LINK_COUNTED)
		metrics_counted(f->metrics, index, &n);
	id = kind == LINK_PROBED ? b.id : n.id;
	/* Nobody asked: the token was locked. */
	if (id == 0)
		return;
	for (unsigned i = 0; i < CALLERS_MAX; i++) {
		struct caller *k = &c->callers[i];

		if (k->fd == -1 || k->type == 0 || k->order != id ||
		    (k->missing >> index & 1) == 0)
			continue;
		k->missing &= ~(UINT32_C(1) << index);
		if (kind == LINK_PROBED) {
			(void)event_del(k->timer);
			report(k, b.err, &b, &b.why);
		} else if (k->missing == 0) {
			send_metrics(k);
		}
		return;
	}
}

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
	struct caller *k = arg;
	struct signer_trouble why = {.retry = true};
	const struct conf_token *t = &k->c->f->conf->tokens[k->index];

	(void)fd;
	(void)what;
	if (k->type == CONTROL_METRICS) {
		send_metrics(k);
	} else if (k->type == CONTROL_LOCK || k->type == CONTROL_UNLOCK) {
		k->wrong = ETIMEDOUT;
		send_names(k);
	} else if (k->type == CONTROL_PROBE) {
		report(k,
		    signer_fail(&why, SIGNER_ETIMEOUT,
			"token %s made no signature within %u ms; see "
			"'sealpoint status'",
			t->name, t->deadline_ms),
		    NULL, &why);
	}
}

/* What the supervisor does with it, it writes to the log. */
static void
reload(struct caller *k)
{
	struct signer_trouble why = {.retry = true};
	uint8_t p[16];

	if (overseer_reload(k->c->f->overseer) == 0) {
		answer(k, p,
		    control_done_reply_pack(
			p, sizeof(p), k->id, CONTROL_RELOAD));
		return;
	}
	(void)signer_fail(&why, 0, "sealpointd takes no orders now; try again");
	fail(k, CONTROL_RELOAD, SIGNER_EBUSY, &why);
}

/* SIGNER_EPROTO: nothing was answered. */
static int
dispatch(struct caller *k, uint8_t type, struct wire_reader *r)
{
	char name[SIGNER_TOKEN_MAX];
	uint32_t tokens, from;
	uint16_t nth;

	switch (type) {
	case CONTROL_LOCK:
	case CONTROL_UNLOCK:
		if (control_name_parse(r, name) != SIGNER_OK)
			return SIGNER_EPROTO;
		if (choose(k, type, name, &tokens))
			turn_all(k, type, tokens);
		return SIGNER_OK;
	case CONTROL_METRICS:
		if (control_metrics_parse(r, &from) != SIGNER_OK)
			return SIGNER_EPROTO;
		metrics(k, from);
		return SIGNER_OK;
	case CONTROL_PROBE:
		if (control_probe_parse(r, &nth) != SIGNER_OK)
			return SIGNER_EPROTO;
		probe(k, nth);
		return SIGNER_OK;
	case CONTROL_RELOAD:
		if (control_reload_parse(r) != SIGNER_OK)
			return SIGNER_EPROTO;
		reload(k);
		return SIGNER_OK;
	default:
		return SIGNER_EPROTO;
	}
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct caller *k = arg;
	struct signer_trouble why = {0};
	struct proto_header h;
	struct wire_reader r;
	uint8_t p[REQUEST_ROOM];
	ssize_t n = recv(fd, p, sizeof(p), MSG_DONTWAIT | MSG_TRUNC);

	(void)what;
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	/* One request at a time: who sends a second does not know us. */
	if (n <= 0 || n > REQUEST_ROOM || k->type != 0 ||
	    proto_header_parse(&r, p, (size_t)n, &h) != SIGNER_OK || h.reply) {
		drop(k);
		return;
	}
	k->id = h.id;
	if (dispatch(k, h.type, &r) == SIGNER_OK)
		return;
	fail(k, h.type,
	    signer_fail(&why, SIGNER_EPROTO,
		"the request (type %u, %zd bytes) is malformed", h.type, n),
	    &why);
}

static bool
trusted(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return false;
	if (peers_owner(cred.uid))
		return true;
	log_line(LOG_LEVEL_WARNING,
	    "denied: uid %u (pid %d) at the control socket", cred.uid,
	    (int)cred.pid);
	return false;
}

/* 0, or -1: there is no room. */
static int
admit(struct control *c, int fd)
{
	for (unsigned i = 0; i < CALLERS_MAX; i++) {
		struct caller *k = &c->callers[i];

		if (k->fd != -1)
			continue;
		k->readable = event_new(
		    c->f->base, fd, EV_READ | EV_PERSIST, on_readable, k);
		k->timer = event_new(c->f->base, -1, 0, on_time, k);
		if (k->readable != NULL && k->timer != NULL &&
		    event_add(k->readable, NULL) == 0) {
			k->fd = fd;
			return 0;
		}
		if (k->readable != NULL)
			event_free(k->readable);
		if (k->timer != NULL)
			event_free(k->timer);
		return -1;
	}
	return -1;
}

static void
receive(void *arg, int fd)
{
	if (!trusted(fd) || admit(arg, fd) != 0)
		(void)close(fd);
}

struct control *
control_open(struct front *f, int fd)
{
	struct control *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->f = f;
	for (unsigned i = 0; i < CALLERS_MAX; i++)
		c->callers[i] = (struct caller){.c = c, .fd = -1};
	if (fd == -1)
		return c;
	c->arrivals = arrivals_open(f->base, fd, "control socket", receive, c);
	if (c->arrivals != NULL)
		return c;
	free(c);
	return NULL;
}

void
control_close(struct control *c)
{
	if (c == NULL)
		return;
	for (unsigned i = 0; i < CALLERS_MAX; i++)
		if (c->callers[i].fd != -1)
			drop(&c->callers[i]);
	arrivals_close(c->arrivals);
	free(c);
}
