/*
 * What a test and the counting module share: a page of memory behind a file,
 * so that child processes share it too. The module forwards to another one,
 * counts what reaches it, and fails, hides or lies as told here.
 *
 * Environment: COUNTMOD_MODULE, the module to forward to; COUNTMOD_FILE, the
 * file of the page.
 */
#ifndef TESTS_FAKE_COUNTMOD_H
#define TESTS_FAKE_COUNTMOD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum countmod_call {
	COUNTMOD_INITIALIZE,
	COUNTMOD_SLOTS,
	COUNTMOD_TOKEN_INFO,
	COUNTMOD_MECHS,
	COUNTMOD_OPEN,
	COUNTMOD_CLOSE,
	COUNTMOD_SESSION_INFO,
	COUNTMOD_LOGIN,
	COUNTMOD_FIND,
	COUNTMOD_READ,
	COUNTMOD_SIGN_INIT,
	COUNTMOD_SIGN,
	COUNTMOD_DECRYPT_INIT,
	COUNTMOD_DECRYPT,
	COUNTMOD_CALLS,
};

struct countmod {
	_Atomic uint64_t calls[COUNTMOD_CALLS];

	/* The next `times` calls of it, after `skip` more, answer `rv`
	 * without reaching the token. */
	struct {
		atomic_ulong rv;
		atomic_long skip, times;
	} fault[COUNTMOD_CALLS];

	atomic_bool absent;         /* no slot has a token */
	atomic_bool drop;           /* once: the next C_SignInit finds every
				       session closed */
	atomic_ulong sessions_max;  /* C_OpenSession: CKR_SESSION_COUNT beyond;
				       0 means no limit */
	atomic_ulong sessions_said; /* ulMaxSessionCount, if not 0 */
	atomic_long sessions;       /* open now, of one process */
	atomic_ulong flags_on, flags_off; /* of CK_TOKEN_INFO */
	atomic_bool no_pss;               /* CKM_RSA_PKCS_PSS is not offered */
	atomic_bool no_raw;               /* CKM_RSA_X_509 is not offered */
	atomic_bool mute;                 /* CKA_EC_POINT cannot be read */
	atomic_bool always;               /* CKA_ALWAYS_AUTHENTICATE is true */
	atomic_bool untold;  /* who asks for CKA_ID: CKR_FUNCTION_FAILED */
	atomic_ulong serial; /* another serial number, if not 0 */
	atomic_long sign_len, decrypt_len; /* added to what came out */
	atomic_long spoil;                 /* so many signatures are wrong */
	atomic_ulong nap_us;               /* in C_Sign */
	atomic_ulong crowd, crowd_max;     /* in C_Sign, now and at most */
};

/*
 * Makes the page in a new file of that name, and sets the environment for
 * the module and children. Never fails: ends the program.
 */
struct countmod *countmod_make(const char *file, const char *module);

#endif
