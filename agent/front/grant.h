/*
 * Leave to use a key: one section must grant it, and the rate must not be
 * used up. Denials are told to the log in full, to the caller as far as its
 * own rules go. Holds no rule and counts nothing itself; see policy.h and
 * quota.h.
 */
#ifndef AGENT_FRONT_GRANT_H
#define AGENT_FRONT_GRANT_H

#include "agent/front/ask.h"
#include "agent/front/policy.h"
#include "agent/front/quota.h"

/* May it? If not, it is answered. A use is counted once for a request. */
bool grant_use(struct ask *a, const struct signer_identity *key,
    const struct policy_request *what);

/* May the log have another line of this kind about the caller's user? */
bool grant_may_log(const struct ask *a, enum quota_kind kind);

#endif
