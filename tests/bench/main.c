/*
 * Measures some things in turn; tests/bench/run makes a comparison of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench.h"

/* How long a direct signature takes: what the echo works for an answer. */
static _Atomic uint32_t direct_ns;

static int
usage(void)
{
	(void)fputs(
	    "usage: bench -n THREADS -r ROUNDS -s SECONDS [-w PID]...\n"
	    "             [-m MODULE -t TOKEN -p PIN-FILE]\n"
	    "             [-a SOCKET -k THUMBPRINT] [-K rsa|ec] NAME...\n"
	    "NAME: direct agent echo echo-after registration inventory\n",
	    stderr);
	return 2;
}

static int
load_open(const struct bench_place *b, struct load *l)
{
	if (strcmp(l->name, "direct") == 0) {
		l->p50_ns = &direct_ns;
		return direct_load(b, l);
	}
	if (strcmp(l->name, "agent") == 0)
		return agent_load(b, l);
	if (strcmp(l->name, "echo") == 0)
		return echo_load(NULL, l);
	if (strcmp(l->name, "echo-after") == 0)
		return echo_load(&direct_ns, l);
	if (strcmp(l->name, "registration") == 0)
		return seal_load(b, BENCH_REGISTRATION, l);
	if (strcmp(l->name, "inventory") == 0)
		return seal_load(b, BENCH_INVENTORY, l);
	return usage();
}

static int
option(int c, const char *value, struct bench_place *b, struct load_plan *p)
{
	switch (c) {
	case 'n':
		p->threads = (unsigned)strtoul(value, NULL, 10);
		break;
	case 'r':
		p->rounds = (unsigned)strtoul(value, NULL, 10);
		break;
	case 's':
		p->seconds = strtod(value, NULL);
		break;
	case 'w':
		if (p->nwatched == LOAD_WATCHED_MAX)
			return usage();
		p->watched[p->nwatched++] = (pid_t)strtol(value, NULL, 10);
		break;
	case 'm':
		b->module = value;
		break;
	case 't':
		b->token = value;
		break;
	case 'p':
		b->pin_file = value;
		break;
	case 'a':
		b->socket = value;
		break;
	case 'k':
		b->thumbprint = value;
		break;
	case 'K':
		b->key = strcmp(value, "ec") == 0 ? BENCH_EC : BENCH_RSA;
		break;
	default:
		return usage();
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct load loads[LOADS_MAX] = {0};
	struct load_plan plan = {.loads = loads, .rounds = 1, .seconds = 1};
	struct bench_place place = {.thumbprint = ""};
	int c, status = 0;

	while ((c = getopt(argc, argv, "n:r:s:w:m:t:p:a:k:K:")) != -1)
		if ((status = option(c, optarg, &place, &plan)) != 0)
			return status;
	if (optind == argc || argc - optind > LOADS_MAX)
		return usage();
	for (; status == 0 && optind < argc; optind++) {
		struct load *l = &loads[plan.nloads++];

		l->name = argv[optind];
		status = load_open(&place, l);
	}
	return status == 0 ? load_run(&plan) : status;
}
