#include "pkcs11/pool.h"

#include <pthread.h>
#include <stdlib.h>

#include <p11-kit/pkcs11.h>

#include "pkcs11/tick.h"

#define FULL_MS 100 /* after CKR_SESSION_COUNT, try again this much later */
#define FAIR_MS 10  /* who waits longer goes before who comes */

struct waiter {
	struct waiter *next;
	pthread_cond_t wake;
	int64_t since;
};

struct rest {
	unsigned long session;
	int64_t since;
};

struct pool {
	struct module *module;
	unsigned configured;
	pthread_mutex_t lock; /* of all below */
	unsigned long slot;
	unsigned max;
	bool open;
	unsigned nopen; /* idle or taken */
	unsigned nidle;
	int64_t full_until; /* the token had no session for us */
	struct waiter *first, **last;
	unsigned leaked;       /* open on the token, and not to be closed */
	unsigned long reserve; /* 0 if none, or if it was lent */
	unsigned long lent;    /* what was the reserve; 0 if it was not */
	struct rest idle[POOL_MAX];
};

int
pool_open(struct pool **pp, struct module *m, unsigned sessions)
{
	struct pool *p = calloc(1, sizeof(*p));

	*pp = p;
	if (p == NULL)
		return TOKEN_ENOMEM;
	p->module = m;
	p->configured = sessions < POOL_MAX ? sessions : POOL_MAX;
	p->last = &p->first;
	if (pthread_mutex_init(&p->lock, NULL) == 0)
		return TOKEN_OK;
	free(p);
	*pp = NULL;
	return TOKEN_ENOMEM;
}

void
pool_close(struct pool *p)
{
	if (p == NULL)
		return;
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

/* Who waits longest may look again. */
static void
call(struct pool *p)
{
	if (p->first != NULL)
		(void)pthread_cond_signal(&p->first->wake);
}

void
pool_start(struct pool *p, unsigned long slot, unsigned long limit)
{
	(void)pthread_mutex_lock(&p->lock);
	p->slot = slot;
	p->max = p->configured;
	if (limit != 0 && limit - 1 < p->max)
		p->max = (unsigned)(limit - 1);
	p->full_until = 0;
	p->leaked = 0;
	p->reserve = p->lent = 0;
	p->open = true;
	(void)pthread_mutex_unlock(&p->lock);
}

void
pool_reserve(struct pool *p, unsigned long session)
{
	(void)pthread_mutex_lock(&p->lock);
	p->reserve = session;
	call(p);
	(void)pthread_mutex_unlock(&p->lock);
}

unsigned long
pool_unreserve(struct pool *p)
{
	unsigned long session;

	(void)pthread_mutex_lock(&p->lock);
	session = p->reserve;
	p->reserve = 0;
	(void)pthread_mutex_unlock(&p->lock);
	return session;
}

/* Locked. */
static void
shut(struct pool *p)
{
	p->open = false;
	for (struct waiter *w = p->first; w != NULL; w = w->next)
		(void)pthread_cond_signal(&w->wake);
}

void
pool_shut(struct pool *p)
{
	(void)pthread_mutex_lock(&p->lock);
	shut(p);
	(void)pthread_mutex_unlock(&p->lock);
}

/* How many sessions it leaves open on the token: 0, or 1. */
static unsigned
discard(const struct pool *p, unsigned long session)
{
	struct rv rv = module_session_close(p->module, session);

	if (!rv_ok(rv) && rv_class(rv) != RV_SESSION)
		rv = module_session_close(p->module, session);
	return !rv_ok(rv) && rv_class(rv) != RV_SESSION;
}

bool
pool_leaks(struct pool *p)
{
	bool leaks;

	(void)pthread_mutex_lock(&p->lock);
	leaks = p->leaked > 0;
	(void)pthread_mutex_unlock(&p->lock);
	return leaks;
}

void
pool_drain(struct pool *p)
{
	(void)pthread_mutex_lock(&p->lock);
	for (; p->nidle > 0; p->nopen--)
		p->leaked += discard(p, p->idle[--p->nidle].session);
	p->reserve = 0;
	call(p);
	(void)pthread_mutex_unlock(&p->lock);
}

/* Whether I may take what is there, or must let another go first. */
static bool
my_turn(const struct pool *p, const struct waiter *me)
{
	return p->first == NULL || p->first == me ||
	       tick_now() - p->first->since < FAIR_MS;
}

/* The token has no session more for us: then the reserve must do. */
static bool
lend(struct pool *p, unsigned long *session, struct rv *rv)
{
	if (p->nopen > 0 || p->reserve == 0)
		return false;
	*session = p->lent = p->reserve;
	p->reserve = 0;
	p->nopen++;
	rv->value = CKR_OK;
	return true;
}

/* Opens one more session if the pool may; true if *answer is settled. */
static bool
grow(struct pool *p, unsigned long *session, struct rv *rv,
    enum pool_answer *answer)
{
	unsigned long slot = p->slot;

	*answer = POOL_OK;
	if (p->nopen >= p->max)
		return lend(p, session, rv);
	if (p->full_until != 0 && tick_now() < p->full_until)
		return false;
	p->nopen++;
	(void)pthread_mutex_unlock(&p->lock);
	*rv = module_session_open(p->module, slot, session);
	(void)pthread_mutex_lock(&p->lock);
	*answer = POOL_OK;
	p->full_until = 0;
	if (rv_ok(*rv))
		return true;
	p->nopen--;
	call(p);
	*answer = POOL_FAILED;
	if (rv->value != CKR_SESSION_COUNT && rv->value != CKR_DEVICE_MEMORY)
		return true;
	*answer = POOL_OK;
	if (lend(p, session, rv))
		return true;
	/* Others hold the token's sessions: wait for ours, or for theirs. */
	p->full_until = tick_now() + FULL_MS;
	return false;
}

static void
queue(struct pool *p, struct waiter *me)
{
	(void)tick_cond_init(&me->wake);
	me->next = NULL;
	me->since = tick_now();
	*p->last = me;
	p->last = &me->next;
}

static void
leave(struct pool *p, struct waiter *me)
{
	struct waiter **at = &p->first;

	while (*at != me)
		at = &(*at)->next;
	*at = me->next;
	if (p->last == &me->next)
		p->last = at;
	(void)pthread_cond_destroy(&me->wake);
	/* Whatever woke me may be there for the next one as well. */
	call(p);
}

static void
rest(struct pool *p, struct waiter *me, int64_t deadline)
{
	if (p->full_until <= tick_now())
		p->full_until = 0;
	if (p->full_until != 0 && p->full_until < deadline)
		deadline = p->full_until;
	(void)tick_wait(&me->wake, &p->lock, deadline);
}

enum pool_answer
pool_take(
    struct pool *p, int64_t deadline, unsigned long *session, struct rv *rv)
{
	enum pool_answer answer = POOL_SHUT;
	struct waiter me, *queued = NULL;

	*session = 0;
	rv->value = CKR_OK;
	rv->call = "C_OpenSession";
	(void)pthread_mutex_lock(&p->lock);
	while (p->open) {
		if (my_turn(p, queued)) {
			answer = POOL_OK;
			if (p->nidle > 0) {
				*session = p->idle[--p->nidle].session;
				break;
			}
			if (grow(p, session, rv, &answer))
				break;
		}
		if (queued == NULL) {
			queue(p, &me);
			queued = &me;
		}
		answer = POOL_BUSY;
		if (tick_now() >= deadline)
			break;
		rest(p, &me, deadline);
		answer = POOL_SHUT;
	}
	if (queued != NULL)
		leave(p, queued);
	(void)pthread_mutex_unlock(&p->lock);
	return answer;
}

void
pool_give(struct pool *p, unsigned long session, bool keep)
{
	unsigned leaked = keep ? 0 : discard(p, session);

	(void)pthread_mutex_lock(&p->lock);
	if (keep)
		p->idle[p->nidle++] = (struct rest){session, tick_now()};
	else
		p->nopen--;
	p->leaked += leaked;
	/* There is no other, and nothing to lend any more. */
	if (!keep && session == p->lent)
		shut(p);
	call(p);
	(void)pthread_mutex_unlock(&p->lock);
}

/* The session that was idle longest, taken out if that was for ms. */
static unsigned long
take_old(struct pool *p, unsigned ms, unsigned *left)
{
	unsigned long session = 0;
	unsigned oldest = 0;
	int64_t due;

	*left = 0;
	(void)pthread_mutex_lock(&p->lock);
	for (unsigned i = 1; i < p->nidle; i++)
		if (p->idle[i].since < p->idle[oldest].since)
			oldest = i;
	if (!p->open || p->nidle == 0)
		goto out;
	due = p->idle[oldest].since + ms - tick_now();
	if (due > 0) {
		*left = (unsigned)due;
		goto out;
	}
	session = p->idle[oldest].session;
	p->idle[oldest] = p->idle[--p->nidle];
out:
	(void)pthread_mutex_unlock(&p->lock);
	return session;
}

unsigned
pool_keepalive(struct pool *p, unsigned ms, bool random, struct rv *rv)
{
	unsigned long session;
	unsigned left;

	rv->value = CKR_OK;
	while ((session = take_old(p, ms, &left)) != 0) {
		struct rv one = module_ping(p->module, session, random);

		if (!rv_ok(one))
			*rv = one;
		pool_give(p, session, rv_ok(one));
	}
	return left;
}

unsigned
pool_size(struct pool *p)
{
	unsigned n;

	(void)pthread_mutex_lock(&p->lock);
	n = p->nopen;
	(void)pthread_mutex_unlock(&p->lock);
	return n;
}
