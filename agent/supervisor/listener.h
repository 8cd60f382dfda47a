/*
 * The socket that clients connect to. Made by the supervisor, served by the
 * front. Knows nothing of what is said on it.
 */
#ifndef AGENT_SUPERVISOR_LISTENER_H
#define AGENT_SUPERVISOR_LISTENER_H

#include <stddef.h>

/*
 * Binds and listens. A socket that a dead daemon left behind is replaced, one
 * that answers is not. Any user may connect: who may do what is for the
 * [allow] sections. The descriptor, or -1 with a sentence.
 */
int listener_open(const char *path, char *text, size_t textlen);

#endif
