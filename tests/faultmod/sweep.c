/*
 * The sweep: every PKCS#11 function that the token layer calls x 16 return
 * values x {once, later, for ever}. Each cell asks a warm token for
 * operations that come by the function while it fails, and holds the answers
 * to what the header promises: in time, of the right class, with the return
 * value, repeated within bounds; and when the fault ends, the token signs
 * again within two seconds, with no PIN try wasted and nothing left behind.
 *
 * Prints its table. Arguments: "quick" takes two cells of each row, "full"
 * all; then, if wanted, the one function whose row is to run.
 */
#include <dirent.h>
#include <malloc.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

#include "tests/faultmod/faultmod.h"
#include "tests/unit/pkcs11/rig.h"

#define WAIT_MS 200    /* of the token's configuration */
#define ANSWER_MS 3000 /* an operation is answered by then */
#define MEND_MS 2000   /* after the fault; the figure */
#define OPS_MAX 6
#define HEAP_MORE 8192 /* bytes, however many cells */
#define NOTES_MAX 60
#define NOTE_MAX 600

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* How an operation comes to call a function. */
enum way {
	WAY_SIGN,    /* each signature does */
	WAY_DECRYPT, /* each decryption does */
	WAY_LOST,    /* when sessions and login are gone */
	WAY_KEY,     /* when a key's handle is said to be gone */
	WAY_RESTART, /* when no token can be found, so the module restarts */
	WAY_COLD,    /* when the token is opened */
	WAY_IDLE,    /* when the token was idle */
	WAY_LOGOUT,  /* when the token was let go */
};

struct function {
	const char *name;
	enum way way;
};

static const struct function functions[] = {
    {"C_Initialize", WAY_COLD},
    {"C_GetInfo", WAY_LOST},
    {"C_GetSlotList", WAY_LOST},
    {"C_GetSlotInfo", WAY_LOST},
    {"C_GetTokenInfo", WAY_LOST},
    {"C_GetMechanismList", WAY_LOST},
    {"C_GetMechanismInfo", WAY_LOST},
    {"C_OpenSession", WAY_LOST},
    {"C_CloseSession", WAY_KEY},
    {"C_CloseAllSessions", WAY_LOST},
    {"C_GetSessionInfo", WAY_LOST},
    {"C_Login", WAY_LOST},
    {"C_GetAttributeValue", WAY_LOST},
    {"C_FindObjectsInit", WAY_LOST},
    {"C_FindObjects", WAY_LOST},
    {"C_FindObjectsFinal", WAY_LOST},
    {"C_DecryptInit", WAY_DECRYPT},
    {"C_Decrypt", WAY_DECRYPT},
    {"C_SignInit", WAY_SIGN},
    {"C_Sign", WAY_SIGN},
    {"C_Finalize", WAY_RESTART},
    {"C_WaitForSlotEvent", WAY_RESTART},
    {"C_GenerateRandom", WAY_IDLE},
    {"C_Logout", WAY_LOGOUT},
};

/* The fifteen of the study of peers, and CKR_DEVICE_MEMORY: a token that is
 * full for the moment. */
struct value {
	CK_RV ckr;
	const char *name;
	int err; /* what a caller is told */
	bool retry;
	unsigned repeats; /* of the failing call in one operation, at most */
};

#define VALUE(ckr, err, retry, repeats)            \
	{                                          \
		ckr, #ckr + 4, err, retry, repeats \
	}

static const struct value values[] = {
    VALUE(CKR_DEVICE_ERROR, TOKEN_EDEVICE, true, 1),
    VALUE(CKR_DEVICE_REMOVED, TOKEN_EABSENT, true, 1),
    VALUE(CKR_SESSION_HANDLE_INVALID, TOKEN_EDEVICE, true, 1),
    VALUE(CKR_SESSION_CLOSED, TOKEN_EDEVICE, true, 1),
    VALUE(CKR_OBJECT_HANDLE_INVALID, TOKEN_EDEVICE, true, 1),
    VALUE(CKR_KEY_HANDLE_INVALID, TOKEN_EDEVICE, true, 1),
    VALUE(CKR_USER_NOT_LOGGED_IN, TOKEN_EDEVICE, true, 1),
    VALUE(CKR_TOKEN_NOT_PRESENT, TOKEN_EABSENT, true, 1),
    VALUE(CKR_SESSION_COUNT, TOKEN_EBUSY, true, 3),
    VALUE(CKR_OPERATION_ACTIVE, TOKEN_EDEVICE, true, 3),
    VALUE(CKR_FUNCTION_FAILED, TOKEN_EDEVICE, true, 3),
    VALUE(CKR_GENERAL_ERROR, TOKEN_EDEVICE, true, 1),
    VALUE(CKR_HOST_MEMORY, TOKEN_ENOMEM, true, 3),
    VALUE(CKR_CRYPTOKI_NOT_INITIALIZED, TOKEN_EDEVICE, true, 1),
    VALUE(CKR_PIN_LOCKED, TOKEN_EPINLOCKED, false, 0),
    VALUE(CKR_DEVICE_MEMORY, TOKEN_EBUSY, true, 3),
};

_Static_assert(COUNT(values) == 16, "the issue says 16");

enum when { ONCE, LATER, EVER };
static const char *const whens[] = {"once", "later", "for ever"};

struct sweep {
	struct rig *rig;
	struct faultmod *f;
	uint8_t cipher[256]; /* for the RSA key */
	size_t cipherlen;
	bool quick;
	const char *only; /* one function's row, or NULL */

	const struct function *function; /* the cell */
	const struct value *value;
	enum when when;
	bool rule_armed, told, met, wrong;
	bool dead; /* nothing makes the token sign any more */

	char notes[NOTES_MAX][NOTE_MAX];
	unsigned nnotes, cells;
	long worst_ms, worst_mend_ms;
};

static struct sweep the_sweep;

static long
now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A cell that broke a promise: its first reason is told below the table. */
__attribute__((format(printf, 2, 3))) static void
blame(struct sweep *s, const char *fmt, ...)
{
	char reason[NOTE_MAX / 2];
	va_list ap;

	if (s->wrong)
		return;
	s->wrong = true;
	va_start(ap, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	if (s->nnotes < NOTES_MAX)
		(void)snprintf(s->notes[s->nnotes], NOTE_MAX,
		    "%s x CKR_%s %s: %s", s->function->name, s->value->name,
		    whens[s->when], reason);
	s->nnotes++;
}

/* Values by which tokens mean bad padding too: the operation is over, and
 * decryption succeeds with another message (docs/decisions/0008). */
static bool
rejects(const struct sweep *s)
{
	return s->rule_armed && strcmp(s->function->name, "C_Decrypt") == 0 &&
	       (s->value->ckr == CKR_GENERAL_ERROR ||
		   s->value->ckr == CKR_FUNCTION_FAILED);
}

static int
decrypt(struct sweep *s)
{
	struct rig *rig = s->rig;
	uint8_t out[512];
	size_t len = sizeof(out);
	int r;

	r = token_decrypt(rig->token, rig->hsm.rsa.sha256, TOKEN_RSA_PKCS1,
	    TOKEN_HASH_NONE, s->cipher, s->cipherlen, out, &len, &rig->why);
	if (r == TOKEN_OK && (len != 5 || memcmp(out, "hello", 5) != 0)) {
		if (!rejects(s))
			blame(s, "a decryption gave something else");
		s->told = true;
	}
	return r;
}

static int
operate(struct sweep *s)
{
	int r;

	if (s->rig->token == NULL) {
		r = token_open(&s->rig->token, &s->rig->cfg, &s->rig->why);
		if (r != TOKEN_OK)
			return r;
	}
	if (s->function != NULL && s->function->way == WAY_DECRYPT)
		return decrypt(s);
	r = rig_sign(s->rig);
	if (r == TOKEN_EDATA)
		blame(s, "a signature is wrong");
	return r;
}

/* Makes the next operation come by the function. */
static void
lead(struct sweep *s)
{
	switch (s->function->way) {
	case WAY_SIGN:
	case WAY_DECRYPT:
		break;
	case WAY_LOST:
		s->f->drop++;
		break;
	case WAY_KEY:
		faultmod_arm(s->f, "C_SignInit", FAULTMOD_FAIL,
		    CKR_KEY_HANDLE_INVALID, 0, 1);
		break;
	case WAY_RESTART:
		/* So that it is done at once, and not only once a second. */
		s->f->slot_events = FAULTMOD_EVENTS_OURS;
		s->f->events++;
		s->f->drop++;
		faultmod_arm(s->f, "C_GetSlotList", FAULTMOD_FAIL,
		    CKR_DEVICE_REMOVED, 0, 1);
		break;
	case WAY_IDLE:
		(void)usleep(2000);
		(void)token_tend(s->rig->token, &(int){0}, NULL);
		break;
	case WAY_LOGOUT:
		(void)token_forget(s->rig->token, NULL);
		break;
	case WAY_COLD:
		token_close(s->rig->token);
		s->rig->token = NULL;
		break;
	}
}

/*
 * When the module itself starts anew, the reason may be what made it so, or
 * that it is not initialised since.
 */
static bool
right(const struct sweep *s, int r)
{
	const struct token_trouble *why = &s->rig->why;

	if (why->ckr == s->value->ckr)
		return (r == s->value->err && why->retry == s->value->retry) ||
		       (r == TOKEN_EMODULE &&
			   strcmp(s->function->name, "C_Initialize") == 0);
	if (s->function->way == WAY_RESTART && why->ckr == CKR_DEVICE_REMOVED)
		return r == TOKEN_EABSENT;
	/* It is not sent again, so the token says nothing more. */
	if (s->value->ckr == CKR_PIN_LOCKED &&
	    strcmp(s->function->name, "C_Login") == 0)
		return r == TOKEN_EPIN;
	return (s->function->way == WAY_RESTART ||
		   s->function->way == WAY_COLD) &&
	       why->ckr == CKR_CRYPTOKI_NOT_INITIALIZED && why->retry;
}

static void
judge(struct sweep *s, int r, long ms, uint64_t calls)
{
	const struct token_trouble *why = &s->rig->why;

	if (ms > s->worst_ms)
		s->worst_ms = ms;
	if (ms > ANSWER_MS)
		blame(s, "answered after %ld ms", ms);
	/* Each try to decrypt may be two: without padding, and with. */
	if ((s->function->way == WAY_SIGN || s->function->way == WAY_DECRYPT ||
		strcmp(s->function->name, "C_Login") == 0) &&
	    calls > (1 + s->value->repeats) *
			(s->function->way == WAY_DECRYPT ? 2 : 1))
		blame(s, "called %llu times in one operation",
		    (unsigned long long)calls);
	if (r == TOKEN_OK)
		return;
	s->told = true;
	if (!right(s, r))
		blame(s, "said \"%s\", retry %d, CKR 0x%lx: %s",
		    token_strerror(r), why->retry, why->ckr, why->text);
	else if (strlen(why->text) < 20)
		blame(s, "said only \"%s\"", why->text);
}

/* Operations until the fault was met, and one more if it lasts. */
static void
suffer(struct sweep *s, struct faultmod_rule *rule)
{
	const char *name = s->function->name;
	unsigned after = s->when == EVER ? 2 : 1;

	for (unsigned i = 0; i < OPS_MAX && after > 0; i++) {
		uint64_t calls;
		long start;
		int r;

		if (s->when != EVER || i == 0)
			lead(s);
		calls = faultmod_calls(s->f, name);
		start = now_ms();
		r = operate(s);
		judge(
		    s, r, now_ms() - start, faultmod_calls(s->f, name) - calls);
		if (rule->done > 0)
			after--;
	}
	s->met = rule->done > 0;
}

/* A locked PIN stays so until a person looked. */
static void
unlock(struct sweep *s)
{
	if (s->value->ckr == CKR_PIN_LOCKED &&
	    strcmp(s->function->name, "C_Login") == 0)
		(void)remove(s->rig->hsm.guard);
}

static void
recover(struct sweep *s)
{
	long start = now_ms(), ms;
	int r;

	faultmod_disarm(s->f);
	unlock(s);
	do {
		r = operate(s);
		ms = now_ms() - start;
		if (r != TOKEN_OK)
			(void)usleep(20000);
	} while (r != TOKEN_OK && ms < 2 * MEND_MS);
	if (ms > s->worst_mend_ms)
		s->worst_mend_ms = ms;
	if (r != TOKEN_OK || ms > MEND_MS)
		blame(s, "no signature %ld ms after the fault: %s", ms,
		    r == TOKEN_OK ? "late" : s->rig->why.text);
	if (r == TOKEN_OK)
		return;
	/* So that the next cell starts well. */
	token_close(s->rig->token);
	s->rig->token = NULL;
	(void)remove(s->rig->hsm.guard);
	s->dead = operate(s) != TOKEN_OK;
}

static void
run_cell(struct sweep *s)
{
	struct faultmod_rule *rule;
	uint64_t wrong = s->f->logins_wrong;
	uint64_t kept = faultmod_obeyed(s->f, "C_CloseSession");

	s->told = s->met = s->wrong = false;
	s->cells++;
	s->rule_armed = true;
	rule = faultmod_arm(s->f, s->function->name,
	    rejects(s) ? FAULTMOD_LOSE : FAULTMOD_FAIL, s->value->ckr,
	    s->when == LATER ? 2 : 0, s->when == EVER ? UINT64_MAX : 1);
	suffer(s, rule);
	s->rule_armed = false;
	recover(s);
	if (s->f->logins_wrong != wrong)
		blame(s, "a PIN try was wasted");
	/* Of what would not be closed, the token is rid when it starts anew. */
	kept = faultmod_obeyed(s->f, "C_CloseSession") - kept;
	if (s->f->sessions > s->rig->cfg.sessions + 1 + kept)
		blame(s, "%llu sessions are open",
		    (unsigned long long)s->f->sessions);
	if (kept > 0)
		s->f->drop++;
}

static unsigned
descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	(void)closedir(dir);
	return n;
}

/*
 * Bytes in use with a token just opened: what SoftHSM keeps of each session
 * and object until C_Finalize is no growth of ours. The sanitizers' allocator
 * does not say, and looks for leaks itself.
 */
static size_t
heap(struct sweep *s)
{
	token_close(s->rig->token);
	s->rig->token = NULL;
	rig_ok(s->rig, operate(s));
	return mallinfo2().uordblks;
}

/*
 * A PIN that is sent is remembered by a slow digest, each time; all rows but
 * the login's spare that time and use the token's PIN pad.
 */
static void
choose_pin(struct sweep *s)
{
	bool pad = strcmp(s->function->name, "C_Login") != 0;

	s->f->flags_on = pad ? CKF_PROTECTED_AUTHENTICATION_PATH : 0;
	s->rig->pin = pad ? NULL : SOFTHSM_PIN;
	(void)snprintf(s->f->pad, sizeof(s->f->pad), "%s", SOFTHSM_PIN);
}

/* A row of the table: three signs for each value. */
static void
run_row(struct sweep *s, size_t row)
{
	long start = now_ms();

	s->function = &functions[row];
	choose_pin(s);
	(void)printf("%-20s", s->function->name);
	for (size_t i = 0; i < COUNT(values) && !s->dead; i++) {
		char signs[4] = "   ";

		s->value = &values[i];
		for (s->when = ONCE; s->when <= EVER; s->when++) {
			if (s->dead ||
			    (s->quick && (5 * row + i + 5 * s->when) % 24 != 0))
				continue;
			run_cell(s);
			signs[s->when] = s->wrong  ? '!'
					 : !s->met ? '-'
					 : s->told ? 'e'
						   : '.';
		}
		(void)printf(" %s", signs);
	}
	(void)printf(" %5ld ms\n", now_ms() - start);
	(void)fflush(stdout);
}

static void
print_head(void)
{
	(void)printf("\neach: once, later, for ever; . mended unseen, e told "
		     "with its class, - not met, ! broken\n");
	for (size_t i = 0; i < COUNT(values); i++)
		(void)printf("%3zu CKR_%s\n", i + 1, values[i].name);
	(void)printf("%-20s", "");
	for (size_t i = 0; i < COUNT(values); i++)
		(void)printf(" %3zu", i + 1);
	(void)printf("\n");
}

/* Fills the libraries' own caches: each way once, with nothing amiss. */
static void
warm(struct sweep *s)
{
	for (size_t i = 0; i < COUNT(functions); i++) {
		s->function = &functions[i];
		choose_pin(s);
		rig_ok(s->rig, operate(s));
		lead(s);
		(void)operate(s);
		faultmod_disarm(s->f);
		rig_ok(s->rig, operate(s));
	}
}

static void
every_fault_is_told_mended_and_costs_no_pin(void **state)
{
	struct sweep *s = &the_sweep;
	long start = now_ms();
	int fds;
	long long bytes;

	(void)state;
	warm(s);
	bytes = (long long)heap(s);
	fds = (int)descriptors();
	print_head();
	for (size_t i = 0; i < COUNT(functions); i++)
		if (s->only == NULL || strcmp(s->only, functions[i].name) == 0)
			run_row(s, i);
	for (unsigned i = 0; i < s->nnotes && i < NOTES_MAX; i++)
		(void)printf("%s\n", s->notes[i]);
	assert_false(s->dead);
	bytes = (long long)heap(s) - bytes;
	fds = (int)descriptors() - fds;
	(void)printf("%u cells in %ld ms, %u broken; slowest answer %ld ms, "
		     "slowest recovery %ld ms; C_Login %llu times, wrong PIN "
		     "%llu; descriptors %+d, heap %+lld bytes\n",
	    s->cells, now_ms() - start, s->nnotes, s->worst_ms,
	    s->worst_mend_ms,
	    (unsigned long long)faultmod_calls(s->f, "C_Login"),
	    (unsigned long long)s->f->logins_wrong, fds, bytes);
	assert_int_equal(s->nnotes, 0);
	assert_int_equal(s->f->logins_wrong, 0);
	assert_int_equal(fds, 0);
	assert_true(bytes < HEAP_MORE);
}

/* So the table has a row for each function that there is to fail. */
static void
the_sweep_knows_every_function_that_is_called(void **state)
{
	struct sweep *s = &the_sweep;

	(void)state;
	if (s->only != NULL)
		skip();
	for (unsigned i = 0; i < FAULTMOD_CALLS; i++) {
		bool known = false;

		for (size_t j = 0; j < COUNT(functions); j++)
			if (strcmp(functions[j].name, faultmod_name(i)) == 0)
				known = true;
		/* The loader's; without it there is no module to speak of. */
		if (strcmp(faultmod_name(i), "C_GetFunctionList") == 0)
			continue;
		if (known != (s->f->calls[i] > 0))
			fail_msg("%s is %s", faultmod_name(i),
			    known ? "in the sweep, and never called"
				  : "called, and not in the sweep");
	}
}

static int
make(void **state)
{
	struct sweep *s = &the_sweep;
	static char path[FAULTMOD_PATH];

	(void)rig_make_plain(state);
	s->rig = *state;
	(void)rig_clear(state);
	s->f = faultmod_make(
	    s->rig->hsm.dir, "faulty.so", s->rig->hsm.module, path);
	s->rig->cfg.module = path;
	s->rig->cfg.sessions = 4;
	s->rig->cfg.wait_ms = WAIT_MS;
	s->rig->cfg.keepalive_ms = 1;
	s->cipherlen = rig_encrypt(&s->rig->hsm.rsa, 1, TOKEN_HASH_NONE,
	    (const uint8_t *)"hello", 5, s->cipher, sizeof(s->cipher));
	return 0;
}

static int
finish(void **state)
{
	token_close(the_sweep.rig->token);
	return rig_remove(state);
}

/* malloc's store for each thread counts as in use: 120 KB, which hid ours. */
static void
count_all(char **argv)
{
	if (getenv("GLIBC_TUNABLES") == NULL &&
	    setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1) == 0)
		(void)execv("/proc/self/exe", argv);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_fault_is_told_mended_and_costs_no_pin),
	    cmocka_unit_test(the_sweep_knows_every_function_that_is_called),
	};

	count_all(argv);
	the_sweep.quick = argc > 1 && strcmp(argv[1], "quick") == 0;
	the_sweep.only = argc > 2 ? argv[2] : NULL;
	return cmocka_run_group_tests(tests, make, finish);
}
