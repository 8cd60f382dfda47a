/*
 * One measurement; tests/bench/run makes a comparison of many.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bench.h"

static int
usage(void)
{
	(void)fputs(
	    "usage: bench direct MODULE TOKEN PIN-FILE rsa|ec THREADS "
	    "SECONDS\n       bench agent SOCKET THUMBPRINT rsa|ec CLIENTS "
	    "SECONDS\n       bench seal SOCKET THUMBPRINT "
	    "registration|inventory THREADS SECONDS\n       bench echo "
	    "CLIENTS SECONDS\n",
	    stderr);
	return 2;
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	enum bench_key key;
	unsigned threads;
	double seconds;

	if (argc < 4)
		return usage();
	threads = (unsigned)strtoul(argv[argc - 2], NULL, 10);
	seconds = strtod(argv[argc - 1], NULL);
	key = strcmp(argv[argc - 3], "ec") == 0 ? BENCH_EC : BENCH_RSA;
	if (strcmp(what, "direct") == 0 && argc == 8)
		return direct_run(
		    argv[2], argv[3], argv[4], key, threads, seconds);
	if (strcmp(what, "agent") == 0 && argc == 7)
		return agent_run(argv[2], argv[3], key, threads, seconds);
	if (strcmp(what, "seal") == 0 && argc == 7)
		return seal_run(argv[2], argv[3],
		    strcmp(argv[4], "inventory") == 0 ? BENCH_INVENTORY
						      : BENCH_REGISTRATION,
		    threads, seconds);
	if (strcmp(what, "echo") == 0 && argc == 4)
		return echo_run(threads, seconds);
	return usage();
}
