#include "agent/front/sender.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <string.h>
#include <unistd.h>

/* For credentials and nothing more: no descriptor fits behind them. */
union ride {
	struct cmsghdr align;
	char space[CMSG_SPACE(sizeof(struct ucred))];
};

int
sender_watch(int fd)
{
	const int on = 1;

	return setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
}

/* In place of credentials there would be room for them. */
static void
throw_away(const struct cmsghdr *c)
{
	int fd;

	for (size_t at = 0; at + sizeof(fd) <= c->cmsg_len - CMSG_LEN(0);
	     at += sizeof(fd)) {
		memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
		(void)close(fd);
	}
}

ssize_t
sender_recv(int fd, uint8_t *buf, size_t room, struct sender *who)
{
	union ride ride;
	struct iovec iov = {buf, room};
	struct msghdr m = {
	    .msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = ride.space,
	    .msg_controllen = sizeof(ride.space),
	};
	struct ucred cred;
	ssize_t n;

	who->pid = 0;
	who->uid = (uid_t)-1;
	n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
	if (n == -1)
		return -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL;
	     c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_RIGHTS)
			throw_away(c);
		if (c->cmsg_type != SCM_CREDENTIALS ||
		    c->cmsg_len != CMSG_LEN(sizeof(cred)))
			continue;
		memcpy(&cred, CMSG_DATA(c), sizeof(cred));
		who->pid = cred.pid;
		who->uid = cred.uid;
	}
	return n;
}

size_t
sender_pending(int fd)
{
	int n;

	return ioctl(fd, FIONREAD, &n) == 0 && n >= 0 ? (size_t)n : SIZE_MAX;
}
