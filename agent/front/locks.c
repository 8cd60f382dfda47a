#include "agent/front/locks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/control.h"
#include "agent/front/overseer.h"
#include "agent/front/route.h"
#include "agent/front/workers.h"
#include "agent/log.h"

/* Words to workers and to the supervisor are numbered: late answers to older
 * ones change nothing. */
struct lock {
	bool on;
	bool known;
	uint32_t word;  /* number of the last word to its worker */
	uint32_t asked; /* number of the last word about its mark */
	uint32_t done;  /* and of the last one that was answered */
};

struct locks {
	struct lock all[CONF_TOKENS_MAX];
};

struct locks *
locks_new(void)
{
	return calloc(1, sizeof(struct locks));
}

void
locks_free(struct locks *l)
{
	free(l);
}

bool
locks_on(const struct front *f, unsigned index)
{
	return f->locks->all[index].on;
}

bool
locks_known(const struct front *f, unsigned index)
{
	return f->locks->all[index].known;
}

bool
locks_pending(const struct front *f, unsigned index)
{
	const struct lock *l = &f->locks->all[index];

	return l->asked != l->done;
}

void
locks_reset(struct front *f, unsigned index, bool other)
{
	struct lock *l = &f->locks->all[index];

	l->known = false;
	/* No answer comes about a token that is gone. */
	if (!other || l->asked == l->done)
		return;
	l->done = l->asked;
	control_marked(f, index, ECANCELED);
}

void
locks_tell(struct front *f, unsigned index)
{
	struct lock *l = &f->locks->all[index];

	if (l->known)
		workers_order(
		    f, index, l->on ? LINK_LOCK : LINK_UNLOCK, ++l->word);
}

/* Requests that wait for it are refused, or go elsewhere; or may go on. */
static void
set(struct front *f, unsigned index, bool on)
{
	struct lock *l = &f->locks->all[index];
	bool news = l->on != on || !l->known;

	if (l->on != on)
		log_line(LOG_LEVEL_INFO, "token %s is %s",
		    f->conf->tokens[index].name, on ? "locked" : "unlocked");
	l->on = on;
	l->known = true;
	if (!news)
		return;
	locks_tell(f, index);
	route_worker_told(f, index);
}

static void
complain(const struct front *f, unsigned index, int err)
{
	log_line(LOG_LEVEL_ERROR,
	    "token %s stays locked, but the mark of its lock in %s is not as "
	    "it should be: %s",
	    f->conf->tokens[index].name, f->conf->state, strerror(err));
}

static void
ask(struct front *f, unsigned index, bool on)
{
	struct lock *l = &f->locks->all[index];
	struct link_mark m = {.on = on};
	int err;

	if (++l->asked == 0)
		++l->asked;
	m.id = l->asked;
	(void)snprintf(
	    m.token, sizeof(m.token), "%s", f->conf->tokens[index].name);
	if (overseer_mark(f->overseer, &m) == 0)
		return;
	err = errno;
	l->done = l->asked;
	complain(f, index, err);
	control_marked(f, index, err);
}

void
locks_put(struct front *f, unsigned index)
{
	set(f, index, true);
	ask(f, index, true);
}

void
locks_lift(struct front *f, unsigned index)
{
	ask(f, index, false);
}

void
locks_put_all(struct front *f)
{
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++)
		if (f->conf->tokens[i].name[0] != '\0')
			locks_put(f, i);
}

void
locks_told(struct front *f, unsigned index, uint8_t kind, struct wire_reader *r)
{
	uint32_t heard;

	if (kind == LINK_LOCKED)
		locks_put(f, index);
	/* A lock that is newer than the PIN is not undone by it. */
	else if (link_order_parse(r, &heard) == SIGNER_OK &&
		 heard == f->locks->all[index].word && locks_on(f, index))
		locks_lift(f, index);
}

void
locks_marked(struct front *f, struct wire_reader *r)
{
	struct link_mark m;
	struct lock *l;
	int index;

	memset(&m, 0, sizeof(m));
	if (link_mark_parse(r, &m) != SIGNER_OK)
		return;
	index = conf_token_index(f->conf, m.token);
	if (index == -1)
		return;
	l = &f->locks->all[index];
	/* What was not asked for counts while nothing else was. */
	if (m.id == 0 ? l->asked != l->done : m.id != l->asked)
		return;
	l->done = l->asked;
	if (m.err != 0)
		complain(f, (unsigned)index, (int)m.err);
	else
		set(f, (unsigned)index, m.on);
	control_marked(f, (unsigned)index, (int)m.err);
}

int
locks_explain(const struct front *f, unsigned index, struct signer_trouble *why)
{
	const char *name = f->conf->tokens[index].name;

	memset(why, 0, sizeof(*why));
	return signer_fail(why, SIGNER_EPIN,
	    "token %s is locked by the operator; run 'sealpoint unlock %s'",
	    name, name);
}
