#include "tests/bench/load.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define THREADS_MAX 256
/* Durations that one thread keeps; further operations are only counted. */
#define SAMPLES_MAX (1u << 20)
#define WARM_UP_S 0.2

enum phase { WARM, MEASURE, STOP };

struct runner {
	const struct load *load;
	pthread_t thread;
	void *one;
	uint32_t *ns; /* duration of each operation */
	size_t n;
	uint64_t done;
	int failed;
};

static _Atomic enum phase phase;

static uint64_t
now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void *
run(void *arg)
{
	struct runner *r = arg;
	enum phase at;

	while ((at = atomic_load(&phase)) != STOP) {
		uint64_t start = now_ns(), took;

		if (r->load->step(r->one) != 0) {
			r->failed = 1;
			return NULL;
		}
		took = now_ns() - start;
		if (at != MEASURE || atomic_load(&phase) != MEASURE)
			continue;
		r->done++;
		if (r->n < SAMPLES_MAX)
			r->ns[r->n++] =
			    took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
	}
	return NULL;
}

static void
nap(double seconds)
{
	struct timespec ts = {
	    (time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};

	(void)nanosleep(&ts, NULL);
}

static int
ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* All threads' samples in one; prints the line. */
static int
report(const struct runner *r, unsigned threads, double seconds)
{
	uint64_t done = 0;
	uint32_t *all;
	size_t n = 0;

	for (unsigned i = 0; i < threads; i++)
		n += r[i].n;
	all = calloc(n + 1, sizeof(*all));
	if (all == NULL || n == 0)
		return 1;
	n = 0;
	for (unsigned i = 0; i < threads; i++) {
		for (size_t k = 0; k < r[i].n; k++)
			all[n++] = r[i].ns[k];
		done += r[i].done;
	}
	qsort(all, n, sizeof(*all), ascending);
	(void)printf("{\"ops\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
	    (double)done / seconds, all[n / 2] / 1e3, all[n * 99 / 100] / 1e3);
	free(all);
	return 0;
}

int
load_run(const struct load *l, unsigned threads, double seconds)
{
	static struct runner r[THREADS_MAX];
	uint64_t start, end;
	int status = 0;

	if (threads == 0 || threads > THREADS_MAX)
		return 2;
	for (unsigned i = 0; i < threads; i++) {
		r[i].load = l;
		r[i].ns = calloc(SAMPLES_MAX, sizeof(*r[i].ns));
		r[i].one = l->open(l->arg);
		if (r[i].ns == NULL || r[i].one == NULL)
			return 1;
	}
	for (unsigned i = 0; i < threads; i++)
		if (pthread_create(&r[i].thread, NULL, run, &r[i]) != 0)
			return 1;
	nap(WARM_UP_S);
	start = now_ns();
	atomic_store(&phase, MEASURE);
	nap(seconds);
	end = now_ns();
	atomic_store(&phase, STOP);
	for (unsigned i = 0; i < threads; i++) {
		(void)pthread_join(r[i].thread, NULL);
		l->close(r[i].one);
		status |= r[i].failed;
	}
	if (status == 0)
		status = report(r, threads, (double)(end - start) / 1e9);
	for (unsigned i = 0; i < threads; i++)
		free(r[i].ns);
	return status;
}
