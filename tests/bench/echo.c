#include <sys/prctl.h>
#include <sys/socket.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/bench.h"

#define REQUEST_LEN 96 /* of a SIGN packet with a digest, roughly */

struct pair {
	int fd;
	_Atomic uint32_t *work_ns;
};

static uint64_t
worked_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The far end: one process for each connection, as cheap as can be. The
 * request begins with how long to work for it. */
static void
answer(int fd)
{
	char buf[REQUEST_LEN];
	uint32_t work;
	ssize_t n;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		memcpy(&work, buf, sizeof(work));
		if (work != 0)
			for (uint64_t end = worked_ns() + work;
			     worked_ns() < end;)
				;
		if (send(fd, buf, (size_t)n, MSG_NOSIGNAL) != n)
			break;
	}
	_exit(0);
}

static void *
open_pair(void *arg)
{
	struct pair *p = malloc(sizeof(*p));
	int ends[2];

	if (p == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0) {
		free(p);
		(void)fputs("bench: no socket pair\n", stderr);
		return NULL;
	}
	if (fork() == 0) {
		(void)close(ends[0]);
		answer(ends[1]);
	}
	(void)close(ends[1]);
	p->fd = ends[0];
	p->work_ns = arg;
	return p;
}

static int
round_trip(void *one)
{
	const struct pair *p = one;
	uint32_t work = p->work_ns == NULL ? 0 : atomic_load(p->work_ns);
	char buf[REQUEST_LEN] = {0};

	memcpy(buf, &work, sizeof(work));
	return send(p->fd, buf, sizeof(buf), MSG_NOSIGNAL) == sizeof(buf) &&
		       recv(p->fd, buf, sizeof(buf), 0) == sizeof(buf)
		   ? 0
		   : 1;
}

static void
close_pair(void *one)
{
	struct pair *p = one;

	(void)close(p->fd);
	free(p);
}

int
echo_load(_Atomic uint32_t *work_ns, struct load *l)
{
	l->open = open_pair;
	l->step = round_trip;
	l->close = close_pair;
	l->arg = work_ns;
	return 0;
}
