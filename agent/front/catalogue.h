/*
 * Every identity that the workers reported, merged: found by either
 * thumbprint, with the tokens that hold it. Knows nothing of callers.
 */
#ifndef AGENT_FRONT_CATALOGUE_H
#define AGENT_FRONT_CATALOGUE_H

#include "agent/signer.h"

#define CATALOGUE_MAX 100000 /* identities of one token that we take */

struct catalogue_entry {
	struct signer_identity id; /* uses is 0 here */
	uint32_t tokens;           /* bit i: token i holds it */
};

struct catalogue;

struct catalogue *catalogue_new(void); /* NULL: no memory */
void catalogue_free(struct catalogue *c);

/*
 * Replaces what `token` holds by ids. 0, or -1 without memory, and then all is
 * as before.
 */
int catalogue_replace(struct catalogue *c, unsigned token,
    const struct signer_identity *ids, size_t n);

/* Number i in the order of SHA-256; NULL past the end. Borrowed, like all
 * results, until the next catalogue_replace(). */
const struct catalogue_entry *catalogue_at(const struct catalogue *c, size_t i);

const struct catalogue_entry *catalogue_by_sha256(
    const struct catalogue *c, const uint8_t thumb[SIGNER_SHA256_LEN]);

/* *others: how many more certificates have this very SHA-1. */
const struct catalogue_entry *catalogue_by_sha1(const struct catalogue *c,
    const uint8_t thumb[SIGNER_SHA1_LEN], size_t *others);

/* Another certificate with the SHA-1 of e; NULL if there is none. */
const struct catalogue_entry *catalogue_twin(
    const struct catalogue *c, const struct catalogue_entry *e);

#endif
