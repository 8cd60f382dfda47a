/*
 * A load: threads that repeat one operation for a while, timed one by one.
 * Knows nothing of what the operation does.
 */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

/* open() makes what one thread needs (NULL: it failed and said why); step()
 * does the operation once, 0 if it went well; close() ends it. */
struct load {
	void *(*open)(void *arg);
	int (*step)(void *one);
	void (*close)(void *one);
	void *arg;
};

/*
 * Runs it with so many threads, warms up, measures, and prints one line of
 * JSON: {"ops": per second, "p50_us": ..., "p99_us": ...}. The exit status.
 */
int load_run(const struct load *l, unsigned threads, double seconds);

#endif
