/*
 * Patience: how long a worker bears a module that fails before it ends, so
 * that a fresh process loads the module anew. Some never recover in a process
 * where they failed once. Each worker bears it longer than the one before,
 * up to eight times as long. Pure: no clock, no token, no lock.
 */
#ifndef AGENT_WORKER_PATIENCE_H
#define AGENT_WORKER_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#define PATIENCE_TRIES 5 /* that failed in a row, at least */

struct patience {
	uint64_t ms;      /* 0: it never ends */
	unsigned fails;   /* in a row */
	uint64_t since;   /* the first of them, by the caller's clock in ms */
	uint64_t refused; /* logins, when it began */
};

/* restarts: workers of this token before this one. ms: of the first one. */
void patience_init(struct patience *p, uint64_t ms, uint64_t restarts);

/*
 * Notes how the token is (enum signer_err) after a try, and how many logins
 * failed so far: true if the worker is to end. Only a failure of device or
 * module counts; and none after a login that failed in the same row, since a
 * fresh process does not know any more that this PIN was right, and would
 * have to spend a try on it.
 */
bool patience_ends(struct patience *p, int err, uint64_t refused, uint64_t now);

#endif
