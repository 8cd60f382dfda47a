/*
 * A signer whose keys are files: a small, real implementation of
 * agent/signer.h for tests. It really signs and decrypts, counts calls, and
 * can be told to fail. Never part of the product.
 */
#ifndef TESTS_FAKE_SOFT_SIGNER_H
#define TESTS_FAKE_SOFT_SIGNER_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "agent/signer.h"

struct soft_signer;

/* What it did, and what it was last asked to sign. */
struct soft_counts {
	unsigned long signs, decrypts, finds, certificates;
	enum signer_scheme scheme;
	enum signer_hash hash;
	bool digest;
	uint16_t saltlen;
};

struct soft_signer *soft_signer_new(void);

/* Makes a key ("rsa-2048", "ec-p256", "ec-p384") and a self-signed
 * certificate for CN=cn; NULL cert out is allowed, else it is yours. */
void soft_signer_make(struct soft_signer *s, const char *type, const char *cn,
    struct signer_identity *id, X509 **cert);

/* Takes references to a key and its certificate. */
void soft_signer_add(struct soft_signer *s, EVP_PKEY *key, X509 *cert,
    struct signer_identity *id);

/* The next `times` operations fail with err (SIGNER_OK: no more failing). */
void soft_signer_fail(struct soft_signer *s, int err, unsigned long times);

struct soft_counts soft_signer_counts(struct soft_signer *s);

/* signer_close() frees it. */
void soft_signer_signer(struct soft_signer *s, struct signer *out);

#endif
