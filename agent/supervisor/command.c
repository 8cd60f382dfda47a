#include "agent/supervisor/command.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In the child: waits for the socket's path, then is the command. */
static void
wait_and_run(int gate, char **argv)
{
	char socket[PATH_MAX];
	ssize_t n;

	do
		n = read(gate, socket, sizeof(socket) - 1);
	while (n == -1 && errno == EINTR);
	(void)close(gate);
	if (n <= 0)
		_exit(1); /* the daemon could not start, and said why */
	socket[n] = '\0';
	if (setenv("SEALPOINT_AGENT", socket, 1) == 0)
		(void)execvp(argv[0], argv);
	(void)fprintf(stderr, "sealpointd: %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

int
command_prepare(struct command *c, char **argv)
{
	int ends[2];

	c->gate = -1;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	c->pid = fork();
	if (c->pid == 0) {
		(void)close(ends[1]);
		wait_and_run(ends[0], argv);
	}
	(void)close(ends[0]);
	c->gate = ends[1];
	return c->pid == -1 ? -1 : 0;
}

int
command_go(struct command *c, const char *socket)
{
	ssize_t n = write(c->gate, socket, strlen(socket));

	(void)close(c->gate);
	c->gate = -1;
	return n == (ssize_t)strlen(socket) ? 0 : -1;
}

int
command_status(int wstatus)
{
	if (WIFEXITED(wstatus))
		return WEXITSTATUS(wstatus);
	return 128 + WTERMSIG(wstatus);
}
