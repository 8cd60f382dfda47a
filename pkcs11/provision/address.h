/*
 * An address: the RFC 7512 URI that names one token, or one object on it, in
 * the form that other programs take. Reads none.
 */
#ifndef PKCS11_PROVISION_ADDRESS_H
#define PKCS11_PROVISION_ADDRESS_H

#include <stddef.h>
#include <stdint.h>

#include "pkcs11/module.h"

/* Each returns 0, or -1 if it does not fit or there is no memory. */
int address_token(const struct module_token *token, char *text, size_t room);
int address_key(const struct module_token *token, const uint8_t *label,
    size_t labellen, const uint8_t *id, size_t idlen, char *text, size_t room);

#endif
