/*
 * An identity as the library keeps it: a signer, the provider that makes
 * OpenSSL keys of it, and the certificate's names. Counted references, so
 * that a message may outlive the program's own.
 */
#ifndef MP_LIBRARY_IDENTITY_H
#define MP_LIBRARY_IDENTITY_H

#include <sealpoint/identity.h>

#include <stdatomic.h>

#include "agent/evp.h"
#include "agent/signer.h"

struct sealpoint_identity {
	atomic_uint refs;
	struct signer signer;
	struct evp *evp;
	struct signer_identity id;
	char thumbprint[2 * SIGNER_SHA1_LEN + 1];
};

struct sealpoint_identity *identity_ref(struct sealpoint_identity *id);

/* Reads a thumbprint; a sentence if it is none. */
int identity_thumbprint(const char *text, uint8_t buf[SIGNER_SHA256_LEN],
    size_t *len, struct sealpoint_failure *why);

/* Upper case; hex has room for 2 * len + 1. */
void identity_hex(const uint8_t *thumb, size_t len, char *hex);

#endif
