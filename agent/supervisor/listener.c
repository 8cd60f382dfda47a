#include "agent/supervisor/listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

int
listener_open(const char *path, char *text, size_t textlen)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd;

	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	if (sweep(&un, text, textlen) != 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd != -1 &&
	    bind(fd, (const struct sockaddr *)&un, sizeof(un)) == 0 &&
	    chmod(path, 0666) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	(void)snprintf(text, textlen,
	    "%s: %s; its directory must exist and be "
	    "ours to write",
	    path, strerror(errno));
	if (fd != -1)
		(void)close(fd);
	return -1;
}
