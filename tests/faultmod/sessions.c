#include "tests/faultmod/sessions.h"

#include <pthread.h>
#include <stdatomic.h>

#include "tests/faultmod/call.h"
#include "tests/faultmod/slots.h"

#define SLOTS_MAX 64

/* SoftHSM 2.6 dies if a session is closed while another thread uses it; what
 * closes sessions behind the caller's back waits until none does. */
static pthread_rwlock_t using =
    PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;

static faultmod_word drop, renumber;      /* as followed last */
static faultmod_word shift, object_shift; /* in force */

static void
count(uint64_t n)
{
	struct faultmod *page = call_page();

	page->sessions = n;
	if (n > page->sessions_peak)
		page->sessions_peak = n;
}

static void
take_shifts(void)
{
	struct faultmod *page = call_page();

	shift = page->session_shift;
	object_shift = page->object_shift;
	renumber = page->renumber;
	drop = page->drop;
}

void
sessions_start(void)
{
	(void)pthread_rwlock_wrlock(&using);
	take_shifts();
	count(0);
	(void)pthread_rwlock_unlock(&using);
}

static void
close_all(void)
{
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG n = SLOTS_MAX;

	/* Before C_Initialize there are none. */
	if (call_real()->C_GetSlotList(CK_TRUE, slots, &n) != CKR_OK)
		return;
	for (CK_ULONG i = 0; i < n; i++)
		(void)call_real()->C_CloseAllSessions(slots[i]);
	call_page()->drops++;
	count(0);
}

void
sessions_follow(void)
{
	struct faultmod *page = call_page();

	if (page->drop == drop && page->renumber == renumber)
		return;
	(void)pthread_rwlock_wrlock(&using);
	if (page->drop != drop)
		close_all();
	take_shifts();
	(void)pthread_rwlock_unlock(&using);
}

void
sessions_hold(void)
{
	(void)pthread_rwlock_rdlock(&using);
}

void
sessions_let_go(void)
{
	(void)pthread_rwlock_unlock(&using);
}

CK_SESSION_HANDLE
sessions_real(CK_SESSION_HANDLE ours)
{
	return ours - shift;
}

CK_ULONG
sessions_object_shift(void)
{
	return object_shift;
}

/* Room for one more, if there is any; it is counted at once. */
static bool
reserve(void)
{
	struct faultmod *page = call_page();
	bool room;

	(void)pthread_mutex_lock(&counting);
	room = page->limited == 0 ||
	       page->sessions + page->sessions_taken < page->sessions_max;
	if (room)
		count(page->sessions + 1);
	(void)pthread_mutex_unlock(&counting);
	return room;
}

static void
give_back(void)
{
	(void)pthread_mutex_lock(&counting);
	if (call_page()->sessions > 0)
		call_page()->sessions--;
	(void)pthread_mutex_unlock(&counting);
}

CK_RV
C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify,
    CK_SESSION_HANDLE *session)
{
	CK_SLOT_ID real;
	struct call c;
	CK_RV rv;

	if (!call_begin(&c, FAULTMOD_OpenSession))
		return c.rv;
	rv = slots_real(slot, &real);
	if (rv != CKR_OK)
		return call_end(&c, rv);
	if (!reserve())
		return call_end(&c, CKR_SESSION_COUNT);
	sessions_hold();
	rv = call_real()->C_OpenSession(real, flags, app, notify, session);
	if (rv == CKR_OK)
		*session += shift;
	else
		give_back();
	sessions_let_go();
	return call_end(&c, rv);
}

CK_RV
C_CloseSession(CK_SESSION_HANDLE session)
{
	struct call c;
	CK_RV rv;

	if (!call_begin_session(&c, FAULTMOD_CloseSession, &session))
		return c.rv;
	rv = call_real()->C_CloseSession(session);
	if (rv == CKR_OK)
		give_back();
	return call_end(&c, rv);
}

CK_RV
C_CloseAllSessions(CK_SLOT_ID slot)
{
	CK_SLOT_ID real;
	struct call c;
	CK_RV rv;

	if (!call_begin(&c, FAULTMOD_CloseAllSessions))
		return c.rv;
	rv = slots_real(slot, &real);
	if (rv != CKR_OK)
		return call_end(&c, rv);
	sessions_hold();
	rv = call_real()->C_CloseAllSessions(real);
	if (rv == CKR_OK)
		count(0);
	sessions_let_go();
	return call_end(&c, rv);
}

CK_RV
C_GetSessionInfo(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
	struct call c;
	CK_RV rv;

	if (!call_begin_session(&c, FAULTMOD_GetSessionInfo, &session))
		return c.rv;
	rv = call_real()->C_GetSessionInfo(session, info);
	if (rv == CKR_OK)
		info->slotID = slots_ours(info->slotID);
	return call_end(&c, rv);
}
