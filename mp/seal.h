/*
 * Seals a message: hashes, compresses and signs as its flags say, and frames
 * the result, ready to be posted (wire-facts 1.4, 3). The one place where
 * outgoing messages meet a key. Knows nothing of HTTP.
 */
#ifndef MP_SEAL_H
#define MP_SEAL_H

#include "mp/identity.h"
#include "mp/message.h"
#include "mp/sealed.h"

#define MP_SEALED_MAX (256u << 20) /* bytes of a payload, unless told */

/*
 * out: initialised by the caller, emptied on failure. A flag combination that
 * the documentation rules out is MP_EARG, with a sentence naming the rule.
 */
int mp_seal(const struct mp_identity *me, const struct mp_message *m,
    enum mp_hash hash, struct mp_sealed *out, struct mp_error *e);

#endif
