#include <stdio.h>

#include <p11-kit/pkcs11.h>

#include "pkcs11/link_impl.h"
#include "pkcs11/scan.h"
#include "pkcs11/tick.h"
#include "pkcs11/trouble.h"

#define FIRST_TRIES 5   /* to find the token, when the process starts */
#define RESTART_MS 1000 /* between two of the module */
#define BUSY_MS 50      /* between two tries to open the first session */

void
link_hang_up(struct link *l)
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
link_part(struct link *l)
{
	if (l->session != 0 && (l->slot.token.flags & CKF_LOGIN_REQUIRED) != 0)
		(void)module_logout(l->module, l->session);
	link_hang_up(l);
}

int
link_empty(struct link *l, int64_t deadline, struct token_trouble *why)
{
	int r = TOKEN_OK;

	(void)pthread_mutex_lock(&l->lock);
	while (l->users > 0 && r == TOKEN_OK)
		if (!tick_wait(&l->change, &l->lock, deadline))
			r = trouble_say(why, TOKEN_EDEVICE, true,
			    "%s: an operation does not come back from the "
			    "token's module; restart the agent",
			    l->name);
	(void)pthread_mutex_unlock(&l->lock);
	return r;
}

void
link_settle(struct link *l, enum link_stage stage, int err,
    const struct token_trouble *why)
{
	(void)pthread_mutex_lock(&l->lock);
	l->stage = stage;
	l->epoch++;
	l->err = err;
	if (err != TOKEN_OK && why != NULL)
		l->why = *why;
	(void)pthread_cond_broadcast(&l->change);
	(void)pthread_mutex_unlock(&l->lock);
}

int
link_finish(struct link *l, int r, const struct token_trouble *why)
{
	bool locked;

	(void)pthread_mutex_lock(&l->lock);
	locked = l->locked;
	(void)pthread_mutex_unlock(&l->lock);
	/* Who locked it meanwhile may have waited in vain for this. */
	if (r == TOKEN_OK && locked)
		link_part(l);
	link_settle(l, r == TOKEN_OK && !locked ? LINK_UP : LINK_DOWN, r, why);
	return r;
}

/* Whether looking again, after the library started anew, may find more. */
static bool
elusive(int err)
{
	return err == TOKEN_EABSENT || err == TOKEN_EDEVICE ||
	       err == TOKEN_EMODULE || err == TOKEN_EBUSY ||
	       err == TOKEN_ENOMEM;
}

static int
look(struct link *l, struct token_trouble *why)
{
	return slot_find(
	    &l->slot, l->module, l->uri, l->is_bound ? &l->bound : NULL, why);
}

/*
 * How often the library may be started anew now to find the token. It costs
 * much with some, so while a token is awaited it is not done at each look;
 * but at once where the library itself says that something changed.
 */
static unsigned
restarts(struct link *l)
{
	if (!l->tried)
		return FIRST_TRIES;
	if (!module_initialised(l->module) || module_slot_event(l->module))
		return 1;
	return tick_now() - l->restarted >= RESTART_MS ? 1 : 0;
}

/*
 * Finds the token. Some libraries see a new one only after C_Finalize and
 * C_Initialize; and while another process logs in, SoftHSM 2.6 may show no
 * token for a moment, which at start is waited for.
 */
static int
find(struct link *l, struct token_trouble *why)
{
	int r = look(l, why);
	unsigned tries = elusive(r) ? restarts(l) : 0;

	l->tried = true;
	if (elusive(r) && tries == 0 && r != TOKEN_EABSENT)
		r = look(l, why);
	for (unsigned i = 0; elusive(r) && i < tries; i++) {
		tick_nap(i * 100);
		l->restarted = tick_now();
		r = module_restart(l->module, why);
		if (r == TOKEN_OK)
			r = look(l, why);
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

/* Reads all objects, and the files too; installs what it finds. */
static struct rv
scan(struct link *l, unsigned long session)
{
	struct index *ix;
	struct rv rv;

	(void)pthread_mutex_lock(&l->scanning);
	/* A file that is being replaced: what it said before still holds. */
	(void)certfile_load(&l->certs, l->cfg.certs, NULL);
	rv = scan_token(&ix, l->module, l->slot.id, session, &l->certs);
	if (rv_ok(rv))
		install(l, ix);
	(void)pthread_mutex_unlock(&l->scanning);
	return rv;
}

/*
 * Operations have all the token's sessions but the login's; and that one too
 * if there is no other.
 */
static void
open_pool(struct link *l)
{
	pool_start(l->pool, l->slot.id, l->slot.token.sessions);
	pool_reserve(l->pool, l->session);
	l->pinged = tick_now();
}

/* The login's session. While others hold all that the token has, waits. */
static struct rv
first_session(struct link *l)
{
	int64_t deadline = tick_now() + l->cfg.wait_ms;
	struct rv rv;

	for (;;) {
		rv = module_session_open(l->module, l->slot.id, &l->session);
		if (rv_ok(rv))
			return rv;
		l->session = 0;
		if (rv_class(rv) != RV_BUSY || tick_now() >= deadline)
			return rv;
		tick_nap(tick_jitter(BUSY_MS));
	}
}

/* *again: it may help to do all once more, now. */
static int
rise(struct link *l, bool *again, struct token_trouble *why)
{
	struct rv rv;
	int r;

	*again = false;
	link_hang_up(l);
	r = find(l, why);
	if (r != TOKEN_OK)
		return r;
	rv = first_session(l);
	if (!rv_ok(rv)) {
		*again = rv_mendable(rv);
		return trouble_rv(
		    why, l->slot.name, "cannot open a session", rv);
	}
	r = login_do(&l->login, l->module, &l->slot, l->session, &rv, why);
	if (r != TOKEN_OK) {
		*again = login_again(rv);
		goto out;
	}
	rv = scan(l, l->session);
	if (!rv_ok(rv)) {
		*again = rv_repeats(rv) > 0;
		r = trouble_rv(
		    why, l->slot.name, "cannot read its objects", rv);
		goto out;
	}
	open_pool(l);
out:
	if (r != TOKEN_OK)
		link_hang_up(l);
	return r;
}

int
link_rise(struct link *l, struct token_trouble *why)
{
	bool again;
	int r = rise(l, &again, why);

	if (r != TOKEN_OK && again)
		r = rise(l, &again, why);
	return r;
}

/* Whether the login is alive, so that fresh sessions are all it takes. */
static bool
healthy(struct link *l, struct rv rv)
{
	enum rv_class class = rv_class(rv);
	bool user, needed;

	needed = (l->slot.token.flags & CKF_LOGIN_REQUIRED) != 0;
	return class != RV_ABSENT && class != RV_DEVICE &&
	       !pool_leaks(l->pool) && l->session != 0 &&
	       rv_ok(module_session_user(l->module, l->session, &user)) &&
	       (user || !needed);
}

static int
repair(struct link *l, struct rv rv, struct token_trouble *why)
{
	pool_drain(l->pool);
	if (healthy(l, rv)) {
		/* A handle may name another key now: all are proved anew. */
		if (rv_class(rv) == RV_KEY)
			rv = scan(l, l->session);
		else
			rv.value = CKR_OK;
		if (rv_ok(rv)) {
			open_pool(l);
			return TOKEN_OK;
		}
	}
	return link_rise(l, why);
}

int
link_mend(
    struct link *l, uint64_t epoch, struct rv rv, struct token_trouble *why)
{
	int64_t deadline = tick_now() + l->cfg.wait_ms;
	struct token_trouble local;
	int r;

	if (why == NULL)
		why = &local;
	(void)pthread_mutex_lock(&l->lock);
	if (l->epoch != epoch || l->stage != LINK_UP) {
		/* Another thread met it too; link_enter() waits for it. */
		(void)pthread_mutex_unlock(&l->lock);
		return TOKEN_OK;
	}
	l->stage = LINK_BUSY;
	l->recoveries++;
	(void)pthread_mutex_unlock(&l->lock);
	pool_shut(l->pool);
	r = link_empty(l, deadline, why);
	if (r == TOKEN_OK)
		r = repair(l, rv, why);
	return link_finish(l, r, why);
}

int
link_rescan(struct link *l, struct token_trouble *why)
{
	struct link_use use;
	char name[URI_TEXT_MAX];
	struct rv rv;
	int r;

	link_begin(l, &use);
	for (unsigned try = 0;; try++) {
		r = link_enter(l, &use, why);
		if (r != TOKEN_OK)
			return r;
		r = link_session(l, &use, &rv, why);
		if (r == TOKEN_OK)
			rv = scan(l, use.session);
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
