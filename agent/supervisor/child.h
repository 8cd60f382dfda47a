/*
 * A child process that is kept alive: started as a fresh program, started
 * again after it ended, ever more slowly while it ends at once. Knows nothing
 * of what the program does.
 */
#ifndef AGENT_SUPERVISOR_CHILD_H
#define AGENT_SUPERVISOR_CHILD_H

#include <stdint.h>
#include <sys/types.h>

struct child {
	const char *program; /* file name; beside our own, or in libexec */
	pid_t pid;           /* 0: not running */
	uint64_t started;    /* ms, monotonic */
	uint64_t due;        /* when to start it again */
	unsigned delay_ms;   /* before the next start */
	uint32_t starts;     /* so far */
};

uint64_t child_now(void); /* ms, monotonic */

/* Is the program there? 0, or -1 with errno. */
int child_check(const char *program);

/*
 * Forks and execs it with fds[i] as descriptor 3 + i, and nothing else but
 * standard error; arguments as in argv, argv[0] excepted. 0, or -1 with
 * errno. It dies with us.
 */
int child_start(struct child *c, char *const *argv, const int *fds, int nfds);

/* It came to be of use: its next start need not wait long. */
void child_ready(struct child *c);

/* It ended: notes when it is due again. */
void child_ended(struct child *c);

#endif
