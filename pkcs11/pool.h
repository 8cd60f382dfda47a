/*
 * A pool of sessions for operations: opened when needed, one operation on
 * each at a time, never more than configured or than the token bears. Every
 * wait ends. Knows nothing of logins and keys.
 */
#ifndef PKCS11_POOL_H
#define PKCS11_POOL_H

#include "pkcs11/module.h"

#define POOL_MAX 256

enum pool_answer {
	POOL_OK = 0,
	POOL_SHUT = -1,   /* the token is being set up anew; ask again later */
	POOL_BUSY = -2,   /* none came free in time */
	POOL_FAILED = -3, /* C_OpenSession failed */
};

struct pool;

/* sessions as in token_config, with the default put in. */
int pool_open(struct pool **pp, struct module *m, unsigned sessions);
void pool_close(struct pool *p); /* NULL-safe; closes no session */

/*
 * Serves sessions of that slot. The token bears `limit` in all, with the one
 * in reserve, if that is not 0.
 */
void pool_start(struct pool *p, unsigned long slot, unsigned long limit);

/*
 * A session that is open, and lent only if the token has no other one left
 * for us. Only after pool_start(). The caller's, as before, until then; after
 * pool_drain() it is closed if it was lent. Given back to be closed, it shuts
 * the pool.
 */
void pool_reserve(struct pool *p, unsigned long session);

/* Takes it back, until pool_reserve(): 0 if it is lent, or there is none. */
unsigned long pool_unreserve(struct pool *p);

/* Serves no more, and wakes those who wait. */
void pool_shut(struct pool *p);

/* Closes the sessions that nobody holds. */
void pool_drain(struct pool *p);

/*
 * Waits until the deadline, as tick_now() counts. *rv: what C_OpenSession
 * said last. A session that was taken must be given back: good as it was, or
 * (keep false) to be closed.
 */
enum pool_answer pool_take(
    struct pool *p, int64_t deadline, unsigned long *session, struct rv *rv);
void pool_give(struct pool *p, unsigned long session, bool keep);

/*
 * Whether a session would not be closed since pool_start(): it counts against
 * the token's limit until all are closed at once.
 */
bool pool_leaks(struct pool *p);

/*
 * Uses each session that was idle for ms, so that the token does not drop it.
 * *rv: the failure of one, which is closed. Returns in how many milliseconds
 * the next is due, or 0.
 */
unsigned pool_keepalive(
    struct pool *p, unsigned ms, bool random, struct rv *rv);

unsigned pool_size(struct pool *p); /* sessions that are open */

#endif
