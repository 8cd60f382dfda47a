/*
 * An identity: a certificate, and somebody who uses its private key for us:
 * the agent, or a signer of the program's own. Holds no key.
 *
 * An identity never changes; any number of threads may use one at once.
 */
#ifndef SEALPOINT_IDENTITY_H
#define SEALPOINT_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#include <sealpoint/error.h>
#include <sealpoint/signer.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sealpoint_identity;

/* Digests, under the numbers that ported code has (CALG_SHA1 ...). */
enum sealpoint_hash {
	SEALPOINT_HASH_SHA1 = 0x8004,
	SEALPOINT_HASH_SHA256 = 0x800C,
};

/*
 * The key that the agent at `socket` holds for a certificate's thumbprint
 * (SHA-1 or SHA-256, hexadecimal, spaces and colons allowed). socket NULL:
 * $SEALPOINT_AGENT, or else the system's. *out is yours:
 * sealpoint_identity_free().
 */
SEALPOINT_API int sealpoint_identity_from_agent(struct sealpoint_identity **out,
    const char *socket, const char *thumbprint, struct sealpoint_failure *why);

/*
 * The same from a signer. The table is copied; what its ctx points to is
 * lent until close() is called, which happens after the last use, or before
 * this function returns a failure.
 */
SEALPOINT_API int sealpoint_identity_from_signer(
    struct sealpoint_identity **out, const struct sealpoint_signer *signer,
    const char *thumbprint, struct sealpoint_failure *why);

/* NULL-safe. Messages that were given the identity keep it alive. */
SEALPOINT_API void sealpoint_identity_free(struct sealpoint_identity *id);

/* SHA-1, 40 upper-case hexadecimal digits. Lives as long as the identity. */
SEALPOINT_API const char *sealpoint_identity_thumbprint(
    const struct sealpoint_identity *id);

/*
 * The DER certificate, as an administrator imports it. In *len: room, then
 * bytes; too little room is SEALPOINT_ERR_ROOM, with the bytes needed.
 */
SEALPOINT_API int sealpoint_identity_certificate(
    const struct sealpoint_identity *id, uint8_t *der, size_t *len,
    struct sealpoint_failure *why);

/*
 * Hashes data and signs it: RSA, PKCS#1 v1.5, as SignatureValue of a
 * registration that a program builds itself wants it (reverse the bytes:
 * management points read them last byte first). In *len: room, then bytes;
 * 1024 are always enough.
 */
SEALPOINT_API int sealpoint_identity_sign(const struct sealpoint_identity *id,
    enum sealpoint_hash hash, const uint8_t *data, size_t datalen, uint8_t *sig,
    size_t *len, struct sealpoint_failure *why);

#ifdef __cplusplus
}
#endif

#endif
