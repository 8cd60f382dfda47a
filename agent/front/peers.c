#include "agent/front/peers.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "agent/front/arrivals.h"
#include "agent/front/route.h"
#include "agent/front/timer.h"
#include "agent/front/workers.h"
#include "agent/log.h"

#define UNREAD_MAX (256u << 10) /* bytes of replies that a client may leave */
#define BURST 8 /* packets of one client before others have their turn */

struct reply {
	struct reply *next;
	size_t len;
	uint8_t packet[];
};

struct peers {
	struct front *front;
	struct arrivals *arrivals;
	bool full; /* said so, and not yet relieved */
	unsigned count;
	unsigned slots;
	uint32_t serial;
	struct peer *table[];
};

bool
peers_owner(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}

/* What the rules are for it. Which program it runs is to be found anew. */
static void
consider(struct peer *p)
{
	const struct conf *conf = p->front->conf;

	p->sections = policy_sections(conf, &p->who);
	p->packets = policy_packets(conf, p->sections);
	program_release(&p->program);
}

void
peers_reconsider(struct peers *ps)
{
	for (unsigned i = 0; i < ps->slots; i++)
		if (ps->table[i] != NULL)
			consider(ps->table[i]);
}

struct peer *
peers_find(struct peers *ps, struct link_client name)
{
	struct peer *p = name.slot < ps->slots ? ps->table[name.slot] : NULL;

	return p != NULL && p->name.serial == name.serial && !p->doomed ? p
									: NULL;
}

/* A decrypted key may have waited in it. */
static void
free_reply(struct reply *q)
{
	explicit_bzero(q->packet, q->len);
	free(q);
}

/* Frees what it has and forgets it; its tickets find nobody from now on. */
static void
drop(struct peer *p)
{
	struct peers *ps = p->front->peers;
	struct reply *q;

	if (p->inflight > 0)
		route_forget(p->front, p->name);
	workers_forget(p->front, p);
	ps->table[p->name.slot] = NULL;
	ps->count--;
	ps->full = false;
	while ((q = p->first) != NULL) {
		p->first = q->next;
		free_reply(q);
	}
	program_release(&p->program);
	event_free(p->readable);
	event_free(p->writable);
	/* The workers may hold copies of the descriptor. */
	(void)shutdown(p->fd, SHUT_RDWR);
	(void)close(p->fd);
	free(p);
}

/* Drops it from the event loop, where no caller holds the pointer. */
static void
doom(struct peer *p)
{
	p->doomed = true;
	event_active(p->readable, EV_READ, 0);
}

/* May it ask more now? What it sends else waits in its own socket. */
static bool
welcome(const struct peer *p)
{
	return p->inflight < FRONT_INFLIGHT_MAX && p->first == NULL &&
	       !p->doomed;
}

static void
resume(struct peer *p)
{
	if (welcome(p) && !event_pending(p->readable, EV_READ, NULL))
		(void)event_add(p->readable, NULL);
}

void
peer_settle(struct peer *p)
{
	p->inflight--;
	resume(p);
}

static void
queue(struct peer *p, const uint8_t *packet, size_t len)
{
	struct reply *q = malloc(sizeof(*q) + len);

	if (q == NULL || p->queued + len > UNREAD_MAX) {
		free(q);
		doom(p);
		return;
	}
	if (p->first == NULL) {
		p->unread_since = front_now();
		timer_arm(p->front->timer, p->front->conf->deadline_ms);
	}
	q->next = NULL;
	q->len = len;
	memcpy(q->packet, packet, len);
	if (p->last != NULL)
		p->last->next = q;
	else
		p->first = q;
	p->last = q;
	p->queued += len;
	(void)event_add(p->writable, NULL);
}

void
peer_send(struct peer *p, const uint8_t *packet, size_t len)
{
	if (p->doomed)
		return;
	if (p->first == NULL) {
		if (send(p->fd, packet, len, MSG_DONTWAIT | MSG_NOSIGNAL) != -1)
			return;
		if (errno != EAGAIN && errno != ENOBUFS) {
			doom(p);
			return;
		}
	}
	queue(p, packet, len);
}

uint64_t
peers_expire(struct peers *ps)
{
	uint64_t limit = ps->front->conf->deadline_ms, now = front_now();
	uint64_t next = 0;

	for (uint32_t i = 0; i < ps->slots; i++) {
		struct peer *p = ps->table[i];
		uint64_t left;

		if (p == NULL || p->first == NULL || p->doomed)
			continue;
		if (now - p->unread_since >= limit) {
			doom(p);
			continue;
		}
		left = limit - (now - p->unread_since);
		if (next == 0 || left < next)
			next = left;
	}
	return next;
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct peer *p = arg;
	struct reply *q;

	(void)what;
	while ((q = p->first) != NULL && !p->doomed) {
		if (send(fd, q->packet, q->len, MSG_DONTWAIT | MSG_NOSIGNAL) ==
		    -1) {
			if (errno != EAGAIN && errno != ENOBUFS)
				doom(p);
			else
				(void)event_add(p->writable, NULL);
			return;
		}
		p->first = q->next;
		if (p->first == NULL)
			p->last = NULL;
		p->queued -= q->len;
		p->unread_since = front_now();
		free_reply(q);
	}
	resume(p);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct peer *p = arg;
	struct front *f = p->front;
	struct sender from;
	ssize_t n;

	(void)what;
	for (int i = 0; i < BURST && welcome(p); i++) {
		n = sender_recv(fd, f->buf, PROTO_PACKET_MAX, &from);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0 || n > PROTO_PACKET_MAX ||
		    route_packet(f, p, &from, f->buf, (size_t)n) != 0) {
			drop(p);
			return;
		}
		/* One at a time is the usual way: no second look then. */
		if (p->inflight <= 1)
			break;
	}
	if (p->doomed)
		drop(p);
	else if (!welcome(p))
		(void)event_del(p->readable);
}

/* Who it is, as the kernel says. 0, or -1: then it is nobody for us. */
static int
identify(int fd, struct policy_caller *who)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	memset(who, 0, sizeof(*who));
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return -1;
	who->pid = cred.pid;
	who->uid = cred.uid;
	who->gid = cred.gid;
	len = sizeof(who->groups);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, who->groups, &len) == 0)
		who->ngroups = len / sizeof(who->groups[0]);
	return 0;
}

static struct peer *
admit(struct front *f, int fd, const struct policy_caller *who, uint32_t slot)
{
	struct peer *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->front = f;
	p->fd = fd;
	p->who = *who;
	program_init(&p->program);
	consider(p);
	p->name.slot = slot;
	p->name.serial = ++f->peers->serial;
	p->readable =
	    event_new(f->base, fd, EV_READ | EV_PERSIST, on_readable, p);
	p->writable = event_new(f->base, fd, EV_WRITE, on_writable, p);
	if (p->readable != NULL && p->writable != NULL &&
	    event_add(p->readable, NULL) == 0)
		return p;
	if (p->readable != NULL)
		event_free(p->readable);
	if (p->writable != NULL)
		event_free(p->writable);
	free(p);
	return NULL;
}

/* Those whom no section names have little to ask. */
static bool
stranger(const struct policy_caller *who, uint64_t sections)
{
	return sections == 0 && !peers_owner(who->uid);
}

/*
 * The lowest free slot; slots if there is none for this caller: nobody may
 * take more than half of the table, and all strangers together an eighth, so
 * that there is room for the others.
 */
static uint32_t
find_slot(
    const struct peers *ps, const struct policy_caller *who, uint64_t sections)
{
	unsigned mine = 0, strange = 0;
	uint32_t slot = ps->slots;

	for (uint32_t i = ps->slots; i-- > 0;) {
		const struct peer *p = ps->table[i];

		if (p == NULL) {
			slot = i;
			continue;
		}
		mine += p->who.uid == who->uid;
		strange += stranger(&p->who, p->sections);
	}
	if (stranger(who, sections) && strange >= (ps->slots + 7) / 8)
		return ps->slots;
	return mine >= (ps->slots + 1) / 2 ? ps->slots : slot;
}

/* Takes a connection in, or turns it away. */
static void
receive(void *arg, int fd)
{
	struct front *f = arg;
	struct peers *ps = f->peers;
	struct policy_caller who;
	uint32_t slot;

	/* It may have connected before the listener asked for senders. */
	if (sender_watch(fd) != 0 || identify(fd, &who) != 0) {
		(void)close(fd);
		return;
	}
	slot = find_slot(ps, &who, policy_sections(f->conf, &who));
	if (slot < ps->slots)
		ps->table[slot] = admit(f, fd, &who, slot);
	if (slot < ps->slots && ps->table[slot] != NULL) {
		ps->count++;
		return;
	}
	if (!ps->full)
		log_line(LOG_LEVEL_WARNING,
		    "no room for another client of uid %u "
		    "(%u connected); refused, as others will be",
		    who.uid, ps->count);
	ps->full = true;
	(void)close(fd);
}

struct peers *
peers_open(struct front *f, int fd)
{
	unsigned slots = f->conf->clients;
	struct peers *ps;

	ps = calloc(1, sizeof(*ps) + slots * sizeof(struct peer *));
	if (ps == NULL)
		return NULL;
	ps->front = f;
	ps->slots = slots;
	if (sender_watch(fd) == 0)
		ps->arrivals =
		    arrivals_open(f->base, fd, "agent's socket", receive, f);
	if (ps->arrivals != NULL)
		return ps;
	free(ps);
	return NULL;
}

void
peers_close(struct peers *ps)
{
	if (ps == NULL)
		return;
	for (uint32_t i = 0; i < ps->slots; i++)
		if (ps->table[i] != NULL)
			drop(ps->table[i]);
	arrivals_close(ps->arrivals);
	free(ps);
}
