/*
 * The clients whose descriptors the front lent to this worker, so that a
 * reply takes the short way home. Writes to them, never reads: what clients
 * send is the front's business. Any thread may call.
 */
#ifndef AGENT_WORKER_CLIENTS_H
#define AGENT_WORKER_CLIENTS_H

#include "agent/link.h"

struct clients;

/* slots: how many the front has at most. NULL: no memory. */
struct clients *clients_new(unsigned slots);
void clients_free(struct clients *c); /* NULL-safe; closes what is left */

/* Takes fd over. */
void clients_put(struct clients *c, struct link_client who, int fd);
void clients_drop(struct clients *c, struct link_client who);

/*
 * Sends without waiting. 0, or -1: not known here, not reading, or gone; the
 * front then has to deliver.
 */
int clients_send(struct clients *c, struct link_client who,
    const uint8_t *packet, size_t len);

#endif
