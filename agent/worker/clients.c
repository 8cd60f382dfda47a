#include "agent/worker/clients.h"

#include <sys/socket.h>

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* Locked while in use, so that no number is closed and taken again under it. */
struct slot {
	pthread_mutex_t lock;
	uint32_t serial;
	int fd;
};

struct clients {
	unsigned n;
	struct slot slot[];
};

struct clients *
clients_new(unsigned slots)
{
	struct clients *c = calloc(1, sizeof(*c) + slots * sizeof(c->slot[0]));

	if (c == NULL)
		return NULL;
	c->n = slots;
	for (unsigned i = 0; i < slots; i++) {
		(void)pthread_mutex_init(&c->slot[i].lock, NULL);
		c->slot[i].fd = -1;
	}
	return c;
}

void
clients_free(struct clients *c)
{
	if (c == NULL)
		return;
	for (unsigned i = 0; i < c->n; i++) {
		if (c->slot[i].fd != -1)
			(void)close(c->slot[i].fd);
		(void)pthread_mutex_destroy(&c->slot[i].lock);
	}
	free(c);
}

/* The slot, locked; NULL if there is no such. */
static struct slot *
enter(struct clients *c, struct link_client who)
{
	struct slot *s;

	if (who.slot >= c->n)
		return NULL;
	s = &c->slot[who.slot];
	(void)pthread_mutex_lock(&s->lock);
	return s;
}

void
clients_put(struct clients *c, struct link_client who, int fd)
{
	struct slot *s = enter(c, who);
	int old = fd;

	if (s == NULL) {
		(void)close(fd);
		return;
	}
	/* Threads overtake each other: one that hung up must not come back. */
	if ((int32_t)(who.serial - s->serial) > 0) {
		old = s->fd;
		s->fd = fd;
		s->serial = who.serial;
	}
	(void)pthread_mutex_unlock(&s->lock);
	if (old != -1)
		(void)close(old);
}

void
clients_drop(struct clients *c, struct link_client who)
{
	struct slot *s = enter(c, who);
	int fd = -1;

	if (s == NULL)
		return;
	if ((int32_t)(who.serial - s->serial) >= 0) {
		fd = s->fd;
		s->fd = -1;
		s->serial = who.serial;
	}
	(void)pthread_mutex_unlock(&s->lock);
	if (fd != -1)
		(void)close(fd);
}

int
clients_send(struct clients *c, struct link_client who, const uint8_t *packet,
    size_t len)
{
	struct slot *s = enter(c, who);
	ssize_t sent = -1;

	if (s == NULL)
		return -1;
	if (s->fd != -1 && s->serial == who.serial)
		sent = send(s->fd, packet, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)pthread_mutex_unlock(&s->lock);
	return sent == -1 ? -1 : 0;
}
