/*
 * The proof that a private key fits a certificate, where the token lets
 * nobody read the key's public part: one signature over random bytes, made
 * by the token and verified by libcrypto. Knows nothing of how the two were
 * brought together.
 */
#ifndef PKCS11_PROOF_H
#define PKCS11_PROOF_H

#include "pkcs11/cert.h"
#include "pkcs11/key.h"

/*
 * *fits: k signs for c. A key that may not sign, or not without a permit,
 * proves nothing, and does not fit. The return value is that of the signature.
 */
struct rv proof_sign(struct module *m, unsigned long session,
    const struct key *k, struct cert *c, bool *fits);

#endif
