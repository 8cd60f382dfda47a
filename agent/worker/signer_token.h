/*
 * A token seen as a signer: the only bridge between agent/ and pkcs11/.
 * Hashes messages, and translates errors into what an outsider may learn.
 */
#ifndef AGENT_WORKER_SIGNER_TOKEN_H
#define AGENT_WORKER_SIGNER_TOKEN_H

#include "agent/signer.h"
#include "pkcs11/token.h"

/* Borrows the token, which must outlive *s. Any thread may use *s. */
void signer_from_token(struct signer *s, struct token *t);

/* The same translation, for failures outside a signer's calls. */
int signer_err_from_token(int err);
void signer_trouble_from_token(
    struct signer_trouble *to, const struct token_trouble *from);

/* uses and token are left for the caller to fill. */
void signer_identity_from_token(
    struct signer_identity *to, const struct token_identity *from);

#endif
