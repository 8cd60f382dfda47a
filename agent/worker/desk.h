/*
 * The desk: worker threads receive requests from the front over one socket,
 * have them answered, and send the replies home. Tells the front how the
 * token is and what it holds, whenever that changes. Knows no PKCS#11: it
 * sees the token through token.h and signer.h.
 */
#ifndef AGENT_WORKER_DESK_H
#define AGENT_WORKER_DESK_H

#include "agent/signer.h"
#include "agent/worker/clients.h"
#include "agent/worker/pin.h"
#include "pkcs11/token.h"

struct desk_config {
	int link;          /* socket to the front */
	const char *name;  /* of the [token] section */
	uint64_t restarts; /* workers of this token before us */
	unsigned clients;  /* slots of the front */
	unsigned threads;
	unsigned poll_ms;     /* looks for an awaited token; 0: only if asked */
	unsigned patience_ms; /* of the first worker; 0: it never ends */
	struct token *token;
	struct pin *pin; /* told of refusals */
	/* What the front asks that is about the token as a whole. */
	void (*obey)(void *ctx, uint8_t kind, struct wire_reader *r);
	void *ctx;
};

struct desk;

/* The one desk of the process; it cannot be closed. NULL: no memory. */
struct desk *desk_open(const struct desk_config *cfg);

/*
 * Brings the token up, reports, and serves until the front hangs up; then
 * ends the process, without C_Finalize: some modules hang in it, and the end
 * of the process frees all the same. Returns only if it cannot start: -1.
 */
int desk_run(struct desk *d);

/*
 * Looks at the token now, and tells the front if it is not as it was. An enum
 * signer_err, with a sentence.
 */
int desk_look(struct desk *d, struct signer_trouble *why);

/* Tells the front why there is nothing to serve. */
void desk_report_failure(int link, int err, const struct signer_trouble *why);

#endif
