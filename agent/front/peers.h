/*
 * The connected clients: who each one is, what it may have in flight, and
 * the replies that it did not take yet. Carries packets; knows none of them.
 */
#ifndef AGENT_FRONT_PEERS_H
#define AGENT_FRONT_PEERS_H

#include "agent/front/front.h"
#include "agent/front/policy.h"
#include "agent/front/program.h"
#include "agent/front/sender.h"
#include "agent/link.h"

struct event;
struct reply; /* a reply that waits for the client to read */

struct peer {
	struct front *front;
	struct link_client name; /* slot and serial */
	int fd;
	struct policy_caller who;
	uint64_t sections; /* of policy_sections() */
	uint64_t packets;  /* of policy_packets(): an hour */
	struct program program;
	unsigned inflight; /* tickets that it holds */
	bool doomed;       /* to be dropped as soon as nobody looks */
	uint32_t lent[CONF_TOKENS_MAX]; /* worker generation that has our fd */
	struct reply *first, *last;
	uint64_t unread_since; /* while there are any: ms, monotonic */
	size_t queued;         /* bytes of those replies */
	struct event *readable, *writable;
};

/* Starts to accept on fd, which it takes over. NULL with errno. */
struct peers *peers_open(struct front *f, int fd);
void peers_close(struct peers *ps);

/* The configuration changed: what each of them may do, too. */
void peers_reconsider(struct peers *ps);

/* Root, or the agent's own user: who may know and order everything. */
bool peers_owner(uid_t uid);

/* NULL if that client is gone. */
struct peer *peers_find(struct peers *ps, struct link_client name);

/*
 * Drops clients that took nothing for as long as a deadline. Ms until the
 * next one is due, or 0 for none.
 */
uint64_t peers_expire(struct peers *ps);

/*
 * Sends a reply, or queues it for a client that is slow to read; one that
 * takes none of them within the deadline is dropped.
 */
void peer_send(struct peer *p, const uint8_t *packet, size_t len);

/* One of its tickets is released: it may ask again. */
void peer_settle(struct peer *p);

#endif
