#include "pkcs11/link.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <p11-kit/pkcs11.h>

#include "pkcs11/login.h"
#include "pkcs11/pool.h"
#include "pkcs11/scan.h"
#include "pkcs11/slot.h"
#include "pkcs11/trouble.h"

#define SESSIONS_DEFAULT 8
#define WAIT_MS_DEFAULT 5000
#define FIRST_TRIES 5 /* to find the token, when the process starts */

enum state { DOWN, BUSY, UP };

struct link {
	struct token_config cfg;
	struct module *module;
	const struct uri *uri;
	struct pool *pool;

	pthread_mutex_t lock; /* of all down to the next blank line */
	pthread_cond_t change;
	enum state state;
	unsigned users;
	uint64_t epoch, generation, recoveries;
	struct index *index;
	int err; /* why the last work on it failed */
	struct token_trouble why;
	char name[TOKEN_NAME_MAX];

	/* Only of the thread that made the link busy. */
	struct login login;
	struct slot slot;
	struct module_token bound; /* once found, it must be the same */
	bool is_bound, tried;
	unsigned long session; /* the login session; 0 if none */
};

static void
deadline_in(struct timespec *t, unsigned ms)
{
	(void)clock_gettime(CLOCK_MONOTONIC, t);
	t->tv_sec += ms / 1000;
	t->tv_nsec += (long)(ms % 1000) * 1000000;
	if (t->tv_nsec >= 1000000000) {
		t->tv_sec++;
		t->tv_nsec -= 1000000000;
	}
}

static void
nap(unsigned ms)
{
	struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

	(void)nanosleep(&t, NULL);
}

int
link_open(struct link **lp, struct module *m, const struct uri *u,
    const struct token_config *cfg, struct token_trouble *why)
{
	struct link *l = calloc(1, sizeof(*l));
	pthread_condattr_t attr;

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
	if (pool_open(&l->pool, m, l->cfg.sessions, l->cfg.wait_ms) != TOKEN_OK)
		goto out;
	(void)pthread_mutex_init(&l->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&l->change, &attr);
	(void)pthread_condattr_destroy(&attr);
	*lp = l;
	return TOKEN_OK;
out:
	free(l);
	return trouble_say(why, TOKEN_ENOMEM, true, "out of memory");
}

/* Ends every session of ours, and with them the login. */
static void
hang_up(struct link *l)
{
	pool_shut(l->pool);
	pool_drain(l->pool);
	if (l->session != 0)
		(void)module_session_close(l->module, l->session);
	l->session = 0;
	if (l->is_bound)
		(void)module_session_close_all(l->module, l->slot.id);
}

void
link_close(struct link *l)
{
	if (l == NULL)
		return;
	hang_up(l);
	index_drop(l->index);
	pool_close(l->pool);
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

/* Whether looking again, after the library started anew, may find more. */
static bool
elusive(int err)
{
	return err == TOKEN_EABSENT || err == TOKEN_EDEVICE ||
	       err == TOKEN_EMODULE;
}

/*
 * Finds the token. Some libraries see a new one only after C_Finalize and
 * C_Initialize; and while another process logs in, SoftHSM 2.6 may show no
 * token for a moment, which at start is waited for.
 */
static int
find(struct link *l, struct token_trouble *why)
{
	unsigned tries = l->tried ? 1 : FIRST_TRIES;
	int r = slot_find(
	    &l->slot, l->module, l->uri, l->is_bound ? &l->bound : NULL, why);

	l->tried = true;
	for (unsigned i = 0; elusive(r) && i < tries; i++) {
		nap(i * 100);
		r = module_restart(l->module, why);
		if (r == TOKEN_OK)
			r = slot_find(&l->slot, l->module, l->uri,
			    l->is_bound ? &l->bound : NULL, why);
	}
	if (r != TOKEN_OK)
		return r;
	l->bound = l->slot.token;
	l->is_bound = true;
	(void)pthread_mutex_lock(&l->lock);
	(void)snprintf(l->name, sizeof(l->name), "%s", l->slot.name);
	(void)pthread_mutex_unlock(&l->lock);
	return TOKEN_OK;
}

/* Puts a new index in the old one's place. */
static void
install(struct link *l, struct index *ix)
{
	struct index *old;

	(void)pthread_mutex_lock(&l->lock);
	old = l->index;
	l->index = ix;
	l->generation++;
	(void)pthread_mutex_unlock(&l->lock);
	index_drop(old);
}

/* The pool's share of the token's sessions: all but the login's. */
static void
open_pool(struct link *l)
{
	unsigned long limit = l->slot.token.sessions;

	pool_start(l->pool, l->slot.id, limit > 1 ? limit - 1 : limit);
	/* With room for one session only, operations get the login's. */
	if (limit == 1) {
		pool_adopt(l->pool, l->session);
		l->session = 0;
	}
}

/* Waits until no operation runs, so that sessions may be closed. */
static int
empty(struct link *l, struct token_trouble *why)
{
	struct timespec until;
	int r = TOKEN_OK;

	deadline_in(&until, l->cfg.wait_ms);
	(void)pthread_mutex_lock(&l->lock);
	while (l->users > 0 && r == TOKEN_OK)
		if (pthread_cond_timedwait(&l->change, &l->lock, &until) != 0)
			r = trouble_say(why, TOKEN_EDEVICE, true,
			    "%s: an operation does not come back from the "
			    "token's module; restart the agent",
			    l->name);
	(void)pthread_mutex_unlock(&l->lock);
	return r;
}

static int
rise(struct link *l, struct token_trouble *why)
{
	struct index *ix;
	struct rv rv;
	int r;

	r = empty(l, why);
	if (r != TOKEN_OK)
		return r;
	hang_up(l);
	r = find(l, why);
	if (r != TOKEN_OK)
		return r;
	rv = module_session_open(l->module, l->slot.id, &l->session);
	if (!rv_ok(rv)) {
		l->session = 0;
		return trouble_rv(
		    why, l->slot.name, "cannot open a session", rv);
	}
	r = login_do(&l->login, l->module, &l->slot, l->session, &rv, why);
	if (r != TOKEN_OK)
		goto out;
	rv = scan_token(&ix, l->module, l->slot.id, l->session);
	if (!rv_ok(rv)) {
		r = trouble_rv(
		    why, l->slot.name, "cannot read its objects", rv);
		goto out;
	}
	install(l, ix);
	open_pool(l);
out:
	if (r != TOKEN_OK)
		hang_up(l);
	return r;
}

/* Ends the work of the thread that made the link busy. */
static void
settle(struct link *l, int err, const struct token_trouble *why)
{
	(void)pthread_mutex_lock(&l->lock);
	l->state = err == TOKEN_OK ? UP : DOWN;
	l->epoch++;
	l->err = err;
	if (err != TOKEN_OK && why != NULL)
		l->why = *why;
	(void)pthread_cond_broadcast(&l->change);
	(void)pthread_mutex_unlock(&l->lock);
}

/* Waits while another thread works on the link; locked. Shares its failure. */
static int
stand_by(struct link *l, struct token_trouble *why)
{
	struct timespec until;
	uint64_t epoch = l->epoch;

	deadline_in(&until, l->cfg.wait_ms);
	while (l->state == BUSY && l->epoch == epoch)
		if (pthread_cond_timedwait(&l->change, &l->lock, &until) != 0)
			break;
	if (l->state == UP)
		return TOKEN_OK;
	if (l->epoch == epoch)
		return trouble_say(why, TOKEN_EBUSY, true,
		    "%s: is still being set up; try again", uri_text(l->uri));
	if (l->state == DOWN && l->err != TOKEN_OK) {
		if (why != NULL)
			*why = l->why;
		return l->err;
	}
	return TOKEN_OK;
}

int
link_enter(struct link *l, struct link_use *use, struct token_trouble *why)
{
	struct token_trouble local;
	int r = TOKEN_OK;

	memset(use, 0, sizeof(*use));
	if (why == NULL)
		why = &local;
	(void)pthread_mutex_lock(&l->lock);
	while (l->state != UP && r == TOKEN_OK) {
		if (l->state == BUSY) {
			r = stand_by(l, why);
			continue;
		}
		l->state = BUSY;
		(void)pthread_mutex_unlock(&l->lock);
		r = rise(l, why);
		settle(l, r, why);
		(void)pthread_mutex_lock(&l->lock);
	}
	if (l->state == UP && r == TOKEN_OK) {
		l->users++;
		use->epoch = l->epoch;
		use->index = index_hold(l->index);
		use->generation = l->generation;
	}
	(void)pthread_mutex_unlock(&l->lock);
	return r;
}

int
link_session(struct link *l, struct link_use *use, struct rv *rv,
    struct token_trouble *why)
{
	char name[URI_TEXT_MAX];

	switch (pool_take(l->pool, &use->session, rv)) {
	case POOL_OK:
		rv->value = CKR_OK;
		return TOKEN_OK;
	case POOL_SHUT:
		/* Whoever shut it mends it; link_mend() waits for that. */
		rv->value = CKR_SESSION_CLOSED;
		return TOKEN_EDEVICE;
	case POOL_FAILED:
		link_name(l, name);
		return trouble_rv(why, name, "cannot open a session", *rv);
	case POOL_BUSY:
		break;
	}
	link_name(l, name);
	if (!rv_ok(*rv))
		return trouble_rv(
		    why, name, "no session came free in time", *rv);
	return trouble_say(why, TOKEN_EBUSY, true,
	    "%s: all its sessions stayed in use for %u ms; try again, or "
	    "configure more sessions",
	    name, l->cfg.wait_ms);
}

void
link_leave(struct link *l, struct link_use *use, bool keep)
{
	if (use->session != 0)
		pool_give(l->pool, use->session, keep);
	(void)pthread_mutex_lock(&l->lock);
	l->users--;
	if (l->users == 0 && l->state == BUSY)
		(void)pthread_cond_broadcast(&l->change);
	(void)pthread_mutex_unlock(&l->lock);
	index_drop(use->index);
	use->session = 0;
	use->index = NULL;
}

/* Whether the login is alive, so that fresh sessions are all it takes. */
static bool
healthy(struct link *l, struct rv rv)
{
	enum rv_class class = rv_class(rv);
	bool user, needed;

	needed = (l->slot.token.flags & CKF_LOGIN_REQUIRED) != 0;
	return class != RV_ABSENT && class != RV_DEVICE && l->session != 0 &&
	       rv_ok(module_session_user(l->module, l->session, &user)) &&
	       (user || !needed);
}

static int
repair(struct link *l, struct rv rv, struct token_trouble *why)
{
	struct index *ix;

	pool_drain(l->pool);
	if (healthy(l, rv)) {
		/* A handle may name another key now: all are proved anew. */
		if (rv_class(rv) == RV_KEY) {
			rv = scan_token(&ix, l->module, l->slot.id, l->session);
			if (rv_ok(rv))
				install(l, ix);
		} else
			rv.value = CKR_OK;
		if (rv_ok(rv)) {
			open_pool(l);
			return TOKEN_OK;
		}
	}
	return rise(l, why);
}

int
link_mend(
    struct link *l, uint64_t epoch, struct rv rv, struct token_trouble *why)
{
	struct token_trouble local;
	int r;

	if (why == NULL)
		why = &local;
	(void)pthread_mutex_lock(&l->lock);
	if (l->epoch != epoch || l->state != UP) {
		/* Another thread met it too; link_enter() waits for it. */
		(void)pthread_mutex_unlock(&l->lock);
		return TOKEN_OK;
	}
	l->state = BUSY;
	l->recoveries++;
	(void)pthread_mutex_unlock(&l->lock);
	pool_shut(l->pool);
	r = empty(l, why);
	if (r == TOKEN_OK)
		r = repair(l, rv, why);
	settle(l, r, why);
	return r;
}

int
link_rescan(struct link *l, struct token_trouble *why)
{
	struct link_use use;
	struct index *ix = NULL;
	char name[URI_TEXT_MAX];
	struct rv rv;
	int r;

	for (unsigned try = 0;; try++) {
		r = link_enter(l, &use, why);
		if (r != TOKEN_OK)
			return r;
		r = link_session(l, &use, &rv, why);
		if (r == TOKEN_OK) {
			rv =
			    scan_token(&ix, l->module, l->slot.id, use.session);
			if (rv_ok(rv))
				install(l, ix);
		}
		link_leave(l, &use, rv_ok(rv));
		if (rv_ok(rv))
			return r;
		link_name(l, name);
		r = trouble_rv(why, name, "cannot read its objects", rv);
		if (try > 0 || !rv_mendable(rv))
			return r;
		r = link_mend(l, use.epoch, rv, why);
		if (r != TOKEN_OK)
			return r;
	}
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
	st->ready = l->state == UP;
	memcpy(st->name, l->name, sizeof(st->name));
	st->generation = l->generation;
	st->recoveries = l->recoveries;
	if (l->index != NULL)
		st->counts = index_counts(l->index);
	(void)pthread_mutex_unlock(&l->lock);
	st->sessions = pool_size(l->pool);
}
