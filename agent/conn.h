/*
 * A connection to the agent that threads share: every call goes out under an
 * id of its own, and whichever waiting thread receives a reply hands it to
 * the thread that asked. Moves whole packets; reads nothing in them but the
 * id. Knows no operation.
 */
#ifndef AGENT_CONN_H
#define AGENT_CONN_H

#include <stddef.h>
#include <stdint.h>

struct conn;

/*
 * NULL with errno, ETIMEDOUT at the deadline. Referenced once. No wait for a
 * reply is longer than timeout_ms.
 */
struct conn *conn_open(
    const char *path, unsigned timeout_ms, uint64_t deadline);
void conn_ref(struct conn *n);
void conn_unref(struct conn *n); /* the last one closes */

/* Milliseconds of CLOCK_MONOTONIC; deadlines are in the same. */
uint64_t conn_now(void);

/*
 * Gives the request an id, sends it and waits for its reply. 0, or an errno
 * value: ETIMEDOUT, EMSGSIZE (longer than *replylen), or what broke the
 * connection, which is then of no more use. In *replylen: room, then bytes.
 */
int conn_call(struct conn *n, uint8_t *packet, size_t len, uint64_t deadline,
    uint8_t *reply, size_t *replylen);

#endif
