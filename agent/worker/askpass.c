#include "agent/worker/askpass.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/link.h"

static uint64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Waits until fd can be read: false at the deadline. */
static bool
ready(int fd, uint64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t now;

	while ((now = now_ms()) < deadline) {
		int r = poll(&p, 1, (int)(deadline - now));

		if (r > 0)
			return true;
		if (r < 0 && errno != EINTR)
			return false;
	}
	return false;
}

/* The end of the pipe; -1: the program cannot be started. */
static int
start(int socket, const char *words, uint64_t deadline)
{
	uint8_t answer[4];
	int pipe = -1;

	/* What was meant for a question that was given up. */
	while (
	    link_recv(socket, answer, sizeof(answer), &pipe, MSG_DONTWAIT) > 0)
		if (pipe != -1)
			(void)close(pipe);
	if (link_send(socket, words, strlen(words), NULL, 0, -1, 0) != 0 ||
	    !ready(socket, deadline) ||
	    link_recv(socket, answer, sizeof(answer), &pipe, MSG_DONTWAIT) <= 0)
		return -1;
	return pipe;
}

/* Reads to the end; false: not within the time. */
static bool
drain(struct secret *s, int pipe, uint64_t deadline, size_t *n)
{
	ssize_t r;

	*n = 0;
	do {
		if (!ready(pipe, deadline))
			return false;
		r = read(pipe, s->bytes + *n, SECRET_ROOM - *n);
		*n += r > 0 ? (size_t)r : 0;
	} while ((r > 0 && *n < SECRET_ROOM) || (r == -1 && errno == EINTR));
	return true;
}

int
askpass_read(struct secret *s, int socket, const char *program,
    const char *words, unsigned wait_ms, char *text, size_t textlen)
{
	uint64_t deadline = now_ms() + wait_ms;
	const char *wrong = NULL;
	bool all;
	size_t n;
	int pipe;

	secret_wipe(s);
	pipe = start(socket, words, deadline);
	if (pipe == -1) {
		(void)snprintf(text, textlen,
		    "%s cannot be run; see sealpointd's log, and mend pin = "
		    "askpass:",
		    program);
		return -1;
	}
	all = drain(s, pipe, deadline, &n);
	(void)close(pipe);
	if (all)
		wrong = secret_trim(s, n);
	if (all && wrong == NULL)
		return 0;
	secret_wipe(s);
	if (!all)
		(void)snprintf(text, textlen,
		    "%s gave no answer within %u ms; see that somebody is "
		    "there to give it, or raise start",
		    program, wait_ms);
	else
		(void)snprintf(
		    text, textlen, "the answer of %s %s", program, wrong);
	return -1;
}
