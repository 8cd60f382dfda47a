/*
 * Slots as the test wants them seen, each the real one of the token that is
 * in it. Knows nothing of sessions.
 */
#ifndef TESTS_FAULTMOD_SLOTS_H
#define TESTS_FAULTMOD_SLOTS_H

#include <p11-kit/pkcs11.h>

/*
 * The real slot of a slot with a token; else CKR_TOKEN_NOT_PRESENT, or what
 * the real module says of numbers that name none.
 */
CK_RV slots_real(CK_SLOT_ID ours, CK_SLOT_ID *real);
CK_SLOT_ID slots_ours(CK_SLOT_ID real);

#endif
