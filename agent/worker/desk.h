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
#include "pkcs11/token.h"

struct desk_config {
	int link;          /* socket to the front */
	const char *name;  /* of the [token] section */
	uint64_t restarts; /* workers of this token before us */
	unsigned clients;  /* slots of the front */
	unsigned threads;
	unsigned poll_ms; /* looks for an awaited token; 0: only if asked */
	struct token *token;
};

/*
 * Brings the token up, reports, and serves until the front hangs up; then
 * ends the process, without C_Finalize: some modules hang in it, and the end
 * of the process frees all the same. Returns only if it cannot start: -1.
 */
int desk_run(const struct desk_config *cfg);

/* Tells the front why there is nothing to serve. */
void desk_report_failure(int link, int err, const struct signer_trouble *why);

#endif
