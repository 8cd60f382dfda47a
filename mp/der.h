/*
 * The one question about a CMS message that OpenSSL 3.0 has no call for:
 * with which cipher its content is encrypted. Decrypts nothing.
 */
#ifndef MP_DER_H
#define MP_DER_H

#include <openssl/cms.h>

/* Of EnvelopedData; yours, NULL if it cannot be told. */
ASN1_OBJECT *mp_der_content_cipher(const CMS_ContentInfo *cms);

#endif
