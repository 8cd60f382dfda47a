#include "pkcs11/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include <p11-kit/pkcs11.h>

#define FULL_MS 100 /* after CKR_SESSION_COUNT, try again this much later */
#define FAIR_MS 10  /* who waits longer goes before who comes */

struct waiter {
	struct waiter *next;
	pthread_cond_t wake;
	int64_t since;
};

struct pool {
	struct module *module;
	unsigned configured;
	unsigned wait_ms;
	pthread_mutex_t lock; /* of all below */
	unsigned long slot;
	unsigned max;
	bool open;
	unsigned nopen; /* idle or taken */
	unsigned nidle;
	int64_t full_until; /* the token had no session for us */
	struct waiter *first, **last;
	unsigned long idle[POOL_MAX];
};

static int64_t
now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int
pool_open(
    struct pool **pp, struct module *m, unsigned sessions, unsigned wait_ms)
{
	struct pool *p = calloc(1, sizeof(*p));

	*pp = p;
	if (p == NULL)
		return TOKEN_ENOMEM;
	p->module = m;
	p->configured = sessions < POOL_MAX ? sessions : POOL_MAX;
	p->wait_ms = wait_ms;
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
	if (limit != 0 && limit < p->max)
		p->max = (unsigned)limit;
	p->full_until = 0;
	p->open = true;
	(void)pthread_mutex_unlock(&p->lock);
}

void
pool_adopt(struct pool *p, unsigned long session)
{
	(void)pthread_mutex_lock(&p->lock);
	p->idle[p->nidle++] = session;
	p->nopen++;
	(void)pthread_mutex_unlock(&p->lock);
}

void
pool_shut(struct pool *p)
{
	(void)pthread_mutex_lock(&p->lock);
	p->open = false;
	for (struct waiter *w = p->first; w != NULL; w = w->next)
		(void)pthread_cond_signal(&w->wake);
	(void)pthread_mutex_unlock(&p->lock);
}

void
pool_drain(struct pool *p)
{
	(void)pthread_mutex_lock(&p->lock);
	for (; p->nidle > 0; p->nopen--)
		(void)module_session_close(p->module, p->idle[--p->nidle]);
	call(p);
	(void)pthread_mutex_unlock(&p->lock);
}

/* Whether I may take what is there, or must let another go first. */
static bool
my_turn(const struct pool *p, const struct waiter *me)
{
	return p->first == NULL || p->first == me ||
	       now_ms() - p->first->since < FAIR_MS;
}

/* Opens one more session if the pool may; true if *answer is settled. */
static bool
grow(struct pool *p, unsigned long *session, struct rv *rv,
    enum pool_answer *answer)
{
	unsigned long slot = p->slot;

	if (p->nopen >= p->max ||
	    (p->full_until != 0 && now_ms() < p->full_until))
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
	if (rv->value != CKR_SESSION_COUNT)
		return true;
	/* Others hold the token's sessions: wait for ours, or for theirs. */
	p->full_until = now_ms() + FULL_MS;
	return false;
}

static void
queue(struct pool *p, struct waiter *me)
{
	pthread_condattr_t attr;

	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&me->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
	me->next = NULL;
	me->since = now_ms();
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
	struct timespec until;

	if (p->full_until <= now_ms())
		p->full_until = 0;
	if (p->full_until != 0 && p->full_until < deadline)
		deadline = p->full_until;
	until.tv_sec = deadline / 1000;
	until.tv_nsec = deadline % 1000 * 1000000;
	(void)pthread_cond_timedwait(&me->wake, &p->lock, &until);
}

enum pool_answer
pool_take(struct pool *p, unsigned long *session, struct rv *rv)
{
	enum pool_answer answer = POOL_SHUT;
	struct waiter me, *queued = NULL;
	int64_t deadline = 0;

	*session = 0;
	rv->value = CKR_OK;
	rv->call = "C_OpenSession";
	(void)pthread_mutex_lock(&p->lock);
	while (p->open) {
		if (my_turn(p, queued)) {
			answer = POOL_OK;
			if (p->nidle > 0) {
				*session = p->idle[--p->nidle];
				break;
			}
			if (grow(p, session, rv, &answer))
				break;
		}
		if (queued == NULL) {
			queue(p, &me);
			queued = &me;
			deadline = me.since + p->wait_ms;
		}
		answer = POOL_BUSY;
		if (now_ms() >= deadline)
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
	if (!keep)
		(void)module_session_close(p->module, session);
	(void)pthread_mutex_lock(&p->lock);
	if (keep)
		p->idle[p->nidle++] = session;
	else
		p->nopen--;
	call(p);
	(void)pthread_mutex_unlock(&p->lock);
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
