/*
 * What a worker needs beside its configuration to have its PIN: the socket
 * where sealpoint unlock brings it, the descriptor that sealpointd inherited,
 * or somebody who runs the askpass program, which a worker must not do: it
 * never forks. Passes descriptors; reads no PIN.
 *
 * What a worker is lent stands at descriptor 6:
 *
 *   ask      a socket that listens (control socket's path, a dot, the
 *            token's name); mode 0600
 *   fd       a file, or memory that holds what came over the inherited pipe
 *   askpass  a socket to the supervisor: a packet with the words to ask with
 *            gets back one byte with a pipe to read the answer from, or one
 *            byte alone if the program cannot be started
 */
#ifndef AGENT_SUPERVISOR_PINSOURCE_H
#define AGENT_SUPERVISOR_PINSOURCE_H

#include "agent/conf.h"
#include "agent/supervisor/listener.h"

#define PINSOURCE_PROMPT_MAX 256 /* bytes of the words to ask with */

struct pinsource {
	struct listener door;       /* ask */
	int fd;                     /* fd: kept for the next worker; else -1 */
	void *kept;                 /* fd: what came over a pipe; else NULL */
	int socket;                 /* askpass: our end, while a worker lives */
	pid_t asking;               /* askpass: the program, while it runs */
	char path[CONF_SOCKET_MAX]; /* of the door */
	uid_t uid;                  /* whose door and askpass are; 0: ours */
	gid_t gid;
};

void pinsource_init(struct pinsource *p);

/*
 * Prepares for a token. What is there already, for the same token, is kept.
 * inherit: fd:N may be taken from the environment of this process. 0, or -1
 * with a sentence.
 */
int pinsource_open(struct pinsource *p, const struct conf *conf,
    const struct conf_token *t, bool inherit, char *text, size_t textlen);
void pinsource_close(struct pinsource *p);

/* Does what was prepared for one token do for the other as well? */
bool pinsource_fits(const struct conf_token *a, const struct conf_token *b);

/*
 * The descriptor for a new worker: -1 with *wanted false if it needs none.
 * *ours: the caller closes it after the worker has started.
 */
int pinsource_lend(
    struct pinsource *p, const struct conf_token *t, bool *wanted, bool *ours);

/* The worker asks; the socket is readable. */
void pinsource_serve(struct pinsource *p, const struct conf_token *t);

/* Its worker is gone: nobody waits for an answer. */
void pinsource_abandon(struct pinsource *p);

/* A child of ours ended; was it the program? */
bool pinsource_reaped(struct pinsource *p, pid_t pid);

#endif
