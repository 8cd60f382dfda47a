#include "tests/faultmod/faultmod.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

#include "tests/fake/softhsm.h"

struct rig {
	struct softhsm hsm;
	struct faultmod *f;
	CK_FUNCTION_LIST *m;
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
};

static struct rig the_rig;

static CK_RV
log_in(struct rig *rig, const char *pin)
{
	CK_UTF8CHAR copy[32];

	memcpy(copy, pin, strlen(pin));
	return rig->m->C_Login(rig->session, CKU_USER, copy, strlen(pin));
}

static CK_RV
sign(struct rig *rig, CK_ULONG *len)
{
	CK_MECHANISM mech = {CKM_ECDSA, NULL, 0};
	CK_BYTE digest[32] = {1}, sig[128];
	CK_RV rv;

	*len = sizeof(sig);
	rv = rig->m->C_SignInit(rig->session, &mech, rig->key);
	return rv != CKR_OK
		   ? rv
		   : rig->m->C_Sign(rig->session, digest, 32, sig, len);
}

static CK_RV
find_key(struct rig *rig)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_KEY_TYPE type = CKK_EC;
	CK_ATTRIBUTE attrs[] = {{CKA_CLASS, &class, sizeof(class)},
	    {CKA_KEY_TYPE, &type, sizeof(type)}};
	CK_ULONG n = 0;
	CK_RV rv;

	rv = rig->m->C_FindObjectsInit(rig->session, attrs, 2);
	if (rv == CKR_OK)
		rv = rig->m->C_FindObjects(rig->session, &rig->key, 1, &n);
	(void)rig->m->C_FindObjectsFinal(rig->session);
	return rv == CKR_OK && n != 1 ? CKR_KEY_NEEDED : rv;
}

static CK_RV
open_session(struct rig *rig)
{
	return rig->m->C_OpenSession(
	    rig->slot, CKF_SERIAL_SESSION, NULL, NULL, &rig->session);
}

/* Finds the token, logs in and finds the key. */
static CK_RV
start(struct rig *rig)
{
	CK_SLOT_ID slots[8];
	CK_ULONG n = 8;
	CK_TOKEN_INFO info;
	CK_RV rv = rig->m->C_GetSlotList(CK_TRUE, slots, &n);

	rig->slot = ~0UL;
	for (CK_ULONG i = 0; rv == CKR_OK && i < n; i++)
		if (rig->m->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
		    memcmp(info.label, SOFTHSM_LABEL " ",
			sizeof(SOFTHSM_LABEL)) == 0)
			rig->slot = slots[i];
	if (rv == CKR_OK && rig->slot == ~0UL)
		rv = CKR_TOKEN_NOT_PRESENT;
	if (rv == CKR_OK)
		rv = open_session(rig);
	if (rv == CKR_OK)
		rv = log_in(rig, SOFTHSM_PIN);
	return rv == CKR_OK ? find_key(rig) : rv;
}

static int
make(void **state)
{
	struct rig *rig = &the_rig;
	CK_RV (*get)(CK_FUNCTION_LIST **);
	char path[FAULTMOD_PATH];
	void *library, *symbol;

	*state = rig;
	if (!softhsm_prepare(&rig->hsm))
		exit(77);
	rig->hsm.plain = true;
	softhsm_fill(&rig->hsm);
	softhsm_add_empty(&rig->hsm, "another");
	rig->f =
	    faultmod_make(rig->hsm.dir, "module.so", rig->hsm.module, path);
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	assert_non_null(library);
	symbol = dlsym(library, "C_GetFunctionList");
	memcpy(&get, &symbol, sizeof(get));
	assert_int_equal(get(&rig->m), CKR_OK);
	return 0;
}

static int
remove_all(void **state)
{
	struct rig *rig = *state;

	softhsm_remove(&rig->hsm);
	return 0;
}

static int
ready(void **state)
{
	struct rig *rig = *state;
	CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};

	faultmod_clear(rig->f);
	assert_int_equal(rig->m->C_Initialize(&args), CKR_OK);
	assert_int_equal(start(rig), CKR_OK);
	return 0;
}

static int
finish(void **state)
{
	struct rig *rig = *state;

	faultmod_clear(rig->f);
	assert_int_equal(rig->m->C_Finalize(NULL), CKR_OK);
	return 0;
}

static void
a_faithful_module_signs_and_is_counted(void **state)
{
	struct rig *rig = *state;
	CK_ULONG len;

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(sign(rig, &len), CKR_OK);
	assert_int_equal(len, 64);
	assert_int_equal(faultmod_calls(rig->f, "C_SignInit"), 3);
	assert_int_equal(faultmod_calls(rig->f, "C_Sign"), 3);
	assert_int_equal(rig->f->logins_right, 1);
	assert_int_equal(rig->f->sessions, 1);
	assert_int_equal(rig->f->pid, getpid());
}

static void
every_function_has_its_name_and_its_place(void **state)
{
	struct rig *rig = *state;
	void *at[FAULTMOD_CALLS], *one;

	/* Behind the version, which is padded to a pointer's size. */
	memcpy(at, (char *)rig->m + sizeof(*rig->m) - sizeof(at), sizeof(at));
	for (unsigned i = 0; i < FAULTMOD_CALLS; i++) {
		assert_int_equal(faultmod_function(faultmod_name(i)), i);
		for (unsigned j = 0; j < i; j++)
			assert_ptr_not_equal(at[i], at[j]);
	}
	memcpy(&one, &rig->m->C_Sign, sizeof(one));
	assert_ptr_equal(at[faultmod_function("C_Sign")], one);
	memcpy(&one, &rig->m->C_WaitForSlotEvent, sizeof(one));
	assert_ptr_equal(at[FAULTMOD_CALLS - 1], one);
	assert_int_equal(faultmod_function("C_Sing"), FAULTMOD_CALLS);
	assert_null(faultmod_name(FAULTMOD_CALLS));
}

static void
any_function_fails_with_any_value_before_it_reaches_the_token(void **state)
{
	struct rig *rig = *state;
	CK_SESSION_INFO info;

	for (unsigned i = 0; i < 2; i++) {
		faultmod_arm(rig->f, i == 0 ? "C_GetSessionInfo" : NULL,
		    FAULTMOD_FAIL, CKR_VENDOR_DEFINED + i, 0, 1);
		assert_int_equal(rig->m->C_GetSessionInfo(rig->session, &info),
		    CKR_VENDOR_DEFINED + i);
		assert_int_equal(
		    rig->m->C_GetSessionInfo(rig->session, &info), CKR_OK);
		faultmod_disarm(rig->f);
	}
}

static void
only_the_calls_that_are_meant_obey(void **state)
{
	static const CK_RV want[] = {
	    CKR_OK, CKR_OK, CKR_DEVICE_ERROR, CKR_DEVICE_ERROR, CKR_OK, CKR_OK};
	struct rig *rig = *state;
	struct faultmod_rule *rule;
	CK_TOKEN_INFO info;

	rule = faultmod_arm(
	    rig->f, "C_GetTokenInfo", FAULTMOD_FAIL, CKR_DEVICE_ERROR, 2, 2);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(
		    rig->m->C_GetTokenInfo(rig->slot, &info), want[i]);
	assert_int_equal(rule->seen, 6);
	assert_int_equal(rule->done, 2);
}

static void
an_answer_can_be_lost_after_the_deed(void **state)
{
	struct rig *rig = *state;
	CK_SESSION_HANDLE second = 0;

	faultmod_arm(
	    rig->f, "C_OpenSession", FAULTMOD_LOSE, CKR_FUNCTION_FAILED, 0, 1);
	assert_int_equal(rig->m->C_OpenSession(rig->slot, CKF_SERIAL_SESSION,
			     NULL, NULL, &second),
	    CKR_FUNCTION_FAILED);
	assert_int_equal(rig->f->sessions, 2);
}

static void *
sign_apart(void *arg)
{
	CK_ULONG len;

	return (void *)(uintptr_t)sign(arg, &len);
}

static void
a_hanging_call_goes_on_when_it_is_let(void **state)
{
	struct rig *rig = *state;
	struct faultmod_rule *rule;
	pthread_t thread;
	CK_SESSION_INFO info;
	void *rv;

	rule = faultmod_arm(rig->f, "C_Sign", FAULTMOD_HANG, 0, 0, 1);
	assert_int_equal(pthread_create(&thread, NULL, sign_apart, rig), 0);
	while (rule->done == 0)
		(void)usleep(1000);
	assert_int_equal(rig->m->C_GetSessionInfo(rig->session, &info), CKR_OK);
	faultmod_disarm(rig->f);
	assert_int_equal(pthread_join(thread, &rv), 0);
	assert_int_equal((uintptr_t)rv, CKR_OK);
}

static void
a_call_can_end_the_process(void **state)
{
	struct rig *rig = *state;
	CK_TOKEN_INFO info;
	int status = 0;
	pid_t child;

	faultmod_arm(rig->f, "C_GetTokenInfo", FAULTMOD_SIGNAL, SIGKILL, 0, 1);
	child = fork();
	if (child == 0) {
		(void)rig->m->C_GetTokenInfo(rig->slot, &info);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	/* What another process did is counted here too. */
	assert_int_equal(rig->f->rules[0].done, 1);
}

static void
sessions_and_login_can_be_taken_away(void **state)
{
	struct rig *rig = *state;
	CK_ULONG len;

	rig->f->drop++;
	assert_int_equal(sign(rig, &len), CKR_SESSION_HANDLE_INVALID);
	assert_int_equal(rig->f->drops, 1);
	assert_int_equal(rig->f->sessions, 0);
	assert_int_equal(open_session(rig), CKR_OK);
	assert_int_not_equal(sign(rig, &len), CKR_OK);
	assert_int_equal(log_in(rig, SOFTHSM_PIN), CKR_OK);
	assert_int_equal(find_key(rig), CKR_OK);
	assert_int_equal(sign(rig, &len), CKR_OK);
}

static void
handles_get_other_numbers(void **state)
{
	struct rig *rig = *state;
	CK_SESSION_HANDLE session = rig->session;
	CK_OBJECT_HANDLE key = rig->key;
	CK_ULONG len;

	rig->f->session_shift = 1000;
	rig->f->object_shift = 500;
	assert_int_equal(sign(rig, &len), CKR_OK);
	rig->f->renumber++;
	assert_int_equal(sign(rig, &len), CKR_SESSION_HANDLE_INVALID);
	rig->session = session + 1000;
	assert_int_not_equal(sign(rig, &len), CKR_OK);
	assert_int_equal(find_key(rig), CKR_OK);
	assert_int_equal(rig->key, key + 500);
	assert_int_equal(sign(rig, &len), CKR_OK);
}

static void
a_token_leaves_and_comes_back(void **state)
{
	struct rig *rig = *state;
	CK_SLOT_ID slots[8];
	CK_ULONG n = 8, len;
	CK_SLOT_INFO info;
	CK_TOKEN_INFO token;

	rig->f->drop++;
	rig->f->absent = 1;
	assert_int_equal(sign(rig, &len), CKR_DEVICE_REMOVED);
	assert_int_equal(rig->m->C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
	assert_int_equal(n, 0);
	n = 8;
	assert_int_equal(rig->m->C_GetSlotList(CK_FALSE, slots, &n), CKR_OK);
	assert_true(n >= 2);
	assert_int_equal(rig->m->C_GetSlotInfo(rig->slot, &info), CKR_OK);
	assert_false(info.flags & CKF_TOKEN_PRESENT);
	assert_int_equal(
	    rig->m->C_GetTokenInfo(rig->slot, &token), CKR_TOKEN_NOT_PRESENT);
	assert_int_equal(open_session(rig), CKR_TOKEN_NOT_PRESENT);
	rig->f->gone = CKR_SESSION_CLOSED;
	assert_int_equal(sign(rig, &len), CKR_SESSION_CLOSED);
	rig->f->absent = 0;
	assert_int_equal(sign(rig, &len), CKR_SESSION_HANDLE_INVALID);
	assert_int_equal(start(rig), CKR_OK);
	assert_int_equal(sign(rig, &len), CKR_OK);
}

static void
a_token_moves_to_another_reader_and_is_swapped(void **state)
{
	struct rig *rig = *state;
	struct faultmod *f = rig->f;
	CK_SLOT_ID slots[8];
	CK_ULONG n = 8, len;
	CK_SLOT_INFO info;

	(void)memcpy(f->tokens[0], SOFTHSM_LABEL, sizeof(SOFTHSM_LABEL));
	(void)memcpy(f->tokens[1], "another", sizeof("another"));
	f->readers[0].id = 3;
	f->readers[0].token = 1;
	f->readers[1].id = 7;
	f->nreaders = 2;
	f->drop++;
	assert_int_equal(rig->m->C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
	assert_int_equal(n, 1);
	assert_int_equal(start(rig), CKR_OK);
	assert_int_equal(rig->slot, 3);
	assert_int_equal(sign(rig, &len), CKR_OK);
	assert_int_equal(rig->m->C_GetSlotInfo(7, &info), CKR_OK);
	assert_false(info.flags & CKF_TOKEN_PRESENT);
	assert_int_equal(rig->m->C_GetSlotInfo(4, &info), CKR_SLOT_ID_INVALID);
	f->readers[0].token = 0;
	f->readers[1].token = 1;
	f->drop++;
	assert_int_equal(start(rig), CKR_OK);
	assert_int_equal(rig->slot, 7);
	f->readers[1].token = 2;
	f->drop++;
	assert_int_equal(start(rig), CKR_TOKEN_NOT_PRESENT);
	n = 8;
	assert_int_equal(rig->m->C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
	assert_int_equal(n, 1);
	assert_int_equal(slots[0], 7);
}

static void
the_number_of_sessions_has_a_limit(void **state)
{
	struct rig *rig = *state;
	CK_SESSION_HANDLE more;
	CK_TOKEN_INFO info;

	rig->f->limited = 1;
	rig->f->sessions_max = 3;
	rig->f->sessions_taken = 1;
	assert_int_equal(rig->m->C_OpenSession(
			     rig->slot, CKF_SERIAL_SESSION, NULL, NULL, &more),
	    CKR_OK);
	assert_int_equal(rig->m->C_OpenSession(
			     rig->slot, CKF_SERIAL_SESSION, NULL, NULL, &more),
	    CKR_SESSION_COUNT);
	assert_int_equal(rig->m->C_GetTokenInfo(rig->slot, &info), CKR_OK);
	assert_int_equal(info.ulMaxSessionCount, 3);
	assert_int_equal(info.ulSessionCount, 3);
}

static void
a_pin_locks_after_its_tries_and_says_so_before(void **state)
{
	static const struct {
		CK_RV rv;
		CK_FLAGS flags;
	} want[] = {
	    {CKR_PIN_INCORRECT, CKF_USER_PIN_COUNT_LOW},
	    {CKR_PIN_INCORRECT,
		CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY},
	    {CKR_PIN_INCORRECT, CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_LOCKED},
	    {CKR_PIN_LOCKED, CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_LOCKED},
	};
	const CK_FLAGS all = CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY |
			     CKF_USER_PIN_LOCKED;
	struct rig *rig = *state;
	CK_TOKEN_INFO info;

	rig->f->drop++;
	assert_int_equal(open_session(rig), CKR_OK);
	rig->f->tries_max = 3;
	for (unsigned i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_int_equal(log_in(rig, "wrong"), want[i].rv);
		assert_int_equal(
		    rig->m->C_GetTokenInfo(rig->slot, &info), CKR_OK);
		assert_int_equal(info.flags & all, want[i].flags);
	}
	assert_int_equal(log_in(rig, SOFTHSM_PIN), CKR_PIN_LOCKED);
	assert_int_equal(rig->f->logins_wrong, 5);
	rig->f->tries_used = 2;
	assert_int_equal(log_in(rig, SOFTHSM_PIN), CKR_OK);
	assert_int_equal(rig->f->tries_used, 0);
}

static void
a_pin_pad_types_for_who_brings_no_pin(void **state)
{
	struct rig *rig = *state;

	rig->f->drop++;
	assert_int_equal(open_session(rig), CKR_OK);
	assert_int_not_equal(
	    rig->m->C_Login(rig->session, CKU_USER, NULL, 0), CKR_OK);
	(void)memcpy(rig->f->pad, SOFTHSM_PIN, sizeof(SOFTHSM_PIN));
	assert_int_equal(
	    rig->m->C_Login(rig->session, CKU_USER, NULL, 0), CKR_OK);
}

static void
lengths_and_attributes_can_be_wrong(void **state)
{
	struct rig *rig = *state;
	CK_KEY_TYPE type = 0;
	CK_ATTRIBUTE attr = {CKA_KEY_TYPE, &type, sizeof(type)};
	static const struct {
		enum faultmod_lie lie;
		uint64_t value;
		CK_RV rv;
		CK_ULONG len;
	} cases[] = {
	    {FAULTMOD_MISSING, 0, CKR_ATTRIBUTE_TYPE_INVALID,
		CK_UNAVAILABLE_INFORMATION},
	    {FAULTMOD_SENSITIVE, 0, CKR_ATTRIBUTE_SENSITIVE,
		CK_UNAVAILABLE_INFORMATION},
	    {FAULTMOD_VALUE, 77, CKR_OK, sizeof(type)},
	    {FAULTMOD_SIZE, 3, CKR_OK, 3},
	};
	CK_ULONG len;

	faultmod_arm(rig->f, "C_Sign", FAULTMOD_LENGTH, (uint64_t)-3, 0, 1);
	assert_int_equal(sign(rig, &len), CKR_OK);
	assert_int_equal(len, 61);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		attr.ulValueLen = sizeof(type);
		rig->f->attrs[0].type = CKA_KEY_TYPE;
		rig->f->attrs[0].value = cases[i].value;
		rig->f->attrs[0].lie = cases[i].lie;
		assert_int_equal(rig->m->C_GetAttributeValue(
				     rig->session, rig->key, &attr, 1),
		    cases[i].rv);
		assert_int_equal(attr.ulValueLen, cases[i].len);
		assert_int_equal(type, i == 2 ? 77 : CKK_EC);
		type = CKK_EC;
	}
}

static void *
wait_apart(void *arg)
{
	struct rig *rig = arg;
	CK_SLOT_ID slot = 0;
	CK_RV rv = rig->m->C_WaitForSlotEvent(0, &slot, NULL);

	return (void *)(uintptr_t)(rv == CKR_OK ? slot : rv);
}

static void
slot_events_are_told_or_not_known(void **state)
{
	struct rig *rig = *state;
	CK_SLOT_ID slot;
	pthread_t thread;
	void *said;

	rig->f->slot_events = FAULTMOD_EVENTS_NONE;
	assert_int_equal(rig->m->C_WaitForSlotEvent(0, &slot, NULL),
	    CKR_FUNCTION_NOT_SUPPORTED);
	rig->f->slot_events = FAULTMOD_EVENTS_OURS;
	assert_int_equal(
	    rig->m->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL),
	    CKR_NO_EVENT);
	assert_int_equal(pthread_create(&thread, NULL, wait_apart, rig), 0);
	rig->f->event_slot = 5;
	rig->f->events++;
	assert_int_equal(pthread_join(thread, &said), 0);
	assert_int_equal((uintptr_t)said, 5);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, ready, finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_faithful_module_signs_and_is_counted),
	    TEST(every_function_has_its_name_and_its_place),
	    TEST(any_function_fails_with_any_value_before_it_reaches_the_token),
	    TEST(only_the_calls_that_are_meant_obey),
	    TEST(an_answer_can_be_lost_after_the_deed),
	    TEST(a_hanging_call_goes_on_when_it_is_let),
	    TEST(a_call_can_end_the_process),
	    TEST(sessions_and_login_can_be_taken_away),
	    TEST(handles_get_other_numbers),
	    TEST(a_token_leaves_and_comes_back),
	    TEST(a_token_moves_to_another_reader_and_is_swapped),
	    TEST(the_number_of_sessions_has_a_limit),
	    TEST(a_pin_locks_after_its_tries_and_says_so_before),
	    TEST(a_pin_pad_types_for_who_brings_no_pin),
	    TEST(lengths_and_attributes_can_be_wrong),
	    TEST(slot_events_are_told_or_not_known),
	};

	return cmocka_run_group_tests(tests, make, remove_all);
}
