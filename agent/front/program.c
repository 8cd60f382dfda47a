#include "agent/front/program.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OVERDUE_MS 1000 /* the answer was lost: ask again */

void
program_init(struct program *g)
{
	memset(g, 0, sizeof(*g));
	g->pidfd = -1;
}

void
program_release(struct program *g)
{
	if (g->pidfd != -1)
		(void)close(g->pidfd);
	program_init(g);
}

void
program_await(struct program *g, pid_t pid, uint64_t now_ms)
{
	program_release(g);
	g->pid = pid;
	g->asked = now_ms;
}

bool
program_awaited(const struct program *g, pid_t pid, uint64_t now_ms)
{
	return g->pid == pid && g->asked != 0 && !g->known &&
	       now_ms - g->asked < OVERDUE_MS;
}

bool
program_told(struct program *g, const struct link_program *word, int pidfd,
    size_t pending)
{
	if (g->known || g->asked == 0 || (pid_t)word->who.pid != g->pid) {
		if (pidfd != -1)
			(void)close(pidfd);
		return false;
	}
	g->known = true;
	g->pidfd = pidfd;
	g->sections = pidfd == -1 ? 0 : word->sections;
	g->stale = pending;
	(void)snprintf(g->path, sizeof(g->path), "%s", word->path);
	(void)snprintf(g->trouble, sizeof(g->trouble), "%s", word->trouble);
	return true;
}

bool
program_early(struct program *g, size_t len)
{
	if (!g->known)
		return true;
	if (g->stale == 0)
		return false;
	g->stale -= len < g->stale ? len : g->stale;
	return true;
}

uint64_t
program_sections(const struct program *g, pid_t pid)
{
	struct pollfd p = {.fd = g->pidfd, .events = POLLIN};

	if (!g->known || g->pid != pid || g->sections == 0)
		return 0;
	/* Readable: it ended, and its number may be another's. */
	return poll(&p, 1, 0) == 0 ? g->sections : 0;
}
