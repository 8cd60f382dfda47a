#include "agent/front/workers.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "agent/front/lanes.h"
#include "agent/front/locks.h"
#include "agent/front/metrics.h"
#include "agent/front/overseer.h"
#include "agent/front/route.h"
#include "agent/front/timer.h"
#include "agent/front/worker.h"
#include "agent/log.h"

#define AGAIN_MS 100 /* until that is asked again which was not taken */
#define MUTE_MAX 3   /* workers in a row that end without a word */

struct worker *
worker_of(const struct front *f, unsigned index)
{
	return &f->workers->table[index];
}

const struct link_state *
workers_state(const struct front *f, unsigned index, bool *reported)
{
	*reported = worker_of(f, index)->reported;
	return &worker_of(f, index)->state;
}

bool
workers_up(const struct front *f, unsigned index)
{
	return worker_of(f, index)->fd != -1 && worker_of(f, index)->spoke;
}

uint32_t
workers_generation(const struct front *f, unsigned index)
{
	return worker_of(f, index)->generation;
}

uint64_t
workers_patience(const struct front *f, unsigned index)
{
	const struct conf_token *ct = &f->conf->tokens[index];

	/* One in trouble may be setting its token up anew. */
	if (worker_of(f, index)->state.err != SIGNER_OK &&
	    ct->start_ms > ct->deadline_ms)
		return ct->start_ms;
	return ct->deadline_ms;
}

uint64_t
workers_heard(const struct front *f, unsigned index)
{
	return worker_of(f, index)->heard;
}

void
workers_end(struct front *f, unsigned index)
{
	struct worker *w = worker_of(f, index);

	if (w->fd == -1 || w->ending == w->generation)
		return;
	if (overseer_kill(f->overseer, index, w->generation) == 0)
		w->ending = w->generation;
}

enum choice_health
workers_health(const struct front *f, unsigned index)
{
	const struct worker *w = worker_of(f, index);

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

	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++)
		if ((among >> i & 1) != 0)
			all[i] = (struct choice){
			    .health = workers_health(f, i),
			    .prefer = f->conf->tokens[i].prefer,
			    .weight = f->conf->tokens[i].weight,
			    .load = lanes_load(f->lanes, i),
			};
	return choice_best(all, CONF_TOKENS_MAX, among);
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

static void presume(struct worker *w, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* How its token is, of which it did not tell. */
static void
presume(struct worker *w, int err, const char *fmt, ...)
{
	struct signer_trouble *why = &w->state.why;
	va_list ap;

	*why = (struct signer_trouble){.err = err, .retry = true};
	va_start(ap, fmt);
	(void)vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	w->state.err = err;
	w->state.since = (uint64_t)time(NULL);
}

void
worker_lose(struct worker *w)
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
	if (w->mute == MUTE_MAX)
		presume(w, SIGNER_EDEVICE,
		    "the worker of token %s ended %u times in a row before it "
		    "said a word; see the agent's log",
		    w->front->conf->tokens[w->index].name, MUTE_MAX);
	else if (w->state.err == SIGNER_OK)
		presume(w, SIGNER_EDEVICE,
		    "the worker of token %s ended; a new one starts: try again",
		    w->front->conf->tokens[w->index].name);
	route_worker_lost(w->front, w->index);
}

/* Of a worker that does not come up nothing more is expected. */
static void
despair(struct worker *w)
{
	if (w->reported)
		return;
	w->reported = true;
	presume(w, SIGNER_ETIMEOUT,
	    "the module of token %s did not come up within %u ms; see whether "
	    "its reader or HSM answers",
	    w->front->conf->tokens[w->index].name,
	    w->front->conf->tokens[w->index].deadline_ms);
	worker_tell(w);
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

	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++) {
		uint64_t left = check(worker_of(f, i), now);

		if (left != 0 && (next == 0 || left < next))
			next = left;
	}
	return next;
}

void
workers_attach(struct front *f, unsigned index, uint32_t generation, int fd)
{
	struct worker *w;

	if (index >= CONF_TOKENS_MAX) {
		(void)close(fd);
		return;
	}
	w = worker_of(f, index);
	/* What the last one answered must not be asked again. */
	while (w->fd != -1 && worker_hear(w))
		;
	worker_lose(w);
	w->readable =
	    event_new(f->base, fd, EV_READ | EV_PERSIST, worker_readable, w);
	w->writable = event_new(f->base, fd, EV_WRITE, worker_writable, w);
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
	struct worker *w = worker_of(f, index);

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
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++) {
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
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++)
		if (ws->table[i].fd != -1)
			detach(&ws->table[i]);
	free(ws);
}
