/*
 * A return value: what one PKCS#11 call said. Names it, classes it, and
 * knows what a person should do next. Knows no token, session or key.
 */
#ifndef PKCS11_RV_H
#define PKCS11_RV_H

#include <stdbool.h>

/* A CK_RV, and the C_ function that returned it. */
struct rv {
	unsigned long value;
	const char *call;
};

enum rv_class {
	RV_OK = 0,
	RV_SESSION,   /* this session is gone, and maybe all with the login */
	RV_STALE,     /* this session is in a wrong state; others are fine */
	RV_KEY,       /* the handle names no key any more */
	RV_ABSENT,    /* the token is not in its slot */
	RV_DEVICE,    /* the token failed: it must be set up anew */
	RV_SUSPECT,   /* could be anything: look at the token's health */
	RV_BUSY,      /* too much at once */
	RV_PIN,       /* no PIN, or a wrong one */
	RV_PINLOCKED, /* the PIN is locked */
	RV_MECHANISM, /* key or token cannot do this */
	RV_ARGUMENT,  /* what was asked makes no sense to the token */
	RV_DATA,      /* the data is refused */
	RV_MEMORY,    /* this host is out of memory */
	RV_MODULE,    /* the module itself cannot go on */
};

bool rv_ok(struct rv rv);
const char *rv_name(struct rv rv); /* "CKR_DEVICE_REMOVED", or in words */
enum rv_class rv_class(struct rv rv);
bool rv_retry(struct rv rv);       /* the same call may succeed later */
int rv_err(struct rv rv);          /* enum token_err of its class */
const char *rv_next(struct rv rv); /* a clause: what to do about it */

/* The operation never ran to its end because session, key or token is lost. */
bool rv_lost(struct rv rv);

/* Setting the token up anew, and trying once more, may help. */
bool rv_mendable(struct rv rv);

/*
 * How often an operation (never a login) is repeated that ended so: once if
 * something was lost and is mended; thrice, with growing pauses, if the token
 * is busy, which some HSMs that throttle call CKR_FUNCTION_FAILED or
 * CKR_OPERATION_ACTIVE; else never.
 */
unsigned rv_repeats(struct rv rv);

#endif
