/*
 * The digest of a message, by one of the hashes that a signer knows. Secrets
 * are not its business.
 */
#ifndef AGENT_HASH_H
#define AGENT_HASH_H

#include "agent/signer.h"

/*
 * Bytes of the digest in out; 0 if libcrypto will not make it, or for
 * SIGNER_HASH_NONE. Any thread.
 */
size_t hash_make(enum signer_hash h, const uint8_t *data, size_t len,
    uint8_t out[SIGNER_HASH_MAX]);

#endif
