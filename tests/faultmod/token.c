/* What the token says of itself, and its PIN. */
#include <string.h>

#include "tests/faultmod/call.h"
#include "tests/faultmod/slots.h"

/* Flags of a PIN that counts its tries. */
static CK_FLAGS
tries_flags(void)
{
	struct faultmod *page = call_page();
	uint64_t used = page->tries_used, max = page->tries_max;
	CK_FLAGS flags = 0;

	if (max == 0)
		return 0;
	if (used > 0)
		flags |= CKF_USER_PIN_COUNT_LOW;
	if (used + 1 == max)
		flags |= CKF_USER_PIN_FINAL_TRY;
	if (used >= max)
		flags |= CKF_USER_PIN_LOCKED;
	return flags;
}

static void
colour(CK_TOKEN_INFO *info)
{
	struct faultmod *page = call_page();

	info->flags =
	    (info->flags | page->flags_on | tries_flags()) & ~page->flags_off;
	if (page->serial != 0)
		info->serialNumber[sizeof(info->serialNumber) - 1] =
		    (CK_CHAR)page->serial;
	if (page->limited != 0) {
		info->ulMaxSessionCount = page->sessions_max;
		info->ulSessionCount = page->sessions + page->sessions_taken;
	}
	if (page->sessions_said != 0)
		info->ulMaxSessionCount = page->sessions_said;
}

CK_RV
C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	CK_SLOT_ID real;
	struct call c;
	CK_RV rv;

	if (!call_begin(&c, FAULTMOD_GetTokenInfo))
		return c.rv;
	rv = slots_real(slot, &real);
	if (rv == CKR_OK)
		rv = call_real()->C_GetTokenInfo(real, info);
	if (rv == CKR_OK)
		colour(info);
	return call_end(&c, rv);
}

/* With the tries counted, as a card does. */
static CK_RV
try(CK_SESSION_HANDLE session, CK_UTF8CHAR *pin, CK_ULONG len)
{
	struct faultmod *page = call_page();
	CK_RV rv = CKR_PIN_LOCKED;

	if (page->tries_max == 0 || page->tries_used < page->tries_max)
		rv = call_real()->C_Login(session, CKU_USER, pin, len);
	switch (rv) {
	case CKR_OK:
		page->logins_right++;
		page->tries_used = 0;
		break;
	case CKR_PIN_INCORRECT:
	case CKR_PIN_INVALID:
	case CKR_PIN_LEN_RANGE:
	case CKR_PIN_LOCKED:
		page->logins_wrong++;
		page->tries_used++;
		break;
	default:
		break;
	}
	return rv;
}

CK_RV
C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin,
    CK_ULONG len)
{
	struct call c;
	CK_RV rv;

	if (!call_begin_session(&c, FAULTMOD_Login, &session))
		return c.rv;
	if (pin == NULL && call_page()->pad[0] != '\0') {
		pin = (CK_UTF8CHAR *)call_page()->pad;
		len = strnlen(call_page()->pad, FAULTMOD_NAME);
	}
	if (user == CKU_CONTEXT_SPECIFIC)
		call_page()->logins_context++;
	rv = user == CKU_USER ? try(session, pin, len)
			      : call_real()->C_Login(session, user, pin, len);
	return call_end(&c, rv);
}
