/*
 * Writes the audit log: one record when a request is allowed, before it goes
 * to a token, one when it is known how that came out, one for each refusal.
 * Decides nothing; opens no file, but is handed one. Without one, or when it
 * cannot be written, no key is used, unless the configuration says otherwise.
 *
 * Records reach the kernel at once (allowed) or at the end of the event
 * loop's turn (all others); the disk within a second, through the supervisor,
 * which then notes in the state directory how far the log reaches.
 */
#ifndef AGENT_FRONT_AUDITOR_H
#define AGENT_FRONT_AUDITOR_H

#include "agent/audit.h"
#include "agent/front/ask.h"
#include "agent/front/policy.h"

struct auditor;

struct auditor *auditor_open(struct front *f); /* NULL: no memory */

/* Says how the requests on their way end, writes what is left, and tells the
 * supervisor. */
void auditor_close(struct auditor *a);

/* Is a log to be written? */
bool auditor_on(const struct front *f);

/*
 * The log's file, taken over: the first one since the start, or the next.
 * head: what the supervisor knows of how far the log reached. gone: the one
 * before was removed.
 */
void auditor_take(
    struct front *f, int fd, const struct audit_chain *head, bool gone);

/* The configuration changed. */
void auditor_reload(struct front *f);

/*
 * The request is allowed: the record is written before this returns. True,
 * or false if it could not be, and must be: then the request is answered.
 * data: what is to be signed or decrypted. A request that comes again has its
 * record already.
 */
bool auditor_allow(struct ask *a, const struct signer_identity *key,
    const struct policy_request *what, const uint8_t *data, size_t len);

/* It was refused: SIGNER_EDENIED, or EBUSY for the rate. key may be NULL. */
void auditor_deny(const struct ask *a, const struct signer_identity *key,
    const struct policy_request *what, int err, const char *why);

/* How an allowed request came out; only the first word on it counts. */
void auditor_end(struct front *f, struct ticket *k, int err, uint32_t ckr,
    uint32_t token_us);

/* The same for one that never had a ticket. */
void auditor_drop(const struct ask *a, int err);

/* One that nobody knows the end of. */
void auditor_lose(struct front *f, struct ticket *k);

/* For the seal: where the chain stands, NULL while nothing can be written;
 * and one more record. */
const struct audit_chain *auditor_chain(const struct front *f);
void auditor_add(struct front *f, struct audit_record *r);

#endif
