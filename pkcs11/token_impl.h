/*
 * A token from inside: for token.c, which opens it and tells what it holds,
 * and token_use.c, which uses its keys.
 */
#ifndef PKCS11_TOKEN_IMPL_H
#define PKCS11_TOKEN_IMPL_H

#include <stdatomic.h>

#include "pkcs11/link.h"
#include "pkcs11/token.h"

struct token {
	struct uri *uri;
	struct module *module;
	struct link *link;
	uint8_t seed[TOKEN_SEED_LEN];
	_Atomic uint64_t signatures;
	_Atomic uint64_t decryptions;
	_Atomic uint64_t retries;
	_Atomic uint64_t epoch;     /* in which these signatures were made */
	_Atomic uint64_t unwatched; /* not of RSA; see must_verify() */
	enum token_reauth reauth;
};

/* The entry with that key. Of one without a key only its certificate counts. */
int token_look_up(struct token *t, const struct link_use *use,
    const uint8_t *key, const struct index_entry **e,
    struct token_trouble *why);

/* The beginning of a thumbprint, enough for a person to know it again. */
const char *token_brief(char text[20], const uint8_t key[TOKEN_SHA256_LEN]);

/* Returns r; on success nothing of an earlier try stays in `why`. */
int token_end(int r, struct token_trouble *why);

#endif
