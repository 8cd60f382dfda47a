/*
 * A load: threads that repeat one operation for a while, timed one by one.
 * Several loads take turns in short slices of one process, so that what else
 * happens on the machine meets all of them alike. Knows nothing of what the
 * operations do.
 */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include <sys/types.h>

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define LOADS_MAX 8
#define LOAD_WATCHED_MAX 16

/* open() makes what one thread needs (NULL: it failed and said why); step()
 * does the operation once, 0 if it went well; close() ends it. */
struct load {
	const char *name;
	void *(*open)(void *arg);
	int (*step)(void *one);
	void (*close)(void *one);
	void *arg;
	_Atomic uint32_t *p50_ns; /* told after each slice; NULL: to nobody */
};

struct load_plan {
	const struct load *loads; /* at most LOADS_MAX */
	size_t nloads;
	unsigned threads;
	unsigned rounds; /* each gives every load a slice, to and fro */
	double seconds;  /* a slice's length */
	/* Processes that work for this one: their time counts as its own. */
	pid_t watched[LOAD_WATCHED_MAX];
	size_t nwatched;
};

/*
 * Runs the plan and prints a line of JSON for each slice:
 *	{"round": 0, "name": ..., "ops": per second, "p50_us": ...,
 *	 "p99_us": ..., "cpu_us": processor time of an operation}
 * Returns the exit status.
 */
int load_run(const struct load_plan *p);

#endif
