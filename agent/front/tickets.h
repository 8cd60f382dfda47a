/*
 * The requests that wait: parked until a worker reports, in a token's queue,
 * or for a worker's answer. A fixed table; one deadline each, the nearest of
 * which is always at hand. Each holds its packet, so that it can be sent once
 * more. Knows nothing of what is asked.
 */
#ifndef AGENT_FRONT_TICKETS_H
#define AGENT_FRONT_TICKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/front/queue.h"
#include "agent/link.h"

#define TICKETS_MAX 4096
#define TICKETS_INLINE 384            /* packets up to here cost nothing */
#define TICKETS_BYTES_MAX (64u << 20) /* of all others together */

enum ticket_place {
	TICKET_FREE = 0,
	TICKET_PARKED, /* until some worker reports */
	TICKET_QUEUED, /* in the lane to `worker` */
	TICKET_SENT,   /* `worker` has it */
};

struct ticket {
	uint64_t number; /* names it towards the worker; never 0 */
	struct link_client client;
	uint32_t id;  /* the client's request */
	uint8_t type; /* enum proto_type */
	enum ticket_place place;
	uint16_t worker; /* index of the token; of the last one when parked */
	bool rescanned;  /* a scan was already made for it */
	bool repeated;   /* it was sent a second time, or may not be */
	bool unsent;     /* it never reached `worker`, which has ended */
	bool answered;   /* nobody waits, but the worker still has it */
	bool gone;       /* and that since its client hung up */
	bool charged;    /* its use was counted */
	bool early;      /* it came before it was known which program asks */
	bool ours;       /* no client's: a seal of the audit log */
	uint64_t record; /* of the audit log, that tells of its start; or 0 */
	pid_t sender;
	uint32_t failed; /* bit i: token i could not do it */
	uint32_t use;    /* SIGNER_USE...: work for the token; else 0 */
	uint8_t key[SIGNER_SHA256_LEN];
	uint64_t arrived_us; /* these three monotonic */
	uint64_t sent;       /* ms */
	uint64_t deadline;   /* ms; set by tickets_due() */
	struct queue_item item;
	const uint8_t *packet; /* the request, as it goes to the worker */
	size_t len;
	struct ticket *prev, *next; /* by arrival */
	size_t rank;                /* in the order of deadlines */
	uint8_t *large;
	uint8_t small[TICKETS_INLINE];
};

struct tickets;

struct tickets *tickets_new(void); /* NULL: no memory */
void tickets_free(struct tickets *t);

/* A free one, parked; NULL if all are taken. */
struct ticket *tickets_take(struct tickets *t, uint64_t deadline);

/* Copies the packet into it, in place of any before. 0, or -1: no room. */
int tickets_keep(
    struct tickets *t, struct ticket *k, const uint8_t *packet, size_t len);

/* Gives it another deadline. */
void tickets_due(struct tickets *t, struct ticket *k, uint64_t deadline);

/* NULL if it is not, or no longer, in use. */
struct ticket *tickets_find(struct tickets *t, uint64_t number);

/* Its packet is gone too. */
void tickets_release(struct tickets *t, struct ticket *k);

/* The one with the nearest deadline; NULL: none. */
struct ticket *tickets_soonest(const struct tickets *t);

/* The one that came first; its next is the one after. NULL: none. */
struct ticket *tickets_first(const struct tickets *t);

/*
 * The numbers of all, by arrival: for a walk that may release any of them.
 * Borrowed until the next call.
 */
size_t tickets_numbers(struct tickets *t, const uint64_t **numbers);

size_t tickets_count(const struct tickets *t);

#endif
