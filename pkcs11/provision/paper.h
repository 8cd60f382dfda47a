/*
 * A paper: a certificate or a request in the making, from its words to the
 * bytes to be signed, and with their signature to its DER. Touches no token.
 */
#ifndef PKCS11_PROVISION_PAPER_H
#define PKCS11_PROVISION_PAPER_H

#include "pkcs11/provision/provision.h"

#define PAPER_TBS_MAX 8192

struct paper {
	uint8_t tbs[PAPER_TBS_MAX]; /* to be signed */
	size_t tbslen;
	enum token_keytype type; /* of the key that signs */
	enum token_hash hash;
};

/* For a key: whose it is, and its SubjectPublicKeyInfo. */
struct paper_key {
	enum token_keytype type;
	uint32_t bits;
	const uint8_t *spki;
	size_t spkilen;
};

/*
 * A certificate of a key for itself: version 3, a random serial number of
 * 160 bits, valid from an hour ago, for signatures and encryption by
 * Configuration Manager's clients.
 */
int paper_certificate(struct paper *p, const struct paper_key *key,
    const struct provision_wish *wish, struct token_trouble *why);

/* A PKCS#10 request for a TLS client's certificate. */
int paper_request(struct paper *p, const struct paper_key *key,
    const char *subject, const char *const *names, size_t nnames,
    struct token_trouble *why);

/* DER of the signed whole; der holds PROVISION_DER_MAX bytes. */
int paper_join(const struct paper *p, const uint8_t *sig, size_t siglen,
    uint8_t *der, size_t *len, struct token_trouble *why);

#endif
