#include <sys/prctl.h>
#include <sys/socket.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/bench/bench.h"
#include "tests/bench/load.h"

#define REQUEST_LEN 96 /* of a SIGN packet with a digest, roughly */

/* The far end: one process for each connection, as cheap as can be. */
static void
answer(int fd)
{
	char buf[REQUEST_LEN];
	ssize_t n;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
		if (send(fd, buf, (size_t)n, MSG_NOSIGNAL) != n)
			break;
	_exit(0);
}

static void *
open_pair(void *arg)
{
	int ends[2], *mine = malloc(sizeof(*mine));

	(void)arg;
	if (mine == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0) {
		free(mine);
		return NULL;
	}
	if (fork() == 0) {
		(void)close(ends[0]);
		answer(ends[1]);
	}
	(void)close(ends[1]);
	*mine = ends[0];
	return mine;
}

static int
round_trip(void *one)
{
	char buf[REQUEST_LEN] = {0};
	const int *fd = one;

	return send(*fd, buf, sizeof(buf), MSG_NOSIGNAL) == sizeof(buf) &&
		       recv(*fd, buf, sizeof(buf), 0) == sizeof(buf)
		   ? 0
		   : 1;
}

static void
close_pair(void *one)
{
	int *fd = one;

	(void)close(*fd);
	free(fd);
}

int
echo_run(unsigned clients, double seconds)
{
	const struct load l = {open_pair, round_trip, close_pair, NULL};

	return load_run(&l, clients, seconds);
}
