/*
 * What tests of agent/evp start from: a soft signer with keys of each type,
 * each as an EVP_PKEY too. Knows nothing of what is tested with them.
 */
#ifndef TESTS_UNIT_AGENT_EVP_RIG_H
#define TESTS_UNIT_AGENT_EVP_RIG_H

#include "agent/evp.h"
#include "tests/fake/soft_signer.h"

enum rig_type {
	RIG_RSA,
	RIG_RSA_PSS, /* restricted to SHA-256 and 32 bytes of salt */
	RIG_P256,
	RIG_P384,
	RIG_ED25519,
	RIG_TYPES,
};

struct rig_key {
	struct signer_identity id;
	X509 *cert;
	EVP_PKEY *key; /* made by evp_key() */
	EVP_PKEY *pub; /* of the certificate, in the default provider */
};

struct rig {
	struct soft_signer *soft;
	struct signer signer;
	struct evp *evp;
	struct rig_key keys[RIG_TYPES];
};

/* Group fixtures of cmocka; *state becomes a struct rig. */
int rig_setup(void **state);
int rig_teardown(void **state);

unsigned long rig_signs(struct rig *rig); /* asked of the signer so far */

/* Sets one textual option; 1 if it was taken. */
int rig_set_text(EVP_PKEY_CTX *ctx, const char *name, const char *value);

/* Starts a signature, PSS with this salt if any; NULL if that was refused. */
EVP_MD_CTX *rig_start(EVP_PKEY *key, const char *md, const char *salt);

/* As the default provider sees it; salt NULL: PKCS#1 v1.5 or no RSA. */
bool rig_verify(EVP_PKEY *pub, const char *md, const char *salt,
    const uint8_t *data, size_t len, const uint8_t *sig, size_t siglen);

#endif
