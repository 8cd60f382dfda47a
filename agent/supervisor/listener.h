/*
 * A socket that clients connect to. Made by the supervisor or handed to it by
 * the service manager, served by another process. Knows nothing of what is
 * said on it.
 */
#ifndef AGENT_SUPERVISOR_LISTENER_H
#define AGENT_SUPERVISOR_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct listener {
	int fd;
	bool made; /* by us, so that its path is ours to remove */
};

/*
 * The socket that listens on path: among those that the service manager
 * passed ($LISTEN_FDS; see sd_listen_fds(3)), or else bound here, with that
 * mode. A socket that a dead daemon left behind is replaced, one that answers
 * is not. 0, or -1 with a sentence.
 */
int listener_open(struct listener *l, const char *path, mode_t mode, char *text,
    size_t textlen);

/*
 * Makes its path this user's, so that who runs as that user may connect;
 * user 0, or a socket that was passed to us: as it is. 0, or -1 with a
 * sentence.
 */
int listener_give(const struct listener *l, const char *path, uid_t uid,
    gid_t gid, char *text, size_t textlen);

/* Closes it; removes the path if it is ours. */
void listener_close(struct listener *l, const char *path);

/* No child may think that the passed sockets are meant for it. */
void listener_forget_passed(void);

#endif
