/*
 * The guard: a small file that remembers which PIN a token refused, so that
 * no restart, crash or second process sends it again and locks the card.
 * login.h says when it is asked. Sends no PIN itself.
 *
 * The file is text, 0600, one header line with a random salt and one line
 * for each record:
 *
 *     sealpoint-guard 1 SALT
 *     refused TOKEN TAG
 *     pending TOKEN TAG
 *
 * TOKEN is SHA-256 of the token's manufacturer, model, serial number and
 * label. TAG is 16 bits of scrypt(PIN, SALT || TOKEN): enough to know a PIN
 * again (one other in 65536 is refused without need, and the sentence says
 * what to do), too little to search the file for a long PIN: very many fit.
 * Of a PIN of four digits it gives most away; the file is its owner's alone
 * and, but for the moment of a login, names PINs that are wrong.
 *
 * A record is `pending` from before C_Login until its answer. One left over
 * from a crash counts as refused if the token says that a PIN failed
 * (CKF_USER_PIN_COUNT_LOW); else the PIN may be sent.
 */
#ifndef PKCS11_GUARD_H
#define PKCS11_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pkcs11/module.h"
#include "pkcs11/token.h"

enum guard_verdict {
	GUARD_CLEAR = 1,   /* send it; a pending record is on disk */
	GUARD_REFUSED = 2, /* this token refused this PIN before */
};

struct guard;

/*
 * Locks the file (with FILE.lock, for wait_ms at most), reads it, and judges
 * the PIN. With GUARD_CLEAR the guard is open, and guard_close() must follow;
 * with GUARD_REFUSED, or an error and a sentence, it is not.
 */
int guard_open(struct guard **gp, const char *path,
    const struct module_token *token, const uint8_t *pin, size_t pinlen,
    bool low, unsigned wait_ms, enum guard_verdict *verdict,
    struct token_trouble *why);

/* What became of the login. */
enum guard_end {
	GUARD_GOOD,    /* forget all that this token refused: it counts anew */
	GUARD_BAD,     /* pending becomes refused */
	GUARD_UNUSED,  /* the token did not look at the PIN: no record */
	GUARD_UNKNOWN, /* pending stays */
};

/* Writes the end down, unlocks, frees. NULL-safe. */
int guard_close(struct guard *g, enum guard_end end, struct token_trouble *why);

#endif
