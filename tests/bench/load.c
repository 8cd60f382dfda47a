#include "tests/bench/load.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define THREADS_MAX 256
/* Durations that one thread keeps of a slice; more are only counted. */
#define SAMPLES_MAX (1u << 16)
#define WARM_UP_S 0.05

/* What the threads and the one that leads them share. */
struct floor {
	const struct load_plan *plan;
	pthread_barrier_t gate; /* all meet before and after each slice */
	_Atomic(const struct load *) turn; /* NULL: home */
	_Atomic bool measure, stop;
	_Atomic int failed;
};

struct runner {
	struct floor *floor;
	pthread_t thread;
	void *ones[LOADS_MAX];
	uint32_t *ns; /* duration of each operation */
	size_t n;
	uint64_t done;
};

static uint64_t
clock_ns(clockid_t id)
{
	struct timespec ts = {0};

	(void)clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Processor time so far of this process and of those that work for it. */
static uint64_t
cpu_ns(const struct load_plan *p)
{
	uint64_t sum = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	clockid_t id;

	for (size_t i = 0; i < p->nwatched; i++)
		if (clock_getcpuclockid(p->watched[i], &id) == 0)
			sum += clock_ns(id);
	return sum;
}

/* Only what ends while it is measured counts. */
static void
take_turn(struct runner *r, const struct load *l)
{
	struct floor *f = r->floor;
	void *one = r->ones[l - f->plan->loads];

	r->n = 0;
	r->done = 0;
	while (!atomic_load(&f->stop)) {
		bool measured = atomic_load(&f->measure);
		uint64_t start = clock_ns(CLOCK_MONOTONIC), took;

		if (l->step(one) != 0) {
			atomic_store(&f->failed, 1);
			return;
		}
		took = clock_ns(CLOCK_MONOTONIC) - start;
		if (!atomic_load(&f->measure))
			continue;
		r->done++;
		if (measured && r->n < SAMPLES_MAX)
			r->ns[r->n++] =
			    took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
	}
}

static void *
run(void *arg)
{
	struct runner *r = arg;
	const struct load *l;

	for (;;) {
		(void)pthread_barrier_wait(&r->floor->gate);
		l = atomic_load(&r->floor->turn);
		if (l == NULL)
			return NULL;
		take_turn(r, l);
		(void)pthread_barrier_wait(&r->floor->gate);
	}
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
report(const struct runner *r, const struct load *l, unsigned round,
    uint64_t took_ns, uint64_t cpu)
{
	unsigned threads = r->floor->plan->threads;
	uint64_t done = 0;
	uint32_t *all;
	size_t n = 0;

	for (unsigned i = 0; i < threads; i++)
		n += r[i].n;
	all = calloc(n + 1, sizeof(*all));
	if (all == NULL || n == 0) {
		free(all);
		(void)fprintf(stderr, "bench: %s: nothing done\n", l->name);
		return 1;
	}
	n = 0;
	for (unsigned i = 0; i < threads; i++) {
		for (size_t k = 0; k < r[i].n; k++)
			all[n++] = r[i].ns[k];
		done += r[i].done;
	}
	qsort(all, n, sizeof(*all), ascending);
	if (l->p50_ns != NULL)
		atomic_store(l->p50_ns, all[n / 2]);
	(void)printf("{\"round\": %u, \"name\": \"%s\", \"ops\": %.1f, "
		     "\"p50_us\": %.1f, \"p99_us\": %.1f, \"cpu_us\": %.1f}\n",
	    round, l->name, (double)done * 1e9 / (double)took_ns,
	    all[n / 2] / 1e3, all[n * 99 / 100] / 1e3,
	    (double)cpu / 1e3 / (double)done);
	free(all);
	return 0;
}

static int
slice(struct floor *f, const struct runner *r, const struct load *l,
    unsigned round)
{
	uint64_t start, end, cpu;

	atomic_store(&f->turn, l);
	atomic_store(&f->stop, false);
	(void)pthread_barrier_wait(&f->gate);
	nap(WARM_UP_S);
	cpu = cpu_ns(f->plan);
	start = clock_ns(CLOCK_MONOTONIC);
	atomic_store(&f->measure, true);
	nap(f->plan->seconds);
	atomic_store(&f->measure, false);
	end = clock_ns(CLOCK_MONOTONIC);
	cpu = cpu_ns(f->plan) - cpu;
	atomic_store(&f->stop, true);
	(void)pthread_barrier_wait(&f->gate);
	if (atomic_load(&f->failed))
		return 1;
	return report(r, l, round, end - start, cpu);
}

static int
lead(struct floor *f, const struct runner *r)
{
	const struct load_plan *p = f->plan;
	int status = 0;

	for (unsigned round = 0; status == 0 && round < p->rounds; round++)
		for (size_t i = 0; status == 0 && i < p->nloads; i++) {
			size_t turn = round % 2 == 0 ? i : p->nloads - 1 - i;

			status = slice(f, r, &p->loads[turn], round);
		}
	atomic_store(&f->turn, NULL);
	(void)pthread_barrier_wait(&f->gate);
	return status;
}

static int
prepare(struct runner *r, struct floor *f)
{
	const struct load_plan *p = f->plan;

	r->floor = f;
	r->ns = calloc(SAMPLES_MAX, sizeof(*r->ns));
	for (size_t i = 0; r->ns != NULL && i < p->nloads; i++) {
		r->ones[i] = p->loads[i].open(p->loads[i].arg);
		if (r->ones[i] == NULL)
			return 1;
	}
	return r->ns == NULL ? 1 : 0;
}

static void
release(struct runner *r, const struct load_plan *p)
{
	for (size_t i = 0; i < p->nloads; i++)
		if (r->ones[i] != NULL)
			p->loads[i].close(r->ones[i]);
	free(r->ns);
}

int
load_run(const struct load_plan *p)
{
	static struct runner r[THREADS_MAX];
	struct floor f = {.plan = p};
	unsigned n = 0;
	int status = 0;

	if (p->threads == 0 || p->threads > THREADS_MAX ||
	    p->nloads > LOADS_MAX || p->seconds <= 0)
		return 2;
	if (pthread_barrier_init(&f.gate, NULL, p->threads + 1) != 0)
		return 1;
	while (status == 0 && n < p->threads)
		status = prepare(&r[n++], &f);
	for (unsigned i = 0; status == 0 && i < n; i++)
		if (pthread_create(&r[i].thread, NULL, run, &r[i]) != 0)
			exit(1); /* those before wait at the gate for good */
	if (status == 0) {
		status = lead(&f, r);
		for (unsigned i = 0; i < n; i++)
			(void)pthread_join(r[i].thread, NULL);
	}
	for (unsigned i = 0; i < n; i++)
		release(&r[i], p);
	(void)pthread_barrier_destroy(&f.gate);
	return status;
}
