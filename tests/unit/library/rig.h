/*
 * What the tests of the library share: a soft signer behind the public table
 * of functions, and an identity made of it. Speaks to the library through
 * <sealpoint/...> alone.
 */
#ifndef TESTS_UNIT_LIBRARY_RIG_H
#define TESTS_UNIT_LIBRARY_RIG_H

#include <sealpoint/sealpoint.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/x509.h>

#include "tests/fake/soft_signer.h"

struct rig {
	struct soft_signer *soft;
	struct signer signer;
	struct sealpoint_signer table;
	unsigned closed; /* times that the library called close */
	int answer;      /* if not 0, all the signer says */
	bool other;      /* find another certificate than the one asked for */
};

void rig_start(struct rig *r);
void rig_end(struct rig *r);

/* A thumbprint as people write it. */
void rig_hex(const uint8_t *bytes, size_t len, char *hex);

/* The sentence must have these words. */
void rig_says(const struct sealpoint_failure *why, const char *words);

#endif
