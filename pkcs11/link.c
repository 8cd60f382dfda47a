#include "pkcs11/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <p11-kit/pkcs11.h>

#include "pkcs11/link_impl.h"
#include "pkcs11/tick.h"
#include "pkcs11/trouble.h"

#define SESSIONS_DEFAULT 8
#define WAIT_MS_DEFAULT 5000

int
link_open(struct link **lp, struct module *m, const struct uri *u,
    const struct token_config *cfg, struct token_trouble *why)
{
	struct link *l = calloc(1, sizeof(*l));
	int r;

	*lp = NULL;
	if (l == NULL)
		goto out;
	l->cfg = *cfg;
	if (l->cfg.sessions == 0)
		l->cfg.sessions = SESSIONS_DEFAULT;
	if (l->cfg.wait_ms == 0)
		l->cfg.wait_ms = WAIT_MS_DEFAULT;
	l->module = m;
	l->uri = u;
	l->login.cfg = &l->cfg;
	if (pool_open(&l->pool, m, l->cfg.sessions) != TOKEN_OK)
		goto out;
	r = certfile_load(&l->certs, l->cfg.certs, why);
	if (r != TOKEN_OK) {
		pool_close(l->pool);
		free(l);
		return r;
	}
	(void)pthread_mutex_init(&l->scanning, NULL);
	(void)pthread_mutex_init(&l->lock, NULL);
	(void)tick_cond_init(&l->change);
	*lp = l;
	return TOKEN_OK;
out:
	free(l);
	return trouble_say(why, TOKEN_ENOMEM, true, "out of memory");
}

void
link_close(struct link *l)
{
	if (l == NULL)
		return;
	link_hang_up(l);
	index_drop(l->index);
	certfile_release(&l->certs);
	pool_close(l->pool);
	(void)pthread_mutex_destroy(&l->scanning);
	(void)pthread_cond_destroy(&l->change);
	(void)pthread_mutex_destroy(&l->lock);
	free(l);
}

void
link_name(struct link *l, char name[URI_TEXT_MAX])
{
	(void)pthread_mutex_lock(&l->lock);
	(void)snprintf(name, URI_TEXT_MAX, "%s",
	    l->name[0] != '\0' ? l->name : uri_text(l->uri));
	(void)pthread_mutex_unlock(&l->lock);
}

void
link_begin(struct link *l, struct link_use *use)
{
	memset(use, 0, sizeof(*use));
	use->deadline = tick_now() + l->cfg.wait_ms;
}

/* What the functions down to link_enter() have in common: l is locked. */
static const char *
name(const struct link *l)
{
	return l->name[0] != '\0' ? l->name : uri_text(l->uri);
}

static int
refuse_locked(const struct link *l, struct token_trouble *why)
{
	return trouble_say(why, TOKEN_EPIN, false,
	    "%s: locked by the operator; %s", name(l),
	    l->cfg.how_to_open != NULL ? l->cfg.how_to_open : "unlock it");
}

/* Waits while another thread works on the link. Shares its failure. */
static int
stand_by(struct link *l, int64_t deadline, struct token_trouble *why)
{
	uint64_t epoch = l->epoch;

	while (l->stage == LINK_BUSY && l->epoch == epoch)
		if (!tick_wait(&l->change, &l->lock, deadline))
			break;
	if (l->stage == LINK_UP)
		return TOKEN_OK;
	if (l->epoch == epoch)
		return trouble_say(why, TOKEN_EBUSY, true,
		    "%s: is still being set up; try again", name(l));
	if (l->stage == LINK_DOWN && l->err != TOKEN_OK) {
		*why = l->why;
		return l->err;
	}
	return TOKEN_OK;
}

/* Makes the link come up by this thread's work. */
static int
raise(struct link *l, int64_t deadline, struct token_trouble *why)
{
	int r;

	l->stage = LINK_BUSY;
	(void)pthread_mutex_unlock(&l->lock);
	r = link_empty(l, deadline, why);
	if (r == TOKEN_OK)
		r = link_rise(l, why);
	(void)link_finish(l, r, why);
	(void)pthread_mutex_lock(&l->lock);
	return r;
}

/* Whether an operation may go in, now that the link is up. */
static bool
may_enter(const struct link *l, bool alone)
{
	if (l->alone)
		return false;
	if (alone)
		return l->users == 0 && l->pass == 0;
	return l->loners == 0 || l->pass > 0;
}

/*
 * Waits once for an operation that is alone, or to be alone. A loner keeps
 * new ones out; so that it keeps none out for ever, those who waited for one
 * loner go in before the next.
 */
static int
queue_up(struct link *l, const struct link_use *use, struct token_trouble *why)
{
	unsigned *in = use->alone ? &l->loners : &l->waiters;
	bool woken;

	++*in;
	woken = tick_wait(&l->change, &l->lock, use->deadline);
	--*in;
	if (woken)
		return TOKEN_OK;
	return trouble_say(why, TOKEN_EBUSY, true,
	    "%s: is used with a key that wants its PIN for each use, and bears "
	    "nothing else beside it; try again",
	    name(l));
}

/* One step towards being let in: locked, up or down, and who is inside. */
static int
approach(struct link *l, struct link_use *use, struct token_trouble *why)
{
	if (l->locked)
		return refuse_locked(l, why);
	if (l->stage == LINK_BUSY)
		return stand_by(l, use->deadline, why);
	if (l->stage == LINK_DOWN)
		return raise(l, use->deadline, why);
	return queue_up(l, use, why);
}

int
link_enter(struct link *l, struct link_use *use, struct token_trouble *why)
{
	struct token_trouble local;
	int r = TOKEN_OK;

	use->session = 0;
	use->index = NULL;
	(void)pthread_mutex_lock(&l->lock);
	while (r == TOKEN_OK &&
	       (l->locked || l->stage != LINK_UP || !may_enter(l, use->alone)))
		r = approach(l, use, why != NULL ? why : &local);
	if (r == TOKEN_OK) {
		l->users++;
		l->alone = use->alone;
		if (!use->alone && l->pass > 0)
			l->pass--;
		use->epoch = l->epoch;
		use->index = index_hold(l->index);
		use->generation = l->generation;
	} else if (l->pass > l->waiters) {
		/* Who gave up leaves its place to others. */
		l->pass = l->waiters;
		(void)pthread_cond_broadcast(&l->change);
	}
	(void)pthread_mutex_unlock(&l->lock);
	return r;
}

int
link_session(struct link *l, struct link_use *use, struct rv *rv,
    struct token_trouble *why)
{
	char who[URI_TEXT_MAX];

	switch (pool_take(l->pool, use->deadline, &use->session, rv)) {
	case POOL_OK:
		rv->value = CKR_OK;
		return TOKEN_OK;
	case POOL_SHUT:
		/* Whoever shut it mends it, and link_mend() waits for that; or
		 * it lost its last session, and link_mend() mends it. */
		rv->value = CKR_SESSION_CLOSED;
		return TOKEN_EDEVICE;
	case POOL_FAILED:
		link_name(l, who);
		return trouble_rv(why, who, "cannot open a session", *rv);
	case POOL_BUSY:
		break;
	}
	link_name(l, who);
	if (!rv_ok(*rv))
		return trouble_rv(
		    why, who, "no session came free in time", *rv);
	return trouble_say(why, TOKEN_EBUSY, true,
	    "%s: all its sessions stayed in use for %u ms; try again, or "
	    "configure more sessions",
	    who, l->cfg.wait_ms);
}

int
link_permit(struct link *l, const struct link_use *use, unsigned long session,
    struct rv *rv, struct token_trouble *why)
{
	if (!use->alone)
		return trouble_say(why, TOKEN_EBUSY, true,
		    "the operation must be alone on its token; try again");
	return login_key(&l->login, l->module, &l->slot, session, rv, why);
}

void
link_leave(struct link *l, struct link_use *use, bool keep)
{
	if (use->session != 0)
		pool_give(l->pool, use->session, keep);
	(void)pthread_mutex_lock(&l->lock);
	l->users--;
	l->used = tick_now();
	if (use->alone) {
		l->alone = false;
		l->pass = l->waiters;
	}
	if (use->alone ||
	    (l->users == 0 && (l->stage == LINK_BUSY || l->loners > 0)))
		(void)pthread_cond_broadcast(&l->change);
	(void)pthread_mutex_unlock(&l->lock);
	index_drop(use->index);
	use->session = 0;
	use->index = NULL;
}

int
link_down(struct link *l, bool locked, struct token_trouble *why)
{
	int64_t deadline = tick_now() + l->cfg.wait_ms;
	struct token_trouble local;
	int r = TOKEN_OK;

	if (why == NULL)
		why = &local;
	(void)pthread_mutex_lock(&l->lock);
	l->locked = l->locked || locked;
	while (l->stage == LINK_BUSY)
		if (!tick_wait(&l->change, &l->lock, deadline)) {
			r = trouble_say(why, TOKEN_EBUSY, true,
			    "%s: is still being set up; try again", name(l));
			break;
		}
	if (l->stage != LINK_UP) {
		(void)pthread_mutex_unlock(&l->lock);
		return r;
	}
	l->stage = LINK_BUSY;
	(void)pthread_mutex_unlock(&l->lock);
	pool_shut(l->pool);
	r = link_empty(l, deadline, why);
	if (r != TOKEN_OK) {
		/* Its pool stays shut: whoever comes next mends that. */
		link_settle(l, LINK_UP, TOKEN_OK, NULL);
		return TOKEN_EBUSY;
	}
	link_part(l);
	link_settle(l, LINK_DOWN, TOKEN_OK, NULL);
	return TOKEN_OK;
}

void
link_unlock(struct link *l)
{
	(void)pthread_mutex_lock(&l->lock);
	l->locked = false;
	(void)pthread_mutex_unlock(&l->lock);
}

/* Uses idle sessions, and the login's, of a link that is held up. */
static struct rv
keep_alive(struct link *l, unsigned *next)
{
	bool random = (l->slot.token.flags & CKF_RNG) != 0;
	unsigned ms = l->cfg.keepalive_ms;
	int64_t left = l->pinged + ms - tick_now();
	unsigned long session;
	struct rv rv, one;

	*next = pool_keepalive(l->pool, ms, random, &rv);
	if (left <= 0) {
		/* One that is lent may be in use; else the pool used it. */
		session = pool_unreserve(l->pool);
		if (session != 0) {
			one = module_ping(l->module, session, random);
			pool_reserve(l->pool, session);
			if (!rv_ok(one))
				rv = one;
		}
		l->pinged = tick_now();
		left = ms;
	}
	if (*next == 0 || left < *next)
		*next = (unsigned)left;
	return rv;
}

/* Out again, as link_leave(), but this was no use. */
static void
step_out(struct link *l)
{
	(void)pthread_mutex_lock(&l->lock);
	l->users--;
	if (l->users == 0)
		(void)pthread_cond_broadcast(&l->change);
	(void)pthread_mutex_unlock(&l->lock);
}

/*
 * When an idle token is to be let go: 0 if never, or now, which is *over. One
 * that is just set up or mended is not idle. Locked.
 */
static unsigned
release_in(const struct link *l, bool *over)
{
	unsigned ms = l->cfg.release_ms;
	int64_t idle = tick_now() - l->used;

	*over = false;
	if (ms == 0 || l->stage == LINK_DOWN)
		return 0;
	if (l->users > 0 || l->stage == LINK_BUSY)
		return ms;
	*over = idle >= ms;
	return *over ? 0 : (unsigned)(ms - idle);
}

unsigned
link_tend(struct link *l, int *err, struct token_trouble *why)
{
	unsigned next, left = l->cfg.keepalive_ms;
	bool visit, over;
	uint64_t epoch;
	struct rv rv;

	*err = TOKEN_OK;
	(void)pthread_mutex_lock(&l->lock);
	next = release_in(l, &over);
	epoch = l->epoch;
	if (l->stage == LINK_DOWN)
		left = 0;
	visit = l->stage == LINK_UP && !over && left != 0 && !l->alone &&
		l->loners == 0;
	l->users += visit;
	(void)pthread_mutex_unlock(&l->lock);
	if (over) {
		(void)link_down(l, false, NULL);
		return 0;
	}
	if (visit) {
		rv = keep_alive(l, &left);
		step_out(l);
		if (!rv_ok(rv) && rv_mendable(rv))
			*err = link_mend(l, epoch, rv, why);
	}
	return next == 0 || (left != 0 && left < next) ? left : next;
}

uint64_t
link_generation(struct link *l)
{
	uint64_t generation;

	(void)pthread_mutex_lock(&l->lock);
	generation = l->generation;
	(void)pthread_mutex_unlock(&l->lock);
	return generation;
}

void
link_state(struct link *l, struct link_state *st)
{
	memset(st, 0, sizeof(*st));
	(void)pthread_mutex_lock(&l->lock);
	st->ready = l->stage == LINK_UP;
	memcpy(st->name, l->name, sizeof(st->name));
	st->generation = l->generation;
	st->recoveries = l->recoveries;
	if (l->index != NULL)
		st->counts = index_counts(l->index);
	(void)pthread_mutex_unlock(&l->lock);
	st->sessions = pool_size(l->pool);
}
