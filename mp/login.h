/*
 * A name and a password for HTTP, as a file holds them. The one type of this
 * folder that holds a secret, and its one wiper. Knows nothing of whom they
 * are shown to.
 */
#ifndef MP_LOGIN_H
#define MP_LOGIN_H

#include "mp/error.h"

#define MP_LOGIN_MAX 256 /* bytes of a name or a password, with NUL */

struct mp_login {
	char user[MP_LOGIN_MAX]; /* "" if there is none */
	char password[MP_LOGIN_MAX];
};

/*
 * Reads "NAME:PASSWORD" from the one line of a regular file that we or root
 * own and nobody else may read. `what` names the purpose in sentences, which
 * never hold a part of the content. Wiped on failure.
 */
int mp_login_read(
    struct mp_login *l, const char *path, const char *what, struct mp_error *e);
void mp_login_wipe(struct mp_login *l); /* NULL-safe */

#endif
