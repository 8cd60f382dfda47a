#include "pkcs11/tick.h"

#include <time.h>

int64_t
tick_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void
tick_nap(unsigned ms)
{
	struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

	(void)nanosleep(&t, NULL);
}

unsigned
tick_jitter(unsigned ms)
{
	struct timespec t;

	/* The clock's last digits are random enough to part two threads. */
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return ms - (unsigned)(t.tv_nsec / 64 % (ms / 2 + 1));
}

int
tick_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;
	int r;

	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	r = pthread_cond_init(cond, &attr);
	(void)pthread_condattr_destroy(&attr);
	return r == 0 ? 0 : -1;
}

bool
tick_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until)
{
	struct timespec t = {until / 1000, until % 1000 * 1000000};

	return pthread_cond_timedwait(cond, lock, &t) == 0;
}
