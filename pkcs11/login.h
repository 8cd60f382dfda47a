/*
 * A login: brings the token's user in, and sees to it that no PIN try is
 * ever wasted. Knows nothing of keys.
 *
 * Before C_Login is called
 *
 *  - the token's flags are read, and again once no other process logs in:
 *    a PIN that is locked, has one try left or must be changed is left to a
 *    person;
 *  - the guard (guard.h), a file named in the configuration, is asked whether
 *    this token refused this PIN before, whichever process sent it; if so,
 *    C_Login is not called;
 *  - the guard's record that the PIN is now being sent is on disk. If it
 *    cannot be written, no PIN is sent.
 *
 * So a wrong PIN reaches the token once, however often processes restart,
 * until another PIN is configured; and twice at the most if the token's
 * answer to the first try was lost, or said nothing of the PIN, unless this
 * process saw the token accept that very PIN. Where the token
 * has a PIN pad and no PIN is lent, the guard has nothing to remember; whoever
 * mistypes there, or lets it wait three times, is not asked again before the
 * process restarts.
 */
#ifndef PKCS11_LOGIN_H
#define PKCS11_LOGIN_H

#include "pkcs11/guard.h"
#include "pkcs11/module.h"
#include "pkcs11/slot.h"
#include "pkcs11/token.h"

struct login {
	const struct token_config *cfg;
	struct guard_memory memory; /* unless the configuration has some */
	unsigned pad_vain; /* times that its PIN pad was asked in vain */
};

/*
 * Logs in on `session`, unless the token needs none or this session says
 * that the user is logged in. *rv: what the token said, if it was asked.
 */
int login_do(struct login *l, struct module *m, struct slot *slot,
    unsigned long session, struct rv *rv, struct token_trouble *why);

/*
 * Lets one operation run that was begun on `session`, with a key that has
 * CKA_ALWAYS_AUTHENTICATE; under the same rules. Nothing else may run on the
 * token between the operation's beginning and its end.
 */
int login_key(struct login *l, struct module *m, const struct slot *slot,
    unsigned long session, struct rv *rv, struct token_trouble *why);

/* After rv from login_do(): may it be tried again at once, and help? */
bool login_again(struct rv rv);

#endif
