/*
 * A distinguished name as people write it, to its DER. Two forms:
 *
 *     CN=pc7,OU=Clients,O=Example\, Inc,C=DE     RFC 4514, most specific first
 *     /C=DE/O=Example, Inc/OU=Clients/CN=pc7     the other way round
 *
 * RFC 4514's escapes work in both. Knows nothing of what the name is for.
 */
#ifndef PKCS11_PROVISION_NAME_H
#define PKCS11_PROVISION_NAME_H

#include <stddef.h>
#include <stdint.h>

#include "pkcs11/token.h"

#define NAME_TEXT_MAX 1024
#define NAME_DER_MAX 4096

/* In *len: bytes. TOKEN_ECONFIG and a sentence for what is no name. */
int name_parse(const char *text, uint8_t der[NAME_DER_MAX], size_t *len,
    struct token_trouble *why);

#endif
