/*
 * The requests that wait: for a worker's answer, or parked until a worker
 * reports. A fixed table, in the order of their deadlines. Knows nothing of
 * what is asked.
 */
#ifndef AGENT_FRONT_TICKETS_H
#define AGENT_FRONT_TICKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/link.h"

#define TICKETS_MAX 4096
#define TICKETS_PARKED 0xffffu /* worker of a ticket that waits for any */

struct ticket {
	uint64_t number; /* names it towards the worker; never 0 */
	struct link_client client;
	uint32_t id;       /* the client's request */
	uint8_t type;      /* enum proto_type */
	uint16_t worker;   /* index of the token, or TICKETS_PARKED */
	bool rescanned;    /* a scan was already made for it */
	uint64_t deadline; /* ms, monotonic */
	uint8_t *packet;   /* parked: the request, owned */
	size_t len;
	struct ticket *prev, *next; /* by deadline */
};

struct tickets;

struct tickets *tickets_new(void); /* NULL: no memory */
void tickets_free(struct tickets *t);

/* A free one, last in line; NULL if all are taken. All deadlines are equally
 * far away, so the line is in their order. */
struct ticket *tickets_take(struct tickets *t, uint64_t deadline);

/* NULL if it is not, or no longer, in use. */
struct ticket *tickets_find(struct tickets *t, uint64_t number);

/* Frees the packet too. */
void tickets_release(struct tickets *t, struct ticket *k);

/* The one with the nearest deadline; its next is the one after. NULL: none. */
struct ticket *tickets_first(const struct tickets *t);

size_t tickets_count(const struct tickets *t);

#endif
