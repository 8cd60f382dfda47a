/*
 * Answers one request packet from any signer. Pure: no descriptor, no clock,
 * no token; so it is what the fuzzer and the unit tests call.
 */
#ifndef AGENT_WORKER_SERVE_H
#define AGENT_WORKER_SERVE_H

#include "agent/client.h"
#include "agent/signer.h"

struct serve {
	const struct signer *signer;
	void (*status)(void *ctx, struct client_token *t);
	void *ctx;
};

/*
 * The reply's length; 0 if the packet has no readable header and so gets
 * none. *err and *why are what the reply says. rep must have PROTO_PACKET_MAX
 * bytes.
 */
size_t serve_answer(const struct serve *sv, const uint8_t *req, size_t reqlen,
    uint8_t *rep, size_t repcap, int *err, struct signer_trouble *why);

#endif
