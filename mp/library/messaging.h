/*
 * The root object as the library keeps it: settings, the identity that the
 * agent gave last, and the session with the management point spoken to last.
 */
#ifndef MP_LIBRARY_MESSAGING_H
#define MP_LIBRARY_MESSAGING_H

#include <sealpoint/messaging.h>
#include <sealpoint/registration.h>

#include "agent/signer.h"
#include "mp/library/session.h"

struct sealpoint_messaging {
	char *agent;
	char *site;
	char *netbios;
	char *fqdn;
	char *state;
	char *ca;
	enum sealpoint_proof proof;
	bool proof_sha1;  /* is a good enough hash of signatures */
	bool policy_hash; /* over TLS, too */
	uint64_t upload_max;
	int internet;
	enum sealpoint_authentication authentication;
	char *credentials; /* path */
	uint32_t deadline_ms;
	void (*step)(void *ctx, const char *what);
	void *step_ctx;
	struct sealpoint_identity *found;
	uint8_t thumb[SIGNER_SHA256_LEN]; /* by which it was found */
	size_t thumblen;
	struct session session;
};

/*
 * The client of host that a message's settings ask for, in *c, borrowed
 * until the next call. what: of a registration, or NULL.
 */
int messaging_client(struct sealpoint_messaging *s, const char *host,
    const struct sealpoint_message *m,
    const struct sealpoint_registration *what, struct mp_client **c,
    struct sealpoint_failure *why);

#endif
