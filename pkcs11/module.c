#include "pkcs11/module.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>

#include "pkcs11/registry.h"
#include "pkcs11/trouble.h"

struct module {
	CK_FUNCTION_LIST *f;
	bool initialised;
	char path[REGISTRY_PATH_MAX];
	_Atomic uint64_t logins;
	_Atomic uint64_t searches;
};

static struct rv
say(CK_RV value, const char *call)
{
	struct rv rv = {value, call};

	return rv;
}

/* p11-kit's headers know no const; the standard forbids writing to inputs. */
static unsigned char *
loan(const uint8_t *bytes)
{
	union {
		const uint8_t *in;
		unsigned char *out;
	} u = {bytes};

	return u.out;
}

/* Whether the library has every function that we call. */
static bool
complete(const CK_FUNCTION_LIST *f)
{
	return f->C_Initialize && f->C_Finalize && f->C_GetInfo &&
	       f->C_GetSlotList && f->C_GetSlotInfo && f->C_GetTokenInfo &&
	       f->C_GetMechanismList && f->C_GetMechanismInfo &&
	       f->C_OpenSession && f->C_CloseSession && f->C_CloseAllSessions &&
	       f->C_GetSessionInfo && f->C_Login && f->C_FindObjectsInit &&
	       f->C_FindObjects && f->C_FindObjectsFinal &&
	       f->C_GetAttributeValue && f->C_SignInit && f->C_Sign &&
	       f->C_DecryptInit && f->C_Decrypt;
}

/*
 * A library that something else in this process initialised is refused: its
 * login, its sessions and its locking would not be ours.
 */
static int
initialise(struct module *m, struct token_trouble *why, bool *hopeless)
{
	CK_C_INITIALIZE_ARGS args;
	struct rv rv;

	memset(&args, 0, sizeof(args));
	args.flags = CKF_OS_LOCKING_OK;
	rv = say(m->f->C_Initialize(&args), "C_Initialize");
	m->initialised = rv_ok(rv);
	*hopeless = !rv_retry(rv);
	if (m->initialised)
		return TOKEN_OK;
	(void)trouble_rv(why, m->path, "cannot be initialised", rv);
	if (rv.value == CKR_CANT_LOCK)
		(void)trouble_say(why, TOKEN_EMODULE, false,
		    "%s: C_Initialize says CKR_CANT_LOCK (0xa): this module "
		    "cannot be used by several threads; ask its vendor for "
		    "one that can",
		    m->path);
	if (rv.value == CKR_CRYPTOKI_ALREADY_INITIALIZED)
		(void)trouble_say(why, TOKEN_EMODULE, false,
		    "%s: C_Initialize says CKR_CRYPTOKI_ALREADY_INITIALIZED "
		    "(0x191): something else in this process uses it; run "
		    "one process for each module",
		    m->path);
	if (why != NULL)
		why->ckr = rv.value;
	return TOKEN_EMODULE;
}

int
module_open(struct module **mp, const char *name, struct token_trouble *why)
{
	struct module *m;
	const char *reason;
	bool hopeless;
	int r;

	*mp = NULL;
	m = calloc(1, sizeof(*m));
	if (m == NULL)
		return trouble_say(why, TOKEN_ENOMEM, true, "out of memory");
	r = registry_find(name, m->path, why);
	if (r != TOKEN_OK)
		goto out;
	p11_kit_be_quiet();
	m->f = p11_kit_module_load(m->path, P11_KIT_MODULE_UNMANAGED);
	if (m->f == NULL) {
		reason = p11_kit_message();
		r = trouble_say(why, TOKEN_EMODULE, false,
		    "%s: cannot be loaded: %s; check the configured module",
		    m->path, reason != NULL ? reason : "no reason given");
		goto out;
	}
	if (!complete(m->f)) {
		r = trouble_say(why, TOKEN_EMODULE, false,
		    "%s: lacks functions that every PKCS#11 module has; ask "
		    "its vendor for a complete one",
		    m->path);
		goto out;
	}
	r = initialise(m, why, &hopeless);
	if (r != TOKEN_OK && hopeless)
		goto out;
	trouble_clear(why);
	r = TOKEN_OK;
	*mp = m;
	m = NULL;
out:
	module_close(m);
	return r;
}

void
module_close(struct module *m)
{
	if (m == NULL)
		return;
	if (m->initialised)
		(void)m->f->C_Finalize(NULL);
	if (m->f != NULL)
		p11_kit_module_release(m->f);
	free(m);
}

int
module_restart(struct module *m, struct token_trouble *why)
{
	bool hopeless;

	if (m->initialised)
		(void)m->f->C_Finalize(NULL);
	m->initialised = false;
	return initialise(m, why, &hopeless);
}

const char *
module_path(const struct module *m)
{
	return m->path;
}

struct module_counts
module_counts(const struct module *m)
{
	struct module_counts counts = {m->logins, m->searches};

	return counts;
}

struct rv
module_info(struct module *m, struct module_library *library)
{
	CK_INFO info;
	CK_RV r;

	memset(&info, 0, sizeof(info));
	memset(library, 0, sizeof(*library));
	r = m->f->C_GetInfo(&info);
	memcpy(library->manufacturer, info.manufacturerID,
	    sizeof(library->manufacturer));
	memcpy(library->description, info.libraryDescription,
	    sizeof(library->description));
	library->major = info.libraryVersion.major;
	library->minor = info.libraryVersion.minor;
	return say(r, "C_GetInfo");
}

struct rv
module_slots(struct module *m, unsigned long *ids, size_t max, size_t *n)
{
	CK_ULONG count = 0;
	CK_RV r;

	*n = 0;
	/* Only a call without a buffer makes the library look again. */
	r = m->f->C_GetSlotList(CK_TRUE, NULL, &count);
	if (r == CKR_OK) {
		count = max;
		r = m->f->C_GetSlotList(CK_TRUE, ids, &count);
	}
	if (r == CKR_OK)
		*n = count;
	return say(r, "C_GetSlotList");
}

struct rv
module_slot_info(struct module *m, unsigned long id, struct module_slot *slot)
{
	CK_SLOT_INFO info;
	CK_RV r;

	memset(&info, 0, sizeof(info));
	memset(slot, 0, sizeof(*slot));
	r = m->f->C_GetSlotInfo(id, &info);
	slot->id = id;
	memcpy(
	    slot->description, info.slotDescription, sizeof(slot->description));
	memcpy(slot->manufacturer, info.manufacturerID,
	    sizeof(slot->manufacturer));
	return say(r, "C_GetSlotInfo");
}

struct rv
module_token_info(
    struct module *m, unsigned long slot, struct module_token *token)
{
	CK_TOKEN_INFO info;
	CK_RV r;

	memset(&info, 0, sizeof(info));
	memset(token, 0, sizeof(*token));
	r = m->f->C_GetTokenInfo(slot, &info);
	memcpy(token->label, info.label, sizeof(token->label));
	memcpy(token->manufacturer, info.manufacturerID,
	    sizeof(token->manufacturer));
	memcpy(token->model, info.model, sizeof(token->model));
	memcpy(token->serial, info.serialNumber, sizeof(token->serial));
	token->flags = info.flags;
	if (info.ulMaxSessionCount != CK_UNAVAILABLE_INFORMATION)
		token->sessions = info.ulMaxSessionCount;
	return say(r, "C_GetTokenInfo");
}

struct rv
module_mechs(struct module *m, unsigned long slot, unsigned long *types,
    size_t max, size_t *n)
{
	CK_ULONG count = max;
	CK_RV r = m->f->C_GetMechanismList(slot, types, &count);

	*n = r == CKR_OK && count <= max ? count : 0;
	return say(r, "C_GetMechanismList");
}

struct rv
module_mech_flags(struct module *m, unsigned long slot, unsigned long type,
    unsigned long *flags)
{
	CK_MECHANISM_INFO info;
	CK_RV r;

	memset(&info, 0, sizeof(info));
	r = m->f->C_GetMechanismInfo(slot, type, &info);
	*flags = r == CKR_OK ? info.flags : 0;
	return say(r, "C_GetMechanismInfo");
}

struct rv
module_session_open(
    struct module *m, unsigned long slot, unsigned long *session)
{
	*session = 0;
	return say(
	    m->f->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, session),
	    "C_OpenSession");
}

struct rv
module_session_close(struct module *m, unsigned long session)
{
	return say(m->f->C_CloseSession(session), "C_CloseSession");
}

struct rv
module_session_close_all(struct module *m, unsigned long slot)
{
	return say(m->f->C_CloseAllSessions(slot), "C_CloseAllSessions");
}

struct rv
module_session_user(struct module *m, unsigned long session, bool *user)
{
	CK_SESSION_INFO info;
	CK_RV r;

	memset(&info, 0, sizeof(info));
	r = m->f->C_GetSessionInfo(session, &info);
	*user = r == CKR_OK && (info.state == CKS_RO_USER_FUNCTIONS ||
				   info.state == CKS_RW_USER_FUNCTIONS);
	return say(r, "C_GetSessionInfo");
}

struct rv
module_login(
    struct module *m, unsigned long session, const uint8_t *pin, size_t pinlen)
{
	m->logins++;
	return say(
	    m->f->C_Login(session, CKU_USER, loan(pin), pinlen), "C_Login");
}

/* Fetches what the running search finds. */
static struct rv
fetch(struct module *m, CK_SESSION_HANDLE session, unsigned long *handles,
    size_t max, size_t *n)
{
	CK_OBJECT_HANDLE spare;
	CK_ULONG got;
	CK_RV r;

	do {
		got = 0;
		if (*n == max) {
			r = m->f->C_FindObjects(session, &spare, 1, &got);
			if (r == CKR_OK && got > 0)
				r = CKR_BUFFER_TOO_SMALL;
			break;
		}
		r = m->f->C_FindObjects(session, handles + *n, max - *n, &got);
		if (r == CKR_OK && got > max - *n)
			r = CKR_GENERAL_ERROR;
		if (r == CKR_OK)
			*n += got;
	} while (r == CKR_OK && got > 0);
	return say(r, "C_FindObjects");
}

struct rv
module_find(struct module *m, unsigned long session,
    const struct module_attr *match, size_t nmatch, unsigned long *handles,
    size_t max, size_t *n)
{
	CK_ATTRIBUTE attrs[MODULE_ATTRS_MAX];
	struct rv rv;
	CK_RV end;

	*n = 0;
	if (nmatch > MODULE_ATTRS_MAX)
		return say(CKR_ARGUMENTS_BAD, "C_FindObjectsInit");
	for (size_t i = 0; i < nmatch; i++) {
		attrs[i].type = match[i].type;
		attrs[i].pValue = match[i].value;
		attrs[i].ulValueLen = match[i].len;
	}
	m->searches++;
	rv = say(m->f->C_FindObjectsInit(session, attrs, nmatch),
	    "C_FindObjectsInit");
	if (!rv_ok(rv))
		return rv;
	rv = fetch(m, session, handles, max, n);
	end = m->f->C_FindObjectsFinal(session);
	if (rv_ok(rv) && end != CKR_OK)
		rv = say(end, "C_FindObjectsFinal");
	if (!rv_ok(rv))
		*n = 0;
	return rv;
}

/* One or more attributes in one call; lengths checked, troubles left out. */
static CK_RV
ask(struct module *m, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
    const struct module_attr *attrs, size_t n, size_t *lens)
{
	CK_ATTRIBUTE a[MODULE_ATTRS_MAX];
	CK_RV r;

	for (size_t i = 0; i < n; i++) {
		a[i].type = attrs[i].type;
		a[i].pValue = attrs[i].value;
		a[i].ulValueLen = attrs[i].value != NULL ? attrs[i].len : 0;
	}
	r = m->f->C_GetAttributeValue(session, object, a, n);
	for (size_t i = 0; i < n; i++) {
		bool fits =
		    attrs[i].value == NULL || a[i].ulValueLen <= attrs[i].len;

		lens[i] = a[i].ulValueLen != CK_UNAVAILABLE_INFORMATION && fits
			      ? a[i].ulValueLen
			      : MODULE_ATTR_NONE;
	}
	return r;
}

/* The three answers that concern one attribute, not the object. */
static bool
mild(CK_RV r)
{
	return r == CKR_ATTRIBUTE_SENSITIVE ||
	       r == CKR_ATTRIBUTE_TYPE_INVALID || r == CKR_BUFFER_TOO_SMALL;
}

struct rv
module_read(struct module *m, unsigned long session, unsigned long object,
    struct module_attr *attrs, size_t n)
{
	size_t lens[MODULE_ATTRS_MAX];
	CK_RV r = CKR_ARGUMENTS_BAD;

	if (n <= MODULE_ATTRS_MAX)
		r = ask(m, session, object, attrs, n, lens);
	/*
	 * Some libraries stop at the first attribute that they do not know,
	 * so after such an answer each is asked for alone.
	 */
	for (size_t i = 0; mild(r) && i < n; i++) {
		CK_RV one = ask(m, session, object, attrs + i, 1, lens + i);

		if (one != CKR_OK)
			lens[i] = MODULE_ATTR_NONE;
		if (one != CKR_OK && !mild(one))
			r = one;
		else if (i == n - 1)
			r = CKR_OK;
	}
	for (size_t i = 0; i < n; i++)
		attrs[i].len = r == CKR_OK ? lens[i] : MODULE_ATTR_NONE;
	return say(r, "C_GetAttributeValue");
}

struct rv
module_attr_len(struct module *m, unsigned long session, unsigned long object,
    unsigned long type, size_t *len)
{
	struct module_attr attr = {type, NULL, 0};
	CK_RV r = ask(m, session, object, &attr, 1, len);

	if (r != CKR_OK)
		*len = MODULE_ATTR_NONE;
	return say(mild(r) ? CKR_OK : r, "C_GetAttributeValue");
}

struct rv
module_sign(struct module *m, unsigned long session, unsigned long key,
    const struct module_mech *mech, const uint8_t *in, size_t inlen,
    uint8_t *out, size_t *outlen)
{
	CK_MECHANISM ck = {mech->type, mech->params, mech->paramslen};
	CK_ULONG len = *outlen;
	CK_RV r;

	r = m->f->C_SignInit(session, &ck, key);
	if (r != CKR_OK)
		return say(r, "C_SignInit");
	r = m->f->C_Sign(session, loan(in), inlen, out, &len);
	if (r == CKR_OK && len > *outlen)
		r = CKR_GENERAL_ERROR;
	*outlen = r == CKR_OK ? len : 0;
	return say(r, "C_Sign");
}

struct rv
module_decrypt_init(struct module *m, unsigned long session, unsigned long key,
    const struct module_mech *mech)
{
	CK_MECHANISM ck = {mech->type, mech->params, mech->paramslen};

	return say(m->f->C_DecryptInit(session, &ck, key), "C_DecryptInit");
}

struct rv
module_decrypt(struct module *m, unsigned long session, const uint8_t *in,
    size_t inlen, uint8_t *out, size_t *outlen)
{
	CK_ULONG len = *outlen;
	CK_RV r = m->f->C_Decrypt(session, loan(in), inlen, out, &len);

	if (r == CKR_OK && len > *outlen)
		r = CKR_GENERAL_ERROR;
	*outlen = r == CKR_OK ? len : 0;
	return say(r, "C_Decrypt");
}
