#include "tests/fake/countmod.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

static CK_FUNCTION_LIST list; /* ours: the other module's, with our calls */
static CK_FUNCTION_LIST *real;
static struct countmod *page;

/* SoftHSM 2.6 dies if a session is closed while another thread uses it; what
 * closes sessions behind our back waits until none does. */
static pthread_rwlock_t using =
    PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

/* Counts a call; what it must answer at once, or CKR_OK to go on. */
static CK_RV
hit(enum countmod_call call)
{
	page->calls[call]++;
	if (page->absent && call > COUNTMOD_SLOTS)
		return CKR_TOKEN_NOT_PRESENT;
	if (page->fault[call].times <= 0)
		return CKR_OK;
	if (page->fault[call].skip > 0) {
		page->fault[call].skip--;
		return CKR_OK;
	}
	page->fault[call].times--;
	return page->fault[call].rv;
}

static CK_RV
initialize(void *args)
{
	CK_RV r = hit(COUNTMOD_INITIALIZE);

	page->sessions = 0;
	return r != CKR_OK ? r : real->C_Initialize(args);
}

static CK_RV
get_slots(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *n)
{
	CK_RV r = hit(COUNTMOD_SLOTS);

	if (r != CKR_OK)
		return r;
	if (!page->absent)
		return real->C_GetSlotList(present, slots, n);
	*n = 0;
	return CKR_OK;
}

static CK_RV
get_token(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	CK_RV r = hit(COUNTMOD_TOKEN_INFO);

	if (r == CKR_OK)
		r = real->C_GetTokenInfo(slot, info);
	if (r != CKR_OK)
		return r;
	info->flags = (info->flags | page->flags_on) & ~page->flags_off;
	if (page->sessions_said != 0)
		info->ulMaxSessionCount = page->sessions_said;
	if (page->serial != 0)
		info->serialNumber[15] = (CK_CHAR)page->serial;
	return r;
}

static CK_RV
get_mechs(CK_SLOT_ID slot, CK_MECHANISM_TYPE *types, CK_ULONG *n)
{
	CK_RV r = hit(COUNTMOD_MECHS);

	if (r == CKR_OK)
		r = real->C_GetMechanismList(slot, types, n);
	if (r != CKR_OK || types == NULL)
		return r;
	for (CK_ULONG i = 0; i < *n; i++)
		if ((page->no_pss && types[i] == CKM_RSA_PKCS_PSS) ||
		    (page->no_raw && types[i] == CKM_RSA_X_509))
			types[i] = CKM_VENDOR_DEFINED;
	return r;
}

/* Counts one more session, if the token has one left. */
static bool
one_more(void)
{
	long n = page->sessions, most = (long)page->sessions_max;

	do {
		if (most != 0 && n >= most)
			return false;
	} while (!atomic_compare_exchange_weak(&page->sessions, &n, n + 1));
	return true;
}

static CK_RV
open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify,
    CK_SESSION_HANDLE *session)
{
	CK_RV r = hit(COUNTMOD_OPEN);

	if (r != CKR_OK)
		return r;
	if (!one_more())
		return CKR_SESSION_COUNT;
	(void)pthread_rwlock_rdlock(&using);
	r = real->C_OpenSession(slot, flags, app, notify, session);
	(void)pthread_rwlock_unlock(&using);
	if (r != CKR_OK)
		page->sessions--;
	return r;
}

static CK_RV
close_session(CK_SESSION_HANDLE session)
{
	CK_RV r = hit(COUNTMOD_CLOSE);

	(void)pthread_rwlock_rdlock(&using);
	if (r == CKR_OK)
		r = real->C_CloseSession(session);
	(void)pthread_rwlock_unlock(&using);
	if (r == CKR_OK)
		page->sessions--;
	return r;
}

static CK_RV
close_all(CK_SLOT_ID slot)
{
	page->sessions = 0;
	return real->C_CloseAllSessions(slot);
}

static CK_RV
get_session(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
	CK_RV r = hit(COUNTMOD_SESSION_INFO);

	(void)pthread_rwlock_rdlock(&using);
	if (r == CKR_OK)
		r = real->C_GetSessionInfo(session, info);
	(void)pthread_rwlock_unlock(&using);
	return r;
}

static CK_RV
login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin,
    CK_ULONG len)
{
	CK_RV r = hit(COUNTMOD_LOGIN);

	(void)pthread_rwlock_rdlock(&using);
	if (r == CKR_OK)
		r = real->C_Login(session, user, pin, len);
	(void)pthread_rwlock_unlock(&using);
	return r;
}

static CK_RV
find_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *attrs, CK_ULONG n)
{
	CK_RV r = hit(COUNTMOD_FIND);

	(void)pthread_rwlock_rdlock(&using);
	if (r == CKR_OK)
		r = real->C_FindObjectsInit(session, attrs, n);
	(void)pthread_rwlock_unlock(&using);
	return r;
}

static CK_RV
get_attrs(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
    CK_ATTRIBUTE *attrs, CK_ULONG n)
{
	CK_RV r = hit(COUNTMOD_READ);

	(void)pthread_rwlock_rdlock(&using);
	if (r == CKR_OK)
		r = real->C_GetAttributeValue(session, object, attrs, n);
	(void)pthread_rwlock_unlock(&using);
	for (CK_ULONG i = 0; i < n; i++) {
		if (page->mute && attrs[i].type == CKA_EC_POINT) {
			attrs[i].ulValueLen = CK_UNAVAILABLE_INFORMATION;
			r = CKR_ATTRIBUTE_TYPE_INVALID;
		}
		if (page->untold && attrs[i].type == CKA_ID)
			r = CKR_FUNCTION_FAILED;
		if (page->always && attrs[i].type == CKA_ALWAYS_AUTHENTICATE &&
		    attrs[i].ulValueLen == 1)
			*(CK_BBOOL *)attrs[i].pValue = CK_TRUE;
	}
	return r;
}

/* Closes all sessions of all slots behind the caller's back. */
static void
drop(void)
{
	CK_SLOT_ID slots[16];
	CK_ULONG n = 16;

	(void)pthread_rwlock_wrlock(&using);
	if (real->C_GetSlotList(CK_TRUE, slots, &n) != CKR_OK)
		n = 0;
	for (CK_ULONG i = 0; i < n; i++)
		(void)real->C_CloseAllSessions(slots[i]);
	page->sessions = 0;
	(void)pthread_rwlock_unlock(&using);
}

static CK_RV
sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mech, CK_OBJECT_HANDLE key)
{
	CK_RV r = hit(COUNTMOD_SIGN_INIT);

	if (atomic_exchange(&page->drop, false))
		drop();
	(void)pthread_rwlock_rdlock(&using);
	if (r == CKR_OK)
		r = real->C_SignInit(session, mech, key);
	(void)pthread_rwlock_unlock(&using);
	return r;
}

static CK_RV
sign(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG len, CK_BYTE *out,
    CK_ULONG *outlen)
{
	CK_RV r = hit(COUNTMOD_SIGN);
	unsigned long crowd = ++page->crowd;

	if (crowd > page->crowd_max)
		page->crowd_max = crowd;
	if (page->nap_us != 0)
		(void)usleep((useconds_t)page->nap_us);
	(void)pthread_rwlock_rdlock(&using);
	if (r == CKR_OK)
		r = real->C_Sign(session, in, len, out, outlen);
	(void)pthread_rwlock_unlock(&using);
	if (r == CKR_OK)
		*outlen += (CK_ULONG)page->sign_len;
	if (r == CKR_OK && page->spoil > 0) {
		page->spoil--;
		out[*outlen / 2] ^= 1;
	}
	page->crowd--;
	return r;
}

static CK_RV
decrypt_init(
    CK_SESSION_HANDLE session, CK_MECHANISM *mech, CK_OBJECT_HANDLE key)
{
	CK_RV r = hit(COUNTMOD_DECRYPT_INIT);

	(void)pthread_rwlock_rdlock(&using);
	if (r == CKR_OK)
		r = real->C_DecryptInit(session, mech, key);
	(void)pthread_rwlock_unlock(&using);
	return r;
}

static CK_RV
decrypt(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG len, CK_BYTE *out,
    CK_ULONG *outlen)
{
	CK_RV r = hit(COUNTMOD_DECRYPT);

	(void)pthread_rwlock_rdlock(&using);
	if (r == CKR_OK)
		r = real->C_Decrypt(session, in, len, out, outlen);
	(void)pthread_rwlock_unlock(&using);
	if (r == CKR_OK)
		*outlen += (CK_ULONG)page->decrypt_len;
	return r;
}

static CK_RV
attach(void)
{
	CK_RV (*get)(CK_FUNCTION_LIST **);
	const char *file = getenv("COUNTMOD_FILE");
	const char *module = getenv("COUNTMOD_MODULE");
	void *library, *symbol;
	int fd;

	if (file == NULL || module == NULL)
		return CKR_GENERAL_ERROR;
	fd = open(file, O_RDWR | O_CLOEXEC);
	page = mmap(
	    NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	library = dlopen(module, RTLD_NOW | RTLD_LOCAL);
	symbol = library == NULL ? NULL : dlsym(library, "C_GetFunctionList");
	if (page == MAP_FAILED || symbol == NULL)
		return CKR_GENERAL_ERROR;
	memcpy(&get, &symbol, sizeof(get));
	return get(&real);
}

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(
    CK_FUNCTION_LIST **out);

CK_RV
C_GetFunctionList(CK_FUNCTION_LIST **out)
{
	CK_RV r = attach();

	if (r != CKR_OK)
		return r;
	list = *real;
	list.C_Initialize = initialize;
	list.C_GetSlotList = get_slots;
	list.C_GetTokenInfo = get_token;
	list.C_GetMechanismList = get_mechs;
	list.C_OpenSession = open_session;
	list.C_CloseSession = close_session;
	list.C_CloseAllSessions = close_all;
	list.C_GetSessionInfo = get_session;
	list.C_Login = login;
	list.C_FindObjectsInit = find_init;
	list.C_GetAttributeValue = get_attrs;
	list.C_SignInit = sign_init;
	list.C_Sign = sign;
	list.C_DecryptInit = decrypt_init;
	list.C_Decrypt = decrypt;
	*out = &list;
	return CKR_OK;
}
