#include "agent/front/worker.h"

#include <sys/socket.h>

#include <errno.h>
#include <string.h>

#include "agent/front/control.h"
#include "agent/front/overseer.h"
#include "agent/front/route.h"
#include "agent/log.h"

#define BURST 64 /* notices of one worker before others have their turn */

void
worker_tell(const struct worker *w)
{
	const char *name = w->front->conf->tokens[w->index].name;

	if (w->state.err == SIGNER_OK)
		log_line(LOG_LEVEL_INFO, "token %s is ready: %s", name,
		    w->state.label);
	else
		log_line(LOG_LEVEL_WARNING, "token %s is not ready: %s", name,
		    w->state.why.text);
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
		worker_tell(w);
		if (s.err == SIGNER_OK)
			overseer_ready(
			    w->front->overseer, w->index, w->generation);
	}
	w->state = s;
	w->reported = true;
	w->spoke = true;
	route_worker_told(w->front, w->index);
}

bool
worker_hear(struct worker *w)
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
		worker_lose(w);
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

void
worker_readable(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	for (int i = 0; i < BURST; i++)
		if (!worker_hear(arg))
			return;
}
