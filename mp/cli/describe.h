/*
 * Identities and certificates in words: the fields that commands print. Pure:
 * asks no signer and prints nothing.
 */
#ifndef MP_CLI_DESCRIBE_H
#define MP_CLI_DESCRIBE_H

#include <openssl/x509.h>

#include "agent/signer.h"
#include "mp/cli/record.h"

#define DESCRIBE_KEY_MAX 24

/* "rsa-2048", "ec-p256", "ed25519" */
void describe_key(
    const struct signer_identity *id, char text[DESCRIBE_KEY_MAX]);

/* Upper-case hex, NUL-terminated; text holds 2 * len + 1 bytes. */
void describe_hex(const uint8_t *data, size_t len, char *text);

/* Sets thumbprint, sha256, key, token, mechanisms and uses. */
void describe_identity(struct record *r, const struct signer_identity *id);

/* Sets subject, issuer, serial, not_before and not_after. */
void describe_certificate(struct record *r, const X509 *cert);

/* Sets thumbprint and sha256 from the certificate itself. */
void describe_thumbprints(struct record *r, const X509 *cert);

/* The names alone; each yours to free, NULL if it cannot be made. */
char *describe_name(const X509_NAME *name); /* RFC 2253 */
char *describe_time(const ASN1_TIME *time); /* 2026-11-23T12:00:00Z */
char *describe_pem(const X509 *cert);

/* Mechanisms of the identity, as in its record, with ", " between. */
void describe_mechanisms(
    const struct signer_identity *id, char *text, size_t textlen);

#endif
