/*
 * The command that `sealpointd -- COMMAND` runs for as long as it takes, with
 * SEALPOINT_AGENT set. It is forked before the daemon hardens itself, so that
 * it is the user's ordinary process, and waits until the agent listens.
 */
#ifndef AGENT_SUPERVISOR_COMMAND_H
#define AGENT_SUPERVISOR_COMMAND_H

#include <sys/types.h>

struct command {
	pid_t pid;
	int gate; /* closing it ends the command, writing to it starts it */
};

/* Forks; the child waits. 0, or -1 with errno. */
int command_prepare(struct command *c, char **argv);

/* The agent listens on socket: go. */
int command_go(struct command *c, const char *socket);

/* The exit status that stands for a wait status, as shells have it. */
int command_status(int wstatus);

#endif
