/*
 * One packet of a client, and which process sent it: that is not always the
 * one that connected, since connections are inherited and passed on.
 */
#ifndef AGENT_FRONT_SENDER_H
#define AGENT_FRONT_SENDER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sender {
	pid_t pid; /* 0: not visible from here */
	uid_t uid; /* real user id */
};

/*
 * Makes the kernel tell, for this connection, or this listener's to come. 0,
 * or -1.
 */
int sender_watch(int fd);

/*
 * As recv() with MSG_DONTWAIT and MSG_TRUNC. Descriptors that came along are
 * not taken.
 */
ssize_t sender_recv(int fd, uint8_t *buf, size_t room, struct sender *who);

/*
 * Bytes that wait in the socket: all of them were sent before now. SIZE_MAX if
 * that cannot be known, so that nothing which comes counts as sent later.
 */
size_t sender_pending(int fd);

#endif
