/*
 * A tick: the one clock of this folder, monotonic, in milliseconds, with the
 * waits that go by it. Knows nothing of what is waited for.
 */
#ifndef PKCS11_TICK_H
#define PKCS11_TICK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

int64_t tick_now(void);
void tick_nap(unsigned ms);

/* A span between half of ms and ms, so that not all come back at once. */
unsigned tick_jitter(unsigned ms);

int tick_cond_init(pthread_cond_t *cond);

/* False once it is `until`; true if woken before, for whatever reason. */
bool tick_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until);

#endif
