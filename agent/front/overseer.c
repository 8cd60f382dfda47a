#include "agent/front/overseer.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "agent/front/auditor.h"
#include "agent/front/locks.h"
#include "agent/front/reload.h"
#include "agent/front/route.h"
#include "agent/front/tickets.h"
#include "agent/front/workers.h"
#include "agent/link.h"
#include "agent/log.h"

struct overseer {
	struct front *front;
	struct event *readable;
	int fd;
};

/*
 * Do the workers answer? One that has requests in hand, and answered nothing
 * for longer than it may take to be ended and started anew, does not.
 */
static bool
well(const struct front *f)
{
	for (struct ticket *k = tickets_first(f->tickets); k != NULL;
	     k = k->next) {
		const struct conf_token *t;
		uint64_t heard;

		if (k->place != TICKET_SENT)
			continue;
		t = &f->conf->tokens[k->worker];
		heard = workers_heard(f, k->worker);
		if (heard < k->sent)
			heard = k->sent;
		if (front_now() - heard > 2 * t->deadline_ms + t->start_ms)
			return false;
	}
	return true;
}

/* 0, or -1 with errno: it has no room for it now. */
static int
tell(const struct overseer *o, const uint8_t *p, size_t len)
{
	return link_send(o->fd, p, len, NULL, 0, -1, MSG_DONTWAIT);
}

static void
answer(const struct overseer *o)
{
	uint8_t p[4];

	(void)tell(o, p, link_beat_pack(p, sizeof(p), well(o->front)));
}

/* Rather no front than one that follows rules of the past. */
static void
follow(const struct overseer *o, int snapshot)
{
	uint8_t p[4];

	if (reload_from(o->front, snapshot) != 0)
		(void)event_base_loopbreak(o->front->base);
	else
		(void)tell(o, p, link_word_pack(p, sizeof(p), LINK_FOLLOWED));
}

/* One packet of the supervisor; takes no descriptor over that it leaves. */
static void
obey(struct overseer *o, const uint8_t *p, size_t len, int *came)
{
	struct wire_reader r;
	struct link_program g;
	struct link_worker w;
	struct audit_chain head;
	uint8_t kind = link_kind_get(&r, p, len);

	if (kind == LINK_WORKER && *came != -1 &&
	    link_worker_parse(&r, &w) == SIGNER_OK) {
		workers_attach(o->front, w.index, w.generation, *came);
		*came = -1;
	} else if (kind == LINK_PROGRAM &&
		   link_program_parse(&r, &g) == SIGNER_OK) {
		route_program(o->front, &g, *came);
		*came = -1;
	} else if ((kind == LINK_AUDIT || kind == LINK_AUDIT_GONE) &&
		   *came != -1 && link_audit_parse(&r, &head) == SIGNER_OK) {
		auditor_take(o->front, *came, &head, kind == LINK_AUDIT_GONE);
		*came = -1;
	} else if (kind == LINK_CONF) {
		follow(o, *came);
	} else if (kind == LINK_BEAT) {
		answer(o);
	} else if (kind == LINK_MARKED) {
		locks_marked(o->front, &r);
	} else if (kind == LINK_DROP) {
		locks_put_all(o->front);
	}
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct overseer *o = arg;
	uint8_t p[1024];
	int came;
	long n;

	(void)what;
	n = link_recv(fd, p, sizeof(p), &came, MSG_DONTWAIT);
	if (n == -1 && errno == EAGAIN)
		return;
	if (n <= 0) {
		(void)event_base_loopbreak(o->front->base);
		return;
	}
	obey(o, p, (size_t)n, &came);
	if (came != -1)
		(void)close(came);
}

struct overseer *
overseer_open(struct front *f, int fd)
{
	struct overseer *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	o->front = f;
	o->fd = fd;
	o->readable =
	    event_new(f->base, fd, EV_READ | EV_PERSIST, on_readable, o);
	if (o->readable != NULL && event_add(o->readable, NULL) == 0)
		return o;
	if (o->readable != NULL)
		event_free(o->readable);
	free(o);
	return NULL;
}

void
overseer_close(struct overseer *o)
{
	if (o == NULL)
		return;
	event_free(o->readable);
	(void)close(o->fd);
	free(o);
}

static int
say(struct overseer *o, enum link_kind kind, unsigned index,
    uint32_t generation)
{
	const struct link_worker w = {(uint16_t)index, generation};
	uint8_t p[16];
	size_t len = link_worker_pack(p, sizeof(p), kind, &w);

	return tell(o, p, len);
}

int
overseer_kill(struct overseer *o, unsigned index, uint32_t generation)
{
	if (say(o, LINK_KILL, index, generation) != 0)
		return -1;
	log_line(LOG_LEVEL_ERROR,
	    "token %s: its worker answers nothing; it is "
	    "ended and started again",
	    o->front->conf->tokens[index].name);
	return 0;
}

void
overseer_ready(struct overseer *o, unsigned index, uint32_t generation)
{
	(void)say(o, LINK_READY, index, generation);
}

int
overseer_audit(struct overseer *o, const struct audit_chain *at, bool full)
{
	uint8_t p[64];
	size_t len = link_audit_pack(
	    p, sizeof(p), full ? LINK_AUDIT_NEXT : LINK_AUDIT_HEAD, at);

	return tell(o, p, len);
}

int
overseer_mark(struct overseer *o, const struct link_mark *m)
{
	uint8_t p[LINK_MARK_MAX];

	return tell(o, p, link_mark_pack(p, sizeof(p), LINK_MARK, m));
}

int
overseer_reload(struct overseer *o)
{
	uint8_t p[4];

	return tell(o, p, link_word_pack(p, sizeof(p), LINK_CONF));
}

int
overseer_ask(struct overseer *o, const struct link_who *who)
{
	uint8_t p[16];
	size_t len = link_who_pack(p, sizeof(p), who);

	return tell(o, p, len);
}
