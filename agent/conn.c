#include "agent/conn.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/proto.h"

/* A thread that waits for a reply. */
struct waiter {
	struct waiter *next;
	pthread_cond_t wake;
	uint32_t id;
	uint8_t *reply;
	size_t room;
	size_t len;
	int err;
	bool done;
};

struct conn {
	int fd;
	unsigned timeout_ms;
	pthread_mutex_t lock; /* of all below */
	struct waiter *waiters;
	uint32_t next_id;
	unsigned refs;
	int broken;   /* errno that ended the connection, or 0 */
	bool reading; /* some waiter is in recv() for all, into: */
	uint8_t buf[PROTO_PACKET_MAX];
};

uint64_t
conn_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static struct timeval
interval(uint64_t ms)
{
	return (struct timeval){
	    .tv_sec = (time_t)(ms / 1000),
	    .tv_usec = (suseconds_t)(ms % 1000 * 1000),
	};
}

/* Connects before the deadline; bounds every receive by the time-out. */
static int
dial(const char *path, unsigned timeout_ms, uint64_t deadline)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct timeval each = interval(timeout_ms), left;
	uint64_t now = conn_now();
	int fd, saved;

	if (now >= deadline) { /* an interval of 0 would be for ever */
		errno = ETIMEDOUT;
		return -1;
	}
	left = interval(deadline - now);

	memcpy(un.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof(left)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &each, sizeof(each)) == 0 &&
	    connect(fd, (const struct sockaddr *)&un, sizeof(un)) == 0)
		return fd;
	saved = errno == EAGAIN ? ETIMEDOUT : errno;
	(void)close(fd);
	errno = saved;
	return -1;
}

struct conn *
conn_open(const char *path, unsigned timeout_ms, uint64_t deadline)
{
	struct conn *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->fd = dial(path, timeout_ms, deadline);
	if (n->fd == -1) {
		free(n);
		return NULL;
	}
	n->timeout_ms = timeout_ms;
	n->refs = 1;
	(void)pthread_mutex_init(&n->lock, NULL);
	return n;
}

void
conn_ref(struct conn *n)
{
	(void)pthread_mutex_lock(&n->lock);
	n->refs++;
	(void)pthread_mutex_unlock(&n->lock);
}

void
conn_unref(struct conn *n)
{
	bool last;

	(void)pthread_mutex_lock(&n->lock);
	last = --n->refs == 0;
	(void)pthread_mutex_unlock(&n->lock);
	if (!last)
		return;
	(void)close(n->fd);
	(void)pthread_mutex_destroy(&n->lock);
	free(n);
}

/* The id stands in bytes 4 to 7 of every packet. */
static void
stamp(uint8_t *packet, uint32_t id)
{
	for (int i = 7; i >= 4; i--, id >>= 8)
		packet[i] = (uint8_t)id;
}

static uint32_t
stamped(const uint8_t *packet)
{
	return (uint32_t)packet[4] << 24 | (uint32_t)packet[5] << 16 |
	       (uint32_t)packet[6] << 8 | packet[7];
}

/* Locked. Takes w off the list. */
static void
leave(struct conn *n, const struct waiter *w)
{
	struct waiter **at = &n->waiters;

	while (*at != NULL && *at != w)
		at = &(*at)->next;
	if (*at != NULL)
		*at = w->next;
}

/* Locked. The connection is of no more use: tells everyone. */
static void
fail_all(struct conn *n, int err)
{
	n->broken = err;
	for (struct waiter *w = n->waiters; w != NULL; w = w->next) {
		w->done = true;
		w->err = err;
		(void)pthread_cond_signal(&w->wake);
	}
	n->waiters = NULL;
}

/* Locked. Hands a reply to whoever asked; nobody does if it gave up. */
static void
deliver(struct conn *n, const uint8_t *packet, size_t len)
{
	uint32_t id;

	if (len < PROTO_HEADER_LEN) {
		fail_all(n, EPROTO);
		return;
	}
	id = stamped(packet);
	for (struct waiter *w = n->waiters; w != NULL; w = w->next) {
		if (w->id != id)
			continue;
		w->done = true;
		w->err = len > w->room ? EMSGSIZE : 0;
		w->len = len;
		if (w->err == 0)
			memcpy(w->reply, packet, len);
		leave(n, w);
		(void)pthread_cond_signal(&w->wake);
		return;
	}
}

/* One packet, not after the deadline. 0 or errno; EAGAIN: nothing in time. */
static int
receive(struct conn *n, uint64_t deadline, size_t *len)
{
	uint64_t now = conn_now();
	struct pollfd p = {.fd = n->fd, .events = POLLIN};
	ssize_t got;

	if (now >= deadline)
		return EAGAIN;
	/* SO_RCVTIMEO bounds a fresh call; a later one wants less. */
	if (deadline - now + 50 < n->timeout_ms) {
		int ready = poll(&p, 1, (int)(deadline - now));

		if (ready == 0)
			return EAGAIN;
		if (ready < 0)
			return errno == EINTR ? EAGAIN : errno;
	}
	got = recv(n->fd, n->buf, sizeof(n->buf), 0);
	if (got > 0) {
		*len = (size_t)got;
		return 0;
	}
	if (got == 0)
		return ECONNRESET;
	return errno == EINTR ? EAGAIN : errno;
}

/* Locked. Receives for all until w has its reply or its time is up. */
static void
read_for_all(struct conn *n, struct waiter *w, uint64_t deadline)
{
	n->reading = true;
	while (!w->done && conn_now() < deadline) {
		size_t len = 0;
		int err;

		(void)pthread_mutex_unlock(&n->lock);
		err = receive(n, deadline, &len);
		(void)pthread_mutex_lock(&n->lock);
		if (err == 0) {
			deliver(n, n->buf, len);
			/* A decrypted key may have passed through here. */
			explicit_bzero(n->buf, len);
		} else if (err != EAGAIN) {
			fail_all(n, err);
		}
	}
	n->reading = false;
	if (n->waiters != NULL)
		(void)pthread_cond_signal(&n->waiters->wake);
}

/* Locked. Waits for another thread to receive, or for the role to be free. */
static void
wait_for_reader(struct conn *n, struct waiter *w, uint64_t deadline)
{
	const struct timespec ts = {
	    .tv_sec = (time_t)(deadline / 1000),
	    .tv_nsec = (long)(deadline % 1000) * 1000000,
	};

	(void)pthread_cond_timedwait(&w->wake, &n->lock, &ts);
}

/* A condition that counts the same clock as the deadlines. */
static void
arm(struct waiter *w)
{
	pthread_condattr_t attr;

	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&w->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
}

/* 0, or errno of a send that failed, or was not done by the deadline. */
static int
transmit(struct conn *n, const uint8_t *packet, size_t len, uint64_t deadline)
{
	struct pollfd p = {.fd = n->fd, .events = POLLOUT};
	uint64_t now;

	while (send(n->fd, packet, len, MSG_NOSIGNAL | MSG_DONTWAIT) == -1) {
		if (errno != EAGAIN && errno != EINTR)
			return errno;
		now = conn_now();
		if (now >= deadline)
			return ETIMEDOUT;
		if (errno == EAGAIN &&
		    poll(&p, 1, (int)(deadline - now)) == -1 && errno != EINTR)
			return errno;
	}
	return 0;
}

int
conn_call(struct conn *n, uint8_t *packet, size_t len, uint64_t deadline,
    uint8_t *reply, size_t *replylen)
{
	struct waiter w = {.reply = reply, .room = *replylen};
	int err;

	*replylen = 0;
	arm(&w);
	(void)pthread_mutex_lock(&n->lock);
	w.id = ++n->next_id;
	err = n->broken;
	if (err == 0) {
		w.next = n->waiters;
		n->waiters = &w;
	}
	(void)pthread_mutex_unlock(&n->lock);
	if (err != 0)
		goto out;
	stamp(packet, w.id);
	err = transmit(n, packet, len, deadline);
	(void)pthread_mutex_lock(&n->lock);
	while (err == 0 && !w.done && conn_now() < deadline) {
		if (n->reading)
			wait_for_reader(n, &w, deadline);
		else
			read_for_all(n, &w, deadline);
	}
	if (err == 0)
		err = w.done ? w.err : ETIMEDOUT;
	leave(n, &w);
	/* The role may have been offered to us just as we gave up. */
	if (!n->reading && n->waiters != NULL)
		(void)pthread_cond_signal(&n->waiters->wake);
	(void)pthread_mutex_unlock(&n->lock);
	if (err == 0)
		*replylen = w.len;
out:
	(void)pthread_cond_destroy(&w.wake);
	return err;
}
