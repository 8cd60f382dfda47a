/*
 * A trial: one signature for its own sake, to see that a token works and how
 * long it takes. What is signed begins with fixed words and is random for the
 * rest, so that it is of no use to anybody else.
 */
#ifndef AGENT_WORKER_TRIAL_H
#define AGENT_WORKER_TRIAL_H

#include "agent/signer.h"
#include "pkcs11/token.h"

/*
 * With the first key that signs. sha1: of its certificate; *us: what the
 * signature took, waiting for the token included. SIGNER_OK, or an enum
 * signer_err with a sentence.
 */
int trial_run(struct token *t, uint8_t sha1[SIGNER_SHA1_LEN], uint32_t *us,
    struct signer_trouble *why);

#endif
