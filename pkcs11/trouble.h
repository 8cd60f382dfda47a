/*
 * A trouble: one sentence for a failure, put together in one way, so that
 * each names the token, the call, its CKR value and the next step. Decides
 * nothing.
 */
#ifndef PKCS11_TROUBLE_H
#define PKCS11_TROUBLE_H

#include <stdbool.h>

#include "pkcs11/rv.h"
#include "pkcs11/token.h"

void trouble_clear(struct token_trouble *why); /* NULL-safe */

/* The caller's own sentence, with no CKR. Returns err. */
int trouble_say(struct token_trouble *why, int err, bool retry, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));

/*
 * "who: doing: C_Sign says CKR_DEVICE_ERROR (0x30); next step". Returns the
 * error of rv's class. `who` is a token's printed name or a URI.
 */
int trouble_rv(struct token_trouble *why, const char *who, const char *doing,
    struct rv rv);

#endif
