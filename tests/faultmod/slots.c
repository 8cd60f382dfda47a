#include "tests/faultmod/slots.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/faultmod/call.h"
#include "tests/faultmod/sessions.h"

#define SLOTS_MAX 64
#define LOOK_NS 2000000 /* between two looks for a slot event */

static faultmod_word heard; /* slot events handed out */
static faultmod_word lives; /* times that the library was initialised */
static faultmod_word ends;  /* times that it ended */

/* Is the padded field that text? */
static bool
same(const CK_UTF8CHAR *field, size_t len, const char *text)
{
	size_t n = strnlen(text, FAULTMOD_NAME);

	if (n > len || memcmp(field, text, n) != 0)
		return false;
	while (n < len && field[n] == ' ')
		n++;
	return n == len;
}

/* The real slot of the token with the n-th name, counted from 1. */
static CK_RV
find(uint64_t n, CK_SLOT_ID *slot)
{
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG count = SLOTS_MAX;
	CK_TOKEN_INFO info;
	const char *name;

	if (n == 0 || n > FAULTMOD_TOKENS)
		return CKR_TOKEN_NOT_PRESENT;
	name = call_page()->tokens[n - 1];
	if (call_real()->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK)
		return CKR_TOKEN_NOT_PRESENT;
	for (CK_ULONG i = 0; i < count; i++) {
		if (call_real()->C_GetTokenInfo(slots[i], &info) != CKR_OK ||
		    (!same(info.label, sizeof(info.label), name) &&
			!same(info.serialNumber, sizeof(info.serialNumber),
			    name)))
			continue;
		*slot = slots[i];
		return CKR_OK;
	}
	return CKR_TOKEN_NOT_PRESENT;
}

static uint64_t
readers(void)
{
	uint64_t n = call_page()->nreaders;

	return n < FAULTMOD_READERS ? n : FAULTMOD_READERS;
}

static const struct faultmod_reader *
reader(CK_SLOT_ID ours)
{
	const struct faultmod_reader *r = call_page()->readers;

	for (uint64_t i = 0; i < readers(); i++)
		if (r[i].id == ours)
			return &r[i];
	return NULL;
}

CK_RV
slots_real(CK_SLOT_ID ours, CK_SLOT_ID *real)
{
	const struct faultmod_reader *r;

	*real = ours;
	if (readers() == 0)
		return call_page()->absent ? CKR_TOKEN_NOT_PRESENT : CKR_OK;
	r = reader(ours);
	if (r == NULL)
		return CKR_SLOT_ID_INVALID;
	return call_page()->absent ? CKR_TOKEN_NOT_PRESENT
				   : find(r->token, real);
}

CK_SLOT_ID
slots_ours(CK_SLOT_ID real)
{
	const struct faultmod_reader *r = call_page()->readers;
	CK_SLOT_ID slot;

	for (uint64_t i = 0; i < readers(); i++)
		if (find(r[i].token, &slot) == CKR_OK && slot == real)
			return r[i].id;
	return real;
}

CK_RV
C_Initialize(void *args)
{
	struct call c;

	if (!call_begin(&c, FAULTMOD_Initialize))
		return c.rv;
	if (call_page()->brittle != 0 && ends != 0)
		return call_end(&c, call_page()->brittle);
	lives++;
	heard = call_page()->events;
	call_page()->pid = (uint64_t)getpid();
	sessions_start();
	return call_end(&c, call_real()->C_Initialize(args));
}

CK_RV
C_Finalize(void *reserved)
{
	struct call c;

	if (!call_begin(&c, FAULTMOD_Finalize))
		return c.rv;
	lives++;
	ends++;
	return call_end(&c, call_real()->C_Finalize(reserved));
}

/* The list as the readers are; at most FAULTMOD_READERS. */
static CK_ULONG
list(CK_BBOOL present, CK_SLOT_ID *slots)
{
	const struct faultmod_reader *r = call_page()->readers;
	CK_ULONG n = 0;

	for (uint64_t i = 0; i < readers(); i++)
		if (!present || (r[i].token != 0 && !call_page()->absent))
			slots[n++] = r[i].id;
	return n;
}

static CK_RV
hand_out(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *n)
{
	CK_SLOT_ID ours[FAULTMOD_READERS];
	CK_ULONG room = *n;

	if (readers() == 0 && !(present && call_page()->absent))
		return call_real()->C_GetSlotList(present, slots, n);
	/* Only a call without a buffer makes SoftHSM look for new tokens. */
	if (slots == NULL)
		(void)call_real()->C_GetSlotList(present, NULL, n);
	*n = list(present, ours);
	if (slots == NULL)
		return CKR_OK;
	if (*n > room)
		return CKR_BUFFER_TOO_SMALL;
	memcpy(slots, ours, *n * sizeof(*slots));
	return CKR_OK;
}

CK_RV
C_GetSlotList(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *n)
{
	struct call c;

	if (!call_begin(&c, FAULTMOD_GetSlotList))
		return c.rv;
	return call_end_length(&c, hand_out(present, slots, n), n);
}

CK_RV
C_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
	CK_SLOT_ID real;
	struct call c;
	CK_RV rv;

	if (!call_begin(&c, FAULTMOD_GetSlotInfo))
		return c.rv;
	rv = slots_real(slot, &real);
	if (rv == CKR_OK || readers() == 0) {
		bool there = rv == CKR_OK;

		rv = call_real()->C_GetSlotInfo(real, info);
		if (!there)
			info->flags &= ~(CK_FLAGS)CKF_TOKEN_PRESENT;
	} else if (rv == CKR_TOKEN_NOT_PRESENT) {
		memset(info, 0, sizeof(*info));
		memset(
		    info->slotDescription, ' ', sizeof(info->slotDescription));
		memset(info->manufacturerID, ' ', sizeof(info->manufacturerID));
		info->flags = CKF_HW_SLOT;
		rv = CKR_OK;
	}
	if (rv == CKR_OK)
		info->flags |= CKF_REMOVABLE_DEVICE;
	return call_end(&c, rv);
}

CK_RV
C_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE *types, CK_ULONG *n)
{
	CK_SLOT_ID real;
	struct call c;
	CK_RV rv;

	if (!call_begin(&c, FAULTMOD_GetMechanismList))
		return c.rv;
	rv = slots_real(slot, &real);
	if (rv == CKR_OK)
		rv = call_real()->C_GetMechanismList(real, types, n);
	return call_end_length(&c, rv, n);
}

CK_RV
C_GetMechanismInfo(
    CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
	CK_SLOT_ID real;
	struct call c;
	CK_RV rv;

	if (!call_begin(&c, FAULTMOD_GetMechanismInfo))
		return c.rv;
	rv = slots_real(slot, &real);
	if (rv == CKR_OK)
		rv = call_real()->C_GetMechanismInfo(real, type, info);
	return call_end(&c, rv);
}

CK_RV
C_InitToken(CK_SLOT_ID slot, CK_BYTE *pin, CK_ULONG len, CK_BYTE *label)
{
	CK_SLOT_ID real;
	struct call c;
	CK_RV rv;

	if (!call_begin(&c, FAULTMOD_InitToken))
		return c.rv;
	rv = slots_real(slot, &real);
	if (rv == CKR_OK)
		rv = call_real()->C_InitToken(real, pin, len, label);
	return call_end(&c, rv);
}

/* The next change of a slot. A blocked wait ends with C_Finalize, too. */
static CK_RV
wait(CK_FLAGS flags, CK_SLOT_ID *slot)
{
	const struct timespec look = {0, LOOK_NS};
	struct faultmod *page = call_page();
	uint64_t life = lives;

	while (page->events == heard) {
		if (flags & CKF_DONT_BLOCK)
			return CKR_NO_EVENT;
		if (lives != life)
			return CKR_CRYPTOKI_NOT_INITIALIZED;
		(void)nanosleep(&look, NULL);
	}
	heard = page->events;
	*slot = page->event_slot;
	return CKR_OK;
}

CK_RV
C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved)
{
	struct call c;
	CK_RV rv;

	if (!call_begin(&c, FAULTMOD_WaitForSlotEvent))
		return c.rv;
	switch (call_page()->slot_events) {
	case FAULTMOD_EVENTS_OURS:
		rv = wait(flags, slot);
		break;
	case FAULTMOD_EVENTS_NONE:
		rv = CKR_FUNCTION_NOT_SUPPORTED;
		break;
	default:
		rv = call_real()->C_WaitForSlotEvent(flags, slot, reserved);
		break;
	}
	return call_end(&c, rv);
}
