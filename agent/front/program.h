/*
 * Which program asks over a connection, for rules that name programs. It is
 * that of the process which sends the request, not of the one that connected;
 * and a request counts for it only if it was sent after the supervisor had
 * looked at the process: what a process sends before it becomes another
 * program is not that program's. docs/decisions/0014 has the reasons.
 */
#ifndef AGENT_FRONT_PROGRAM_H
#define AGENT_FRONT_PROGRAM_H

#include "agent/conf.h"
#include "agent/link.h"

struct program {
	pid_t pid; /* of whom it tells; 0: of nobody */
	bool known;
	int pidfd;         /* that very process; -1: it cannot be seen */
	uint64_t asked;    /* ms, monotonic */
	uint64_t sections; /* whose program it runs, while it lives */
	size_t stale;      /* bytes sent before that was known */
	char path[512];    /* "": it cannot be seen */
	char trouble[256]; /* why */
};

void program_init(struct program *g);
void program_release(struct program *g); /* as it was after init */

/* Forgets what it knew, and awaits word of this process. */
void program_await(struct program *g, pid_t pid, uint64_t now_ms);

/* Is the word awaited, and not overdue? */
bool program_awaited(const struct program *g, pid_t pid, uint64_t now_ms);

/*
 * The word came. pidfd is taken over; pending: bytes that wait in the
 * connection now. False if it is of no interest any more.
 */
bool program_told(struct program *g, const struct link_program *word, int pidfd,
    size_t pending);

/* A packet of so many bytes came: was it sent before the program was known? */
bool program_early(struct program *g, size_t len);

/* Bit i: section i names the program that this process runs. */
uint64_t program_sections(const struct program *g, pid_t pid);

#endif
