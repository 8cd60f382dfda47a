/* Functions with a session that only pass through, by the shape of their
 * arguments. */
#include "tests/faultmod/call.h"

/* (session) */
#define BARE(name)                                                \
	CK_RV                                                     \
	C_##name(CK_SESSION_HANDLE s)                             \
	{                                                         \
		struct call c;                                    \
                                                                  \
		if (!call_begin_session(&c, FAULTMOD_##name, &s)) \
			return c.rv;                              \
		return call_end(&c, call_real()->C_##name(s));    \
	}

/* (session, mechanism, key) */
#define START(name)                                                           \
	CK_RV                                                                 \
	C_##name(CK_SESSION_HANDLE s, CK_MECHANISM *mech, CK_OBJECT_HANDLE k) \
	{                                                                     \
		struct call c;                                                \
                                                                              \
		if (!call_begin_session(&c, FAULTMOD_##name, &s))             \
			return c.rv;                                          \
		return call_end(                                              \
		    &c, call_real()->C_##name(s, mech, call_object(k)));      \
	}

/* (session, bytes, length) */
#define BYTES(name)                                                       \
	CK_RV                                                             \
	C_##name(CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG inlen)        \
	{                                                                 \
		struct call c;                                            \
                                                                          \
		if (!call_begin_session(&c, FAULTMOD_##name, &s))         \
			return c.rv;                                      \
		return call_end(&c, call_real()->C_##name(s, in, inlen)); \
	}

/* (session, room, length in and out) */
#define FINISH(name)                                               \
	CK_RV                                                      \
	C_##name(CK_SESSION_HANDLE s, CK_BYTE *out, CK_ULONG *len) \
	{                                                          \
		struct call c;                                     \
                                                                   \
		if (!call_begin_session(&c, FAULTMOD_##name, &s))  \
			return c.rv;                               \
		return call_end_length(                            \
		    &c, call_real()->C_##name(s, out, len), len);  \
	}

/* (session, bytes, length, room, length in and out) */
#define TURN(name)                                                           \
	CK_RV                                                                \
	C_##name(CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG inlen,           \
	    CK_BYTE *out, CK_ULONG *len)                                     \
	{                                                                    \
		struct call c;                                               \
                                                                             \
		if (!call_begin_session(&c, FAULTMOD_##name, &s))            \
			return c.rv;                                         \
		return call_end_length(                                      \
		    &c, call_real()->C_##name(s, in, inlen, out, len), len); \
	}

/* clang-format off */
BARE(Logout)
BARE(FindObjectsFinal)
BARE(GetFunctionStatus)
BARE(CancelFunction)

START(EncryptInit)
START(DecryptInit)
START(SignInit)
START(SignRecoverInit)
START(VerifyInit)
START(VerifyRecoverInit)

BYTES(InitPIN)
BYTES(DigestUpdate)
BYTES(SignUpdate)
BYTES(VerifyUpdate)
BYTES(VerifyFinal)
BYTES(SeedRandom)
BYTES(GenerateRandom)

FINISH(GetOperationState)
FINISH(EncryptFinal)
FINISH(DecryptFinal)
FINISH(DigestFinal)
FINISH(SignFinal)

TURN(Encrypt)
TURN(EncryptUpdate)
TURN(Decrypt)
TURN(DecryptUpdate)
TURN(Digest)
TURN(Sign)
TURN(SignRecover)
TURN(VerifyRecover)
TURN(DigestEncryptUpdate)
TURN(DecryptDigestUpdate)
TURN(SignEncryptUpdate)
TURN(DecryptVerifyUpdate)
/* clang-format on */

CK_RV
C_SetPIN(CK_SESSION_HANDLE s, CK_UTF8CHAR *old, CK_ULONG oldlen,
    CK_UTF8CHAR *new, CK_ULONG newlen)
{
	struct call c;

	if (!call_begin_session(&c, FAULTMOD_SetPIN, &s))
		return c.rv;
	return call_end(&c, call_real()->C_SetPIN(s, old, oldlen, new, newlen));
}

CK_RV
C_SetOperationState(CK_SESSION_HANDLE s, CK_BYTE *state, CK_ULONG len,
    CK_OBJECT_HANDLE encrypts, CK_OBJECT_HANDLE signs)
{
	struct call c;

	if (!call_begin_session(&c, FAULTMOD_SetOperationState, &s))
		return c.rv;
	return call_end(&c, call_real()->C_SetOperationState(s, state, len,
				call_object(encrypts), call_object(signs)));
}

CK_RV
C_DigestInit(CK_SESSION_HANDLE s, CK_MECHANISM *mech)
{
	struct call c;

	if (!call_begin_session(&c, FAULTMOD_DigestInit, &s))
		return c.rv;
	return call_end(&c, call_real()->C_DigestInit(s, mech));
}

CK_RV
C_DigestKey(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key)
{
	struct call c;

	if (!call_begin_session(&c, FAULTMOD_DigestKey, &s))
		return c.rv;
	return call_end(&c, call_real()->C_DigestKey(s, call_object(key)));
}

CK_RV
C_Verify(CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG inlen, CK_BYTE *sig,
    CK_ULONG siglen)
{
	struct call c;

	if (!call_begin_session(&c, FAULTMOD_Verify, &s))
		return c.rv;
	return call_end(&c, call_real()->C_Verify(s, in, inlen, sig, siglen));
}
