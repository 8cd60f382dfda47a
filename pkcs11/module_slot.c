#include <string.h>

#include <p11-kit/pkcs11.h>

#include "pkcs11/module_impl.h"

struct rv
module_info(struct module *m, struct module_library *library)
{
	CK_INFO info;
	CK_RV r;

	memset(&info, 0, sizeof(info));
	memset(library, 0, sizeof(*library));
	if (!m->initialised)
		return module_say(CKR_CRYPTOKI_NOT_INITIALIZED, "C_GetInfo");
	module_enter(m);
	r = m->f->C_GetInfo(&info);
	module_leave(m);
	memcpy(library->manufacturer, info.manufacturerID,
	    sizeof(library->manufacturer));
	memcpy(library->description, info.libraryDescription,
	    sizeof(library->description));
	library->major = info.libraryVersion.major;
	library->minor = info.libraryVersion.minor;
	return module_say(r, "C_GetInfo");
}

struct rv
module_slots(struct module *m, unsigned long *ids, size_t max, size_t *n)
{
	CK_ULONG count = 0;
	CK_RV r;

	*n = 0;
	/* Only a call without a buffer makes the library look again. */
	module_enter(m);
	r = m->f->C_GetSlotList(CK_TRUE, NULL, &count);
	if (r == CKR_OK) {
		count = max;
		r = m->f->C_GetSlotList(CK_TRUE, ids, &count);
	}
	module_leave(m);
	if (r == CKR_OK)
		*n = count;
	return module_say(r, "C_GetSlotList");
}

struct rv
module_slot_info(struct module *m, unsigned long id, struct module_slot *slot)
{
	CK_SLOT_INFO info;
	CK_RV r;

	memset(&info, 0, sizeof(info));
	memset(slot, 0, sizeof(*slot));
	module_enter(m);
	r = m->f->C_GetSlotInfo(id, &info);
	module_leave(m);
	slot->id = id;
	memcpy(
	    slot->description, info.slotDescription, sizeof(slot->description));
	memcpy(slot->manufacturer, info.manufacturerID,
	    sizeof(slot->manufacturer));
	return module_say(r, "C_GetSlotInfo");
}

struct rv
module_token_info(
    struct module *m, unsigned long slot, struct module_token *token)
{
	CK_TOKEN_INFO info;
	CK_RV r;

	memset(&info, 0, sizeof(info));
	memset(token, 0, sizeof(*token));
	module_enter(m);
	r = m->f->C_GetTokenInfo(slot, &info);
	module_leave(m);
	memcpy(token->label, info.label, sizeof(token->label));
	memcpy(token->manufacturer, info.manufacturerID,
	    sizeof(token->manufacturer));
	memcpy(token->model, info.model, sizeof(token->model));
	memcpy(token->serial, info.serialNumber, sizeof(token->serial));
	token->flags = info.flags;
	if (info.ulMaxSessionCount != CK_UNAVAILABLE_INFORMATION)
		token->sessions = info.ulMaxSessionCount;
	return module_say(r, "C_GetTokenInfo");
}

struct rv
module_mechs(struct module *m, unsigned long slot, unsigned long *types,
    size_t max, size_t *n)
{
	CK_ULONG count = max;
	CK_RV r;

	module_enter(m);
	r = m->f->C_GetMechanismList(slot, types, &count);
	module_leave(m);
	*n = r == CKR_OK && count <= max ? count : 0;
	return module_say(r, "C_GetMechanismList");
}

struct rv
module_mech_flags(struct module *m, unsigned long slot, unsigned long type,
    unsigned long *flags)
{
	CK_MECHANISM_INFO info;
	CK_RV r;

	memset(&info, 0, sizeof(info));
	module_enter(m);
	r = m->f->C_GetMechanismInfo(slot, type, &info);
	module_leave(m);
	*flags = r == CKR_OK ? info.flags : 0;
	return module_say(r, "C_GetMechanismInfo");
}

bool
module_slot_event(struct module *m)
{
	CK_SLOT_ID slot;
	CK_RV r;

	if (!m->initialised || m->f->C_WaitForSlotEvent == NULL)
		return false;
	module_enter(m);
	r = m->f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL);
	module_leave(m);
	return r == CKR_OK;
}
