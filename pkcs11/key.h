/*
 * A private key on the token: its handle, what can be read of it, and what
 * token and key can do together. A handle means something only as long as
 * the login under which it was found; so keys are never kept across a reset,
 * but found and proved anew. Knows nothing of certificates.
 */
#ifndef PKCS11_KEY_H
#define PKCS11_KEY_H

#include "pkcs11/module.h"
#include "pkcs11/pub.h"
#include "pkcs11/token.h"

#define KEY_TAG_MAX 255

/* A name that ties objects together: CKA_ID or CKA_LABEL. */
struct key_tag {
	uint8_t bytes[KEY_TAG_MAX];
	uint8_t len; /* 0: it has none, or one that is too long */
};
struct key_tags {
	struct key_tag id, label;
};

struct key {
	unsigned long handle;
	struct pub pub; /* type and bits always; digest if known */
	bool known;     /* the token told its public part */
	bool always;    /* CKA_ALWAYS_AUTHENTICATE: each use wants a permit */
	uint32_t mechs; /* as in token_identity */
	bool open_raw;  /* decrypts without looking at the padding, too */
};

/* What the token offers, read once a scan. */
struct key_mechs {
	uint32_t sign;    /* bits of TOKEN_MECH(scheme), and raw RSA */
	uint32_t decrypt; /* TOKEN_MECH(TOKEN_RSA_OAEP), DECRYPT_PKCS1 */
};

/*
 * Lets one use of a key with `always` run, between ...Init and what it
 * begins. An error of the token layer and *rv, or TOKEN_OK.
 */
struct key_permit {
	int (*get)(void *ctx, unsigned long session, struct rv *rv);
	void *ctx;
};

struct rv key_mechs_read(
    struct key_mechs *mechs, struct module *m, unsigned long slot);

/*
 * Reads the private key with that handle. CKR_OK and *use = false: a key
 * that we have no use for, by its type, size or curve.
 */
struct rv key_read(struct key *k, struct key_tags *tags, struct module *m,
    unsigned long session, unsigned long handle, const struct key_mechs *mechs,
    bool *use);

/* Reads a public key object. *use as above. */
struct rv key_public_read(struct pub *pub, struct key_tags *tags,
    struct module *m, unsigned long session, unsigned long handle, bool *use);

/* CKA_ID and CKA_LABEL of any object. */
struct rv key_tags_read(struct key_tags *tags, struct module *m,
    unsigned long session, unsigned long handle);

bool key_tag_same(const struct key_tag *a, const struct key_tag *b);

#endif
