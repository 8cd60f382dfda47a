/*
 * Seals a message: compresses, hashes, signs and encrypts as its flags say,
 * in this order, and frames the result, ready to be posted (wire-facts 1.4,
 * 3, 7). The one place where outgoing messages meet a key. Knows nothing of
 * HTTP.
 */
#ifndef MP_SEAL_H
#define MP_SEAL_H

#include "mp/envelope.h"
#include "mp/identity.h"
#include "mp/message.h"
#include "mp/sealed.h"

#define MP_PAYLOAD_MAX (256u << 20) /* bytes, unless a caller allows others */

struct mp_seal_config {
	enum mp_hash hash;
	const struct mp_recipients *recipients; /* ENCRYPT needs them */
	const char *spool_dir; /* for large payloads; see mp/spool.h */
	uint64_t payload_max;  /* clear bytes, up to MP_SEALED_MAX; 0: ours */
};

/*
 * out: initialised by the caller, emptied on failure. A flag combination that
 * the documentation rules out for every message is MP_EARG, with a sentence
 * naming the rule; what one kind may not have, its rule tells before.
 */
int mp_seal(const struct mp_identity *me, const struct mp_message *m,
    const struct mp_seal_config *cfg, struct mp_sealed *out,
    struct mp_error *e);

#endif
