/*
 * The sessions of this process: their number, its limit, and the ways to lose
 * them all. Knows nothing of what is done with one.
 */
#ifndef TESTS_FAULTMOD_SESSIONS_H
#define TESTS_FAULTMOD_SESSIONS_H

#include <p11-kit/pkcs11.h>

/* None is open, nothing is to be lost: the library was initialised. */
void sessions_start(void);

/* Takes sessions away and numbers handles anew, if the test asked for it. */
void sessions_follow(void);

/* Between these two no session is taken away. */
void sessions_hold(void);
void sessions_let_go(void);

CK_SESSION_HANDLE sessions_real(CK_SESSION_HANDLE ours);
CK_ULONG sessions_object_shift(void);

#endif
