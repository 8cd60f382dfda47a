#include "agent/supervisor/listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PASSED_FIRST 3 /* SD_LISTEN_FDS_START */
#define PASSED_MAX 64

/* Removes a socket that nobody listens on. 0, or -1 with a sentence. */
static int
sweep(const struct sockaddr_un *un, char *text, size_t textlen)
{
	struct stat st;
	int fd, r;

	if (lstat(un->sun_path, &st) != 0)
		return 0;
	if (!S_ISSOCK(st.st_mode)) {
		(void)snprintf(text, textlen,
		    "%s exists and is not a socket; remove "
		    "it, or choose another path",
		    un->sun_path);
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return 0;
	r = connect(fd, (const struct sockaddr *)un, sizeof(*un));
	if (r != 0 && errno == ECONNREFUSED)
		r = unlink(un->sun_path) == 0 ? 1 : -1;
	(void)close(fd);
	if (r == 1)
		return 0;
	(void)snprintf(text, textlen,
	    "something listens on %s already; stop it, "
	    "or choose another path",
	    un->sun_path);
	return -1;
}

/* How many sockets the service manager passed, from descriptor 3 on. */
static int
passed(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	long n;

	if (pid == NULL || fds == NULL ||
	    strtol(pid, NULL, 10) != (long)getpid())
		return 0;
	n = strtol(fds, NULL, 10);
	return n > 0 && n <= PASSED_MAX ? (int)n : 0;
}

/* Is fd a socket of our kind that listens on path? */
static bool
listens(int fd, const char *path)
{
	struct sockaddr_un un = {0};
	socklen_t len = sizeof(un) - 1, intlen = sizeof(int);
	int type = 0, accepts = 0;

	return getsockname(fd, (struct sockaddr *)&un, &len) == 0 &&
	       un.sun_family == AF_UNIX && strcmp(un.sun_path, path) == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &intlen) == 0 &&
	       type == SOCK_SEQPACKET &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &intlen) ==
		   0 &&
	       accepts != 0;
}

/* The passed socket that listens on path; -1 if there is none. */
static int
inherit(const char *path)
{
	for (int i = 0; i < passed(); i++) {
		int fd = PASSED_FIRST + i;

		if (listens(fd, path) && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 &&
		    fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
			return fd;
	}
	return -1;
}

/*
 * The kernel is to tell which process sends: of all who ever connect, since
 * connections take the option over when they are made.
 */
static int
name_senders(int fd, const char *path, char *text, size_t textlen)
{
	const int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0)
		return 0;
	(void)snprintf(
	    text, textlen, "%s: SO_PASSCRED: %s", path, strerror(errno));
	return -1;
}

int
listener_open(struct listener *l, const char *path, mode_t mode, char *text,
    size_t textlen)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int n = snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);

	l->fd = inherit(path);
	l->made = l->fd == -1;
	if (!l->made)
		return name_senders(l->fd, path, text, textlen);
	if (n < 0 || (size_t)n >= sizeof(un.sun_path)) {
		(void)snprintf(text, textlen,
		    "%s is too long for the path of a socket; choose a "
		    "shorter one",
		    path);
		return -1;
	}
	if (sweep(&un, text, textlen) != 0)
		return -1;
	l->fd =
	    socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd != -1 && name_senders(l->fd, path, text, textlen) == 0 &&
	    bind(l->fd, (const struct sockaddr *)&un, sizeof(un)) == 0 &&
	    chmod(path, mode) == 0 && listen(l->fd, SOMAXCONN) == 0)
		return 0;
	(void)snprintf(text, textlen,
	    "%s: %s; its directory must exist and be ours to write", path,
	    strerror(errno));
	if (l->fd != -1)
		(void)close(l->fd);
	l->fd = -1;
	return -1;
}

int
listener_give(const struct listener *l, const char *path, uid_t uid, gid_t gid,
    char *text, size_t textlen)
{
	if (l->fd == -1 || !l->made || uid == 0 || uid == geteuid() ||
	    lchown(path, uid, gid) == 0)
		return 0;
	(void)snprintf(text, textlen,
	    "%s cannot be given to the agent's user: %s", path,
	    strerror(errno));
	return -1;
}

void
listener_close(struct listener *l, const char *path)
{
	if (l->fd == -1)
		return;
	(void)close(l->fd);
	if (l->made)
		(void)unlink(path);
	l->fd = -1;
}

void
listener_forget_passed(void)
{
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
}
