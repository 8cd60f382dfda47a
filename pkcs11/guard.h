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
 *     again TOKEN TAG
 *
 * TOKEN is SHA-256 of the token's manufacturer, model, serial number and
 * label. TAG is 16 bits of scrypt(PIN, SALT || TOKEN): enough to know a PIN
 * again (one other in 65536 is refused without need, and the sentence says
 * what to do), too little to search the file for a long PIN: very many fit.
 * Of a PIN of four digits it gives most away; the file is its owner's alone
 * and, but for the moment of a login, names PINs that are wrong.
 *
 * A record is `pending` from before C_Login until its answer. One left over,
 * because the process died or the answer said nothing of the PIN, has one
 * grace: the PIN may be sent once more, with the record `again`. Left over a
 * second time, or if the token says that a PIN failed
 * (CKF_USER_PIN_COUNT_LOW), it counts as refused until a person looked. Only
 * the PIN that this process saw the token accept may be sent as often as a
 * failing token leaves it without an answer: it costs no try.
 *
 * The file may be one for all tokens and processes. FILE.lock is held while
 * it is read and written; FILE.TOKEN.lock (the beginning of TOKEN) during a
 * login, so that a token that hangs keeps no other one waiting.
 */
#ifndef PKCS11_GUARD_H
#define PKCS11_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pkcs11/module.h"
#include "pkcs11/token.h"

#define GUARD_PRINT_LEN 50 /* salt, TOKEN and TAG */
#define GUARD_MEMORY_MAX 8

/*
 * What one process knows, or, with memory that outlives it, one daemon:
 * refused PINs that could not be written down,
 * because the disk was full, and the PIN that the token accepted last. Zero
 * at first.
 */
struct guard_memory {
	unsigned n;
	uint8_t refused[GUARD_MEMORY_MAX][GUARD_PRINT_LEN];
	bool accepted;
	uint8_t good[GUARD_PRINT_LEN];
};

enum guard_verdict {
	GUARD_CLEAR = 1,      /* send it; a pending record is on disk */
	GUARD_REFUSED = 2,    /* this token refused this PIN before */
	GUARD_UNANSWERED = 3, /* may have: it was sent, and nobody knows */
};

struct guard;

/*
 * Waits, for wait_ms at most, until no other process logs in to this token,
 * and reads the file. On success guard_close() must follow. Borrows all.
 */
int guard_open(struct guard **gp, const char *path, struct guard_memory *memory,
    const struct module_token *token, const uint8_t *pin, size_t pinlen,
    unsigned wait_ms, struct token_trouble *why);

/*
 * Whether the PIN may be sent. low: what the token's flags say, read after
 * guard_open(), since before it another process may have used tries up.
 */
int guard_judge(struct guard *g, bool low, enum guard_verdict *verdict,
    struct token_trouble *why);

/* What became of the login. */
enum guard_end {
	GUARD_GOOD,    /* forget all that this token refused: it counts anew */
	GUARD_BAD,     /* pending becomes refused */
	GUARD_UNUSED,  /* the token did not look at the PIN: as it was before */
	GUARD_UNKNOWN, /* what is on record stays */
};

/* Writes the end down, unlocks, frees. NULL-safe. */
int guard_close(struct guard *g, enum guard_end how, struct token_trouble *why);

#endif
