/*
 * What the tests of provisioning share: the rig's token, opened for
 * provisioning, and certificates that a soft authority issues for its keys.
 */
#ifndef TESTS_UNIT_PROVISION_SCENE_H
#define TESTS_UNIT_PROVISION_SCENE_H

#include <openssl/x509.h>

#include "pkcs11/provision/provision.h"
#include "tests/unit/pkcs11/rig.h"

struct provision_config scene_config(struct rig *rig);

/* Opens for provisioning, or fails the test with the sentence. */
struct provision *scene_open(struct rig *rig);

/* Fails the test with the sentence unless r is what was expected, or unless
 * the sentence has these words. */
void scene_expect(struct rig *rig, int r, int expected, const char *words);

struct provision_choice scene_label(const char *label);

/* A certificate for the request's key, in DER; issued by a soft authority. */
size_t scene_issue(const uint8_t *csr, size_t csrlen, uint8_t *der);

/* How many objects of the token have that label. */
size_t scene_objects(struct rig *rig, const char *label);

/* Whether the data path finds the certificate with its key, and signs. */
bool scene_serves(struct rig *rig, const uint8_t *der, size_t len);

#endif
