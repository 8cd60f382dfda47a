#include "agent/front/worker.h"

#include <sys/socket.h>

#include <errno.h>

#include <event2/event.h>

#include "agent/front/route.h"
#include "agent/front/timer.h"

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

void
worker_writable(int fd, short what, void *arg)
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
	struct worker *w = worker_of(f, index);

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
	struct worker *w = worker_of(f, index);

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

	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++) {
		struct worker *w = worker_of(f, i);

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
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++)
		if (worker_of(f, i)->scanning)
			return true;
	return false;
}

void
workers_forget(struct front *f, const struct peer *p)
{
	const struct link_request gone = {0, p->name};

	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++) {
		struct worker *w = worker_of(f, i);

		if (w->fd == -1 || p->lent[i] != w->generation)
			continue;
		if (errands_first(&w->errands) != NULL ||
		    transmit(w, &gone) != 0)
			(void)enqueue(w, &gone);
	}
}
