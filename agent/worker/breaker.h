/*
 * A breaker: keeps requests from a token that is known to be in trouble, and
 * lets one try through now and then, later each time, until it is well.
 * Closed, requests pass; open, they are refused; half open, one of them, or
 * the desk's own look, finds out for all. Pure: no clock, no token, no lock.
 */
#ifndef AGENT_WORKER_BREAKER_H
#define AGENT_WORKER_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_FIRST_MS 100u
#define BREAKER_MAX_MS 1500   /* so that it recovers within two seconds */
#define BREAKER_PROBE_MS 5000 /* a try that takes longer lets others try */

struct breaker {
	int err;          /* enum signer_err: how the token is */
	unsigned fails;   /* in a row */
	bool trying;      /* one request, or the desk, finds out now */
	uint64_t refuses; /* until then, in ms of the caller's clock */
};

/*
 * True if a request is refused at `now`; *left then says for how many ms: a
 * moment while the one try goes on.
 * False if it may pass; of a token in trouble that makes it the one try.
 */
bool breaker_open(struct breaker *b, uint64_t now, uint32_t *left);

/*
 * How the token is, after a try: true if that is news. poll_ms: how long an
 * absent token is left alone; 0 means as a failed one. draw: any number, for
 * a pause between half and all of its length.
 */
bool breaker_note(
    struct breaker *b, int err, uint64_t now, unsigned poll_ms, unsigned draw);

/* The one try told nothing of the token: others may try. */
void breaker_pass(struct breaker *b, uint64_t now);

/* When to look at the token, unasked; 0: never, it is well or wants a person.
 */
uint64_t breaker_due(const struct breaker *b);

#endif
