/*
 * A signer's key as an OpenSSL EVP_PKEY, for TLS client authentication, CMS
 * and X.509 signing. A provider of our own (keymgmt, signature, asym_cipher)
 * lives alone in a library context of its own, so no fetch of any other code
 * can pick it by accident; no ENGINE, and RSA-PSS reaches the signer as
 * RSA-PSS. This is the one header of agent/ that speaks OpenSSL's types.
 *
 * One-shot signatures (as TLS makes them) send the message itself to the
 * signer while it fits SIGNER_TBS_MAX, so that the signer sees what it signs.
 */
#ifndef AGENT_EVP_H
#define AGENT_EVP_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "agent/signer.h"

struct evp; /* the provider and its library context */

int evp_open(struct evp **ep, struct signer_trouble *why);

/* NULL-safe. Keys made from it stay valid until freed. */
void evp_close(struct evp *e);

/*
 * The private key `id` of signer s. Takes the public half from `cert`, which
 * stays the caller's. s is borrowed: it must outlive every use of the key.
 * The key is yours: EVP_PKEY_free. Any number of threads may use it at once.
 */
int evp_key(struct evp *e, const struct signer *s,
    const struct signer_identity *id, X509 *cert, EVP_PKEY **key,
    struct signer_trouble *why);

/*
 * What the signer said when the last operation of this thread with such a
 * key failed; OpenSSL's error queue has no room for it. Borrowed until the
 * thread's next operation; text is "" if none failed.
 */
const struct signer_trouble *evp_trouble(void);

#endif
