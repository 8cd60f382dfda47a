/*
 * A PIN from a program that asks a person. The supervisor runs it, since a
 * worker never forks, and passes the end of a pipe; see
 * agent/supervisor/pinsource.h. Knows nothing of tokens.
 */
#ifndef AGENT_WORKER_ASKPASS_H
#define AGENT_WORKER_ASKPASS_H

#include "agent/secret.h"

#define ASKPASS_WORDS_MAX 256 /* of the question, with NUL */

/*
 * socket: to the supervisor. program: for messages. Waits for wait_ms at most;
 * then what the program writes later goes nowhere. 0, or -1 with a clause.
 */
int askpass_read(struct secret *s, int socket, const char *program,
    const char *words, unsigned wait_ms, char *text, size_t textlen);

#endif
