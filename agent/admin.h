/*
 * An admin: the operator, who speaks to the agent's control socket and brings
 * PINs to the doors of its tokens. For root and the agent's own user. Knows no
 * keys.
 *
 * Calls return SIGNER_OK, or an enum signer_err with a sentence. An admin is
 * for one thread.
 */
#ifndef AGENT_ADMIN_H
#define AGENT_ADMIN_H

#include "agent/signer.h"

#define ADMIN_TOKENS_MAX 16
#define ADMIN_TIMEOUT_MS 60000 /* if the caller says 0 */

struct admin;

struct admin_token {
	char name[SIGNER_TOKEN_MAX];
	bool wants; /* its PIN, with admin_bring() */
};

struct admin_probe {
	char name[SIGNER_TOKEN_MAX];
	int err;                       /* enum signer_err: how the token did */
	uint8_t sha1[SIGNER_SHA1_LEN]; /* of the certificate of the key used */
	uint32_t us;                   /* that the signature took */
	struct signer_trouble why;
};

/*
 * Connects to the control socket at path; NULL means $SEALPOINT_CONTROL, or
 * else the system's default. timeout_ms bounds each call.
 */
int admin_open(struct admin **op, const char *path, unsigned timeout_ms,
    struct signer_trouble *why);
void admin_close(struct admin *op); /* NULL-safe */

/* name: NULL for all. Stores which tokens were meant, ADMIN_TOKENS_MAX at
 * most. */
int admin_lock(struct admin *op, const char *name, struct admin_token *tokens,
    size_t *n, struct signer_trouble *why);
int admin_unlock(struct admin *op, const char *name, struct admin_token *tokens,
    size_t *n, struct signer_trouble *why);

/* Brings the PIN of 1 to 256 bytes; no copy is left here. */
int admin_bring(struct admin *op, const char *name, const uint8_t *pin,
    size_t len, struct signer_trouble *why);

/* All metrics as text with a NUL behind; yours to free. */
int admin_metrics(
    struct admin *op, char **text, size_t *len, struct signer_trouble *why);

/* A signature with token number `index` (0...); SIGNER_ENOKEY past the end. */
int admin_probe(struct admin *op, unsigned index, struct admin_probe *probe,
    struct signer_trouble *why);

/* The agent reads its configuration again; what it thinks of it, it logs. */
int admin_reload(struct admin *op, struct signer_trouble *why);

#endif
