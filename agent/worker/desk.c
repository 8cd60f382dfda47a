#include "agent/worker/desk.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/link.h"
#include "agent/log.h"
#include "agent/proto.h"
#include "agent/worker/breaker.h"
#include "agent/worker/patience.h"
#include "agent/worker/serve.h"
#include "agent/worker/signer_token.h"

#define RESCAN_MS 1000 /* between two scans that a miss asked for */
#define PACKET_ROOM (PROTO_PACKET_MAX + LINK_HEADER_MAX)

struct desk {
	struct desk_config cfg;
	struct clients *clients;
	struct signer signer;
	struct serve serve;
	atomic_int err;       /* how the token is; see link_state */
	pthread_mutex_t lock; /* of all below, and of what is published */
	struct link_state state;
	_Atomic uint64_t generation; /* of the catalogue that the front has */
	struct breaker breaker;
	struct patience patience;
	atomic_bool over; /* the patience */
	uint64_t next_scan;
	struct signer_trouble last; /* and when it was told last */
	uint64_t failed_at;
	pthread_cond_t news; /* for the thread that watches */
	unsigned told;       /* how often */
};

/* One thread's buffers. */
struct seat {
	struct desk *d;
	uint8_t in[PACKET_ROOM];
	uint8_t out[PACKET_ROOM];
};

static uint64_t
now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static uint64_t
now_ms(void)
{
	return now_us() / 1000;
}

/* The clock's last digits: enough to part the workers of one host. */
static unsigned
draw(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (unsigned)(ts.tv_nsec / 64);
}

/* Is the token itself in trouble, and not only this request? */
static bool
ails(int err)
{
	return err == SIGNER_EABSENT || err == SIGNER_EPIN ||
	       err == SIGNER_EPINLOCKED || err == SIGNER_EDEVICE;
}

/* Locked. */
static void
send_state(struct desk *d)
{
	struct token_stats st;
	uint8_t p[1024];
	size_t len;

	token_stats(d->cfg.token, &st);
	(void)snprintf(d->state.label, sizeof(d->state.label), "%s", st.label);
	len = link_state_pack(p, sizeof(p), &d->state);
	(void)link_send(d->cfg.link, p, len, NULL, 0, -1, 0);
}

/*
 * Locked. The whole list, in pages; the label stands with each identity. One
 * that changes or fails meanwhile is not finished, so that the front keeps
 * what it knew; the next call sends all again.
 */
static void
send_catalogue(struct desk *d)
{
	static struct link_catalogue page; /* the lock guards it */
	uint8_t p[PROTO_PACKET_MAX];
	struct token_stats st;
	struct token_identity one;
	uint64_t first = token_generation(d->cfg.token), last = first;

	token_stats(d->cfg.token, &st);
	memset(&page, 0, sizeof(page));
	page.total = (uint32_t)st.identities;
	do {
		size_t len;

		page.from += (uint32_t)page.n;
		for (page.n = 0; page.n < LINK_PAGE; page.n++) {
			struct signer_identity *id = &page.ids[page.n];

			if (token_list(d->cfg.token, page.from + page.n, &one,
				1, &last) == 0 ||
			    last != first)
				break;
			signer_identity_from_token(id, &one);
			(void)snprintf(
			    id->token, sizeof(id->token), "%s", st.label);
		}
		if (last != first)
			break;
		/* The last page says so itself. */
		if (page.n < LINK_PAGE)
			page.total = page.from + (uint32_t)page.n;
		len = link_catalogue_pack(p, sizeof(p), &page);
		(void)link_send(d->cfg.link, p, len, NULL, 0, -1, 0);
	} while (page.from + page.n < page.total);
	atomic_store(&d->generation, last == first ? first : 0);
}

/* Locked. Sends what the front does not know yet. */
static void
publish(struct desk *d, bool state_changed)
{
	/* Of a token in trouble the front keeps what it knew. */
	if (d->state.err == SIGNER_OK &&
	    token_generation(d->cfg.token) != d->generation)
		send_catalogue(d);
	if (state_changed)
		send_state(d);
}

/*
 * What err tells of the token: an error that it has as a `whole`, or
 * SIGNER_OK; *told is false if nothing. A key may want a PIN that nobody
 * gives, or an odd scheme, while the token is well.
 */
static int
verdict(struct desk *d, int err, bool whole, bool *told)
{
	struct token_stats st;
	bool pin = err == SIGNER_EPIN || err == SIGNER_EPINLOCKED;

	*told = true;
	if (err == SIGNER_OK || whole || (ails(err) && !pin))
		return err;
	token_stats(d->cfg.token, &st);
	if (st.ready)
		return SIGNER_OK;
	*told = ails(err);
	return err;
}

/* Notes how a call went; the usual case, all well as before, is quick. */
static void
note(struct desk *d, int err, const struct signer_trouble *why, bool whole)
{
	struct token_stats st;
	bool told, news;
	int is;

	if ((err == SIGNER_OK || (!whole && !ails(err))) &&
	    atomic_load(&d->err) == SIGNER_OK &&
	    token_generation(d->cfg.token) == atomic_load(&d->generation))
		return;
	is = verdict(d, err, whole, &told);
	(void)pthread_mutex_lock(&d->lock);
	if (!told) {
		breaker_pass(&d->breaker, now_ms());
		goto out;
	}
	news = breaker_note(&d->breaker, is, now_ms(), d->cfg.poll_ms, draw());
	if (news)
		d->state.since = (uint64_t)time(NULL);
	d->state.err = is;
	if (is != SIGNER_OK) {
		d->state.why = d->last = *why;
		d->failed_at = (uint64_t)time(NULL);
	}
	atomic_store(&d->err, is);
	if (is == SIGNER_EPIN)
		pin_refused(d->cfg.pin);
	token_stats(d->cfg.token, &st);
	atomic_store(&d->over,
	    patience_ends(&d->patience, is, st.logins_refused, now_ms()));
	publish(d, news);
out:
	d->told++;
	(void)pthread_cond_signal(&d->news);
	(void)pthread_mutex_unlock(&d->lock);
}

/*
 * Ends the process if its module has failed for long; when nobody waits for
 * this thread's answer. The supervisor starts another one.
 */
static void
retire(struct desk *d)
{
	if (!atomic_load(&d->over))
		return;
	(void)pthread_mutex_lock(&d->lock);
	if (atomic_load(&d->over)) {
		log_line(LOG_LEVEL_WARNING,
		    "token %s: its module kept failing, so a new process "
		    "loads it again; last: %s",
		    d->cfg.name, d->last.text);
		_exit(1);
	}
	(void)pthread_mutex_unlock(&d->lock);
}

/*
 * While the token is known to be in trouble, asks it at most now and then:
 * true with the failure to repeat.
 */
static bool
spared(struct desk *d, int *err, struct signer_trouble *why)
{
	uint32_t left;
	bool wait;

	if (atomic_load(&d->err) == SIGNER_OK)
		return false;
	(void)pthread_mutex_lock(&d->lock);
	wait = breaker_open(&d->breaker, now_ms(), &left);
	if (wait) {
		*err = d->state.err;
		*why = d->state.why;
		if (why->retry)
			why->after_ms = left;
	}
	(void)pthread_mutex_unlock(&d->lock);
	return wait;
}

/* Of a token that failed, a signature shows that it is well again. */
int
desk_look(struct desk *d, struct signer_trouble *why)
{
	struct token_trouble tt;
	bool prove = atomic_load(&d->err) == SIGNER_EDEVICE;
	int err;

	memset(&tt, 0, sizeof(tt));
	err = prove ? token_probe(d->cfg.token, &tt)
		    : token_ready(d->cfg.token, &tt);
	err = signer_err_from_token(err);
	signer_trouble_from_token(why, &tt);
	note(d, err, why, true);
	return err;
}

static void
bring_up(struct desk *d)
{
	struct signer_trouble why = {0};

	(void)desk_look(d, &why);
}

/* Tends a token that is well: in how many ms again, or 0. */
static unsigned
tend(struct desk *d)
{
	struct signer_trouble why = {0};
	struct token_trouble tt;
	unsigned ms;
	int err;

	memset(&tt, 0, sizeof(tt));
	ms = token_tend(d->cfg.token, &err, &tt);
	if (err != TOKEN_OK) {
		signer_trouble_from_token(&why, &tt);
		note(d, signer_err_from_token(err), &why, true);
	}
	return ms;
}

/* When the watch has something to do; 0: not before there is news. */
static uint64_t
next_watch(struct desk *d)
{
	uint64_t due = 0;
	bool well;
	unsigned ms;

	(void)pthread_mutex_lock(&d->lock);
	well = d->breaker.err == SIGNER_OK;
	if (!well && d->cfg.poll_ms != 0)
		due = breaker_due(&d->breaker);
	(void)pthread_mutex_unlock(&d->lock);
	if (!well)
		return due;
	ms = tend(d);
	return ms != 0 ? now_ms() + ms : 0;
}

/* Waits for news since the `seen`, but not beyond `due`. */
static void
doze(struct desk *d, unsigned *seen, uint64_t due)
{
	struct timespec until = {
	    (time_t)(due / 1000), (long)(due % 1000) * 1000000};

	(void)pthread_mutex_lock(&d->lock);
	while (d->told == *seen && (due == 0 || now_ms() < due))
		if (due == 0)
			(void)pthread_cond_wait(&d->news, &d->lock);
		else
			(void)pthread_cond_timedwait(
			    &d->news, &d->lock, &until);
	*seen = d->told;
	(void)pthread_mutex_unlock(&d->lock);
}

/*
 * Looks for a token that is awaited, and tends one that is idle; sleeps for
 * good while there is neither. What the front hears of it is note()'s.
 */
static void
watch(struct desk *d)
{
	struct signer_trouble why;
	unsigned seen = 0;
	int err;

	for (;;) {
		uint64_t due = next_watch(d);

		if (due == 0 || now_ms() < due) {
			doze(d, &seen, due);
			continue;
		}
		if (atomic_load(&d->err) != SIGNER_OK && !spared(d, &err, &why))
			bring_up(d);
		retire(d);
	}
}

static void
rescan(struct desk *d)
{
	struct signer_trouble why = {0};
	struct token_trouble tt;
	int err = SIGNER_OK;
	bool due;

	(void)pthread_mutex_lock(&d->lock);
	due = now_ms() >= d->next_scan;
	if (due)
		d->next_scan = now_ms() + RESCAN_MS;
	(void)pthread_mutex_unlock(&d->lock);
	if (due && !spared(d, &err, &why)) {
		memset(&tt, 0, sizeof(tt));
		err = signer_err_from_token(token_rescan(d->cfg.token, &tt));
		signer_trouble_from_token(&why, &tt);
		note(d, err, &why, true);
	}
	(void)pthread_mutex_lock(&d->lock);
	d->state.rescan = true;
	send_state(d);
	d->state.rescan = false;
	(void)pthread_mutex_unlock(&d->lock);
}

static void
status(void *ctx, struct client_token *t)
{
	struct desk *d = ctx;
	struct token_stats st;

	token_stats(d->cfg.token, &st);
	(void)snprintf(t->name, sizeof(t->name), "%s", d->cfg.name);
	(void)snprintf(t->label, sizeof(t->label), "%s", st.label);
	(void)pthread_mutex_lock(&d->lock);
	(void)snprintf(
	    t->state, sizeof(t->state), "%s", proto_state_name(d->state.err));
	(void)snprintf(t->trouble, sizeof(t->trouble), "%s", d->last.text);
	t->ckr = d->last.ckr;
	t->failed_at = d->failed_at;
	t->since = d->state.since;
	(void)pthread_mutex_unlock(&d->lock);
	t->identities = st.identities;
	t->sessions = st.sessions;
	t->signatures = st.signatures;
	t->decryptions = st.decryptions;
	t->logins = st.logins;
	t->searches = st.searches;
	t->recoveries = st.recoveries;
	t->retries = st.retries;
	t->restarts = d->cfg.restarts;
}

/*
 * A good answer goes home by the short way; through the front if the client
 * is not reachable, or if the front has a word to say to it.
 */
static void
deliver(struct seat *s, const struct link_request *q,
    const struct link_done *done, const uint8_t *reply, size_t len, bool direct)
{
	uint8_t p[LINK_HEADER_MAX];
	size_t head;

	if (direct && len != 0 &&
	    clients_send(s->d->clients, q->client, reply, len) == 0) {
		head = link_done_pack(p, sizeof(p), done);
		(void)link_send(s->d->cfg.link, p, head, NULL, 0, -1, 0);
		return;
	}
	head = link_reply_pack(p, sizeof(p), done);
	(void)link_send(s->d->cfg.link, p, head, reply, len, -1, 0);
}

/* Repeats a failure to the request in packet. */
static size_t
refuse(struct seat *s, const uint8_t *packet, size_t len, int err,
    const struct signer_trouble *why)
{
	struct proto_header h;
	struct wire_reader r;

	if (proto_header_parse(&r, packet, len, &h) != SIGNER_OK)
		return 0;
	return proto_failure_pack(
	    s->out, sizeof(s->out), h.id, (enum proto_type)h.type, err, why);
}

static void
request(struct seat *s, struct wire_reader *r, int fd)
{
	struct signer_trouble why = {0};
	struct link_request q;
	struct link_done done = {0};
	int err = SIGNER_EPROTO;
	bool asked, waits;
	uint64_t began;
	size_t len;

	if (link_request_parse(r, &q) != SIGNER_OK) {
		if (fd != -1)
			(void)close(fd);
		return;
	}
	if (fd != -1)
		clients_put(s->d->clients, q.client, fd);
	/* STATUS is answered in any case, after a look if it is time for one:
	 * it is how trouble, and the end of it, is seen. */
	asked = r->left > 1 && r->p[1] == PROTO_STATUS;
	waits = spared(s->d, &err, &why);
	if (asked && !waits && atomic_load(&s->d->err) != SIGNER_OK)
		bring_up(s->d);
	if (waits && !asked) {
		len = refuse(s, r->p, r->left, err, &why);
	} else {
		began = now_us();
		len = serve_answer(&s->d->serve, r->p, r->left, s->out,
		    sizeof(s->out), &err, &why);
		done.token_us = (uint32_t)(now_us() - began);
		if (!asked)
			note(s->d, err, &why, false);
	}
	done.ticket = q.ticket;
	done.status = (uint16_t)-err;
	deliver(s, &q, &done, s->out, len, err == SIGNER_OK && !asked);
	/* A decrypted key may have passed through here. */
	explicit_bzero(s->out, len);
}

static void
packet(struct seat *s, size_t len, int fd)
{
	struct link_client gone;
	struct wire_reader r;
	uint8_t kind = link_kind_get(&r, s->in, len);

	if (kind == LINK_REQUEST) {
		request(s, &r, fd);
		return;
	}
	if (fd != -1)
		(void)close(fd);
	if (kind == LINK_RESCAN)
		rescan(s->d);
	else if (kind == LINK_GONE && link_gone_parse(&r, &gone) == SIGNER_OK)
		clients_drop(s->d->clients, gone);
	else if (kind != LINK_GONE)
		s->d->cfg.obey(s->d->cfg.ctx, kind, &r);
}

/* One worker thread: receives, answers, again. */
static void *
work(void *arg)
{
	struct seat *s = arg;
	long len;
	int fd;

	for (;;) {
		len = link_recv(s->d->cfg.link, s->in, sizeof(s->in), &fd, 0);
		if (len <= 0)
			_exit(0);
		packet(s, (size_t)len, fd);
		retire(s->d);
	}
}

static int
start(struct desk *d)
{
	pthread_attr_t attr;
	int r = 0;

	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (unsigned i = 0; i < d->cfg.threads && r == 0; i++) {
		struct seat *s = calloc(1, sizeof(*s));
		pthread_t t;

		if (s == NULL)
			return -1;
		s->d = d;
		r = pthread_create(&t, &attr, work, s);
	}
	(void)pthread_attr_destroy(&attr);
	return r == 0 ? 0 : -1;
}

struct desk *
desk_open(const struct desk_config *cfg)
{
	static struct desk d; /* outlives every thread; one per process */
	pthread_condattr_t attr;

	d.cfg = *cfg;
	(void)pthread_mutex_init(&d.lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&d.news, &attr);
	(void)pthread_condattr_destroy(&attr);
	d.clients = clients_new(cfg->clients);
	if (d.clients == NULL)
		return NULL;
	signer_from_token(&d.signer, cfg->token);
	patience_init(&d.patience, cfg->patience_ms, cfg->restarts);
	d.serve = (struct serve){&d.signer, status, &d};
	/* So that the first report is news. */
	d.state.err = d.breaker.err = SIGNER_EABSENT;
	atomic_store(&d.err, SIGNER_EABSENT);
	d.state.since = (uint64_t)time(NULL);
	return &d;
}

int
desk_run(struct desk *d)
{
	bring_up(d);
	(void)pthread_mutex_lock(&d->lock);
	send_state(d);
	(void)pthread_mutex_unlock(&d->lock);
	if (start(d) != 0)
		return -1;
	watch(d);
	return 0;
}

void
desk_report_failure(int link, int err, const struct signer_trouble *why)
{
	struct link_state s = {.err = err, .since = (uint64_t)time(NULL)};
	uint8_t p[1024];

	s.why = *why;
	(void)link_send(
	    link, p, link_state_pack(p, sizeof(p), &s), NULL, 0, -1, 0);
}
