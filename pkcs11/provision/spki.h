/*
 * A public key as certificates and requests carry it: SubjectPublicKeyInfo
 * in DER, made of what an object of the token tells of its public part.
 */
#ifndef PKCS11_PROVISION_SPKI_H
#define PKCS11_PROVISION_SPKI_H

#include <stddef.h>
#include <stdint.h>

#include "pkcs11/module.h"
#include "pkcs11/token.h"

#define SPKI_MAX 2048

/* 0, or -1 if the object does not tell, or tells what is no key. */
int spki_read(struct module *m, unsigned long session, unsigned long object,
    enum token_keytype type, uint8_t der[SPKI_MAX], size_t *len);

#endif
