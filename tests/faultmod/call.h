/*
 * A call on its way through the faulty module: counted, held to the rules,
 * let through to the real module or answered at once. Knows no function's
 * meaning. The statics of this folder are the module's state, as the C API
 * of PKCS #11 has no place for it; all are set up before the first call.
 */
#ifndef TESTS_FAULTMOD_CALL_H
#define TESTS_FAULTMOD_CALL_H

#include <stdbool.h>

#include <p11-kit/pkcs11.h>

#include "tests/faultmod/faultmod.h"
#include "tests/faultmod/functions.h"

struct call {
	unsigned function;
	enum faultmod_action action; /* of the rule that it obeys, or 0 */
	uint64_t value;
	bool locked;
	CK_RV rv; /* the answer, when call_begin() said false */
};

/* Must come before all others. */
void call_attach(struct faultmod *page, CK_FUNCTION_LIST *real);
struct faultmod *call_page(void);
CK_FUNCTION_LIST *call_real(void);

/* May it go to the real module? If not, answer c->rv. */
bool call_begin(struct call *c, enum faultmod_function function);

/*
 * The same for a call with a session: its handle becomes the real one, and
 * nobody takes sessions away before call_end().
 */
bool call_begin_session(struct call *c, enum faultmod_function function,
    CK_SESSION_HANDLE *session);

/* Takes what the real module said; what to say instead. */
CK_RV call_end(struct call *c, CK_RV rv);
/* The same for what hands out a length. */
CK_RV call_end_length(struct call *c, CK_RV rv, CK_ULONG *len);

/* The real module's object handle, and ours. */
CK_OBJECT_HANDLE call_object(CK_OBJECT_HANDLE ours);
void call_objects_out(CK_RV rv, CK_OBJECT_HANDLE *objects, CK_ULONG n);

#endif
