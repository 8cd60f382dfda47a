/*
 * Opens CMS EnvelopedData with a key that may be far away (wire-facts 5.4).
 * One generic failure after the whole is processed: success is no proof of
 * origin, failure tells nobody why.
 */
#ifndef MP_CMS_H
#define MP_CMS_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "mp/buf.h"
#include "mp/error.h"

/* Does it look like a DER ContentInfo of EnvelopedData? */
bool mp_cms_is_enveloped(const uint8_t *data, size_t len);

/*
 * DER, or PEM if it starts with "-----". Tries the key on every key-transport
 * recipient, whatever its identifier says, up to 16 of them; those that name
 * cert, which may be NULL, go first. A message for more than 64 of any kind
 * is MP_ELIMIT. Trailing bytes are ignored.
 */
int mp_cms_open(const uint8_t *data, size_t len, EVP_PKEY *key, X509 *cert,
    struct mp_buf *clear, struct mp_error *e);

#endif
