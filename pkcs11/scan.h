/*
 * A scan: reads every certificate and key of a token once, and puts each
 * certificate together with its private key. That they belong together is
 * shown by the public key, never by a name: CKA_ID only chooses among keys
 * that fit, and tells where a proof is worth trying. An object that cannot
 * be read or understood is left out, and hides no other. Certificates from
 * files join those of the token; their keys sign once, in any case, before
 * they are believed.
 */
#ifndef PKCS11_SCAN_H
#define PKCS11_SCAN_H

#include "pkcs11/certfile.h"
#include "pkcs11/index.h"
#include "pkcs11/module.h"

/*
 * *ix is the caller's. CKR_HOST_MEMORY if memory is out; another failure
 * means that session or token are not usable now.
 */
struct rv scan_token(struct index **ix, struct module *m, unsigned long slot,
    unsigned long session, const struct certfile *files);

#endif
