#include "agent/worker/door.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/control.h"
#include "agent/log.h"

#define PAUSE_MS 100 /* while no descriptor is free */

struct door {
	struct warden *warden;
	struct secret box; /* the packet, which holds a PIN */
	uint64_t expires;  /* ms, monotonic; 0: never */
	unsigned ttl_ms;
	int fd;
};

static uint64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* May this caller bring a PIN? */
static bool
trusted(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
	       (cred.uid == 0 || cred.uid == geteuid());
}

/* The packet's length; 0: none came, or one that is too long. */
static size_t
receive(struct door *d, int fd)
{
	ssize_t n = recv(fd, d->box.bytes, CONTROL_PIN_PACKET_MAX, MSG_TRUNC);

	return n > 0 && n <= CONTROL_PIN_PACKET_MAX ? (size_t)n : 0;
}

/* Acts on the packet in the box; the reply's length. */
static size_t
act(struct door *d, size_t len, uint8_t *reply, size_t room)
{
	struct signer_trouble why = {0};
	struct proto_header h;
	struct wire_reader r;
	const uint8_t *pin = NULL;
	size_t pinlen = 0;
	int err;

	if (proto_header_parse(&r, d->box.bytes, len, &h) != SIGNER_OK ||
	    h.reply)
		return 0;
	err = h.type == CONTROL_PIN ? control_pin_parse(&r, &pin, &pinlen)
				    : SIGNER_EPROTO;
	if (err != SIGNER_OK)
		(void)signer_fail(&why, err,
		    "what came is no PIN of 1 to %d bytes without NUL",
		    CONTROL_PIN_MAX);
	else
		err = warden_admit(d->warden,
		    d->box.bytes + (pin - d->box.bytes), pinlen, &why);
	if (err != SIGNER_OK)
		return control_failure_pack(
		    reply, room, h.id, CONTROL_PIN, err, &why);
	d->expires = d->ttl_ms == 0 ? 0 : now_ms() + d->ttl_ms;
	log_line(LOG_LEVEL_INFO, "token %s is unlocked", d->warden->conf->name);
	return control_done_reply_pack(reply, room, h.id, CONTROL_PIN);
}

static void
serve(struct door *d, int fd)
{
	const struct timeval wait = {.tv_sec = DOOR_WAIT_MS / 1000};
	uint8_t reply[1024];
	size_t len;

	if (!trusted(fd) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) != 0)
		return;
	len = receive(d, fd);
	if (len != 0)
		len = act(d, len, reply, sizeof(reply));
	secret_wipe(&d->box);
	if (len != 0)
		(void)send(fd, reply, len, MSG_NOSIGNAL);
}

/* What poll() is to wait; -1: for ever. */
static int
patience(const struct door *d)
{
	uint64_t now = now_ms();

	if (d->expires == 0)
		return -1;
	if (d->expires <= now)
		return 0;
	return d->expires - now < INT32_MAX ? (int)(d->expires - now)
					    : INT32_MAX;
}

static void *
stand(void *arg)
{
	struct door *d = arg;
	struct pollfd p = {.fd = d->fd, .events = POLLIN};

	for (;;) {
		int ready = poll(&p, 1, patience(d)), fd;

		if (d->expires != 0 && d->expires <= now_ms()) {
			d->expires = 0;
			log_line(LOG_LEVEL_INFO,
			    "token %s: the time of its PIN is over; it is "
			    "locked",
			    d->warden->conf->name);
			warden_expire(d->warden);
		}
		if (ready <= 0)
			continue;
		fd = accept4(d->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd == -1) {
			/* No descriptor is free: it waits until one is. */
			(void)poll(NULL, 0, PAUSE_MS);
			continue;
		}
		serve(d, fd);
		(void)close(fd);
	}
	return NULL;
}

int
door_open(struct warden *w, int fd, unsigned ttl_ms)
{
	static struct door d; /* one per process; the thread never ends */
	pthread_t t;
	int r;

	d = (struct door){.warden = w, .ttl_ms = ttl_ms, .fd = fd};
	if (secret_init(&d.box) != 0)
		return -1;
	r = pthread_create(&t, NULL, stand, &d);
	if (r == 0)
		r = pthread_detach(t);
	errno = r;
	return r == 0 ? 0 : -1;
}
