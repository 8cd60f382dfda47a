/*
 * Whom we believe: pinned MP certificates, and the check of a reply's
 * signature against them (wire-facts 6.3). A signer that is embedded in the
 * signature but not pinned proves nothing.
 */
#ifndef MP_TRUST_H
#define MP_TRUST_H

#include <stdbool.h>

#include <openssl/x509.h>

#include "mp/reply.h"

enum mp_signature_rule {
	MP_SIGNATURE_REQUIRED = 0, /* a reply without one is refused */
	MP_SIGNATURE_TLS = 1,      /* ... is accepted over verified TLS */
};

struct mp_trust;

/*
 * path: a PEM or DER certificate, a PEM bundle, or a directory of such; NULL
 * opens an empty store (every signature is then a wrong one).
 */
int mp_trust_open(struct mp_trust **tp, const char *path, struct mp_error *e);
void mp_trust_close(struct mp_trust *t); /* NULL-safe */
size_t mp_trust_count(const struct mp_trust *t);

/* Signatures made with SHA-1 are good, too: of sites of old (2007). */
void mp_trust_allow_sha1(struct mp_trust *t);

/* Is it one of the pinned certificates, byte for byte? */
bool mp_trust_has(const struct mp_trust *t, const X509 *cert);

/*
 * Is r the reply of `host` in `site`? *proof tells how it was proven:
 * "signature", or "tls" where the rule allows it and r carries no signature.
 * A wrong signature is MP_ETRUST under either rule, and so is one whose hash is
 * weaker than SHA-256.
 */
int mp_trust_verify(const struct mp_trust *t, const struct mp_reply *r,
    const char *site, const char *host, enum mp_signature_rule rule,
    bool over_tls, const char **proof, struct mp_error *e);

#endif
