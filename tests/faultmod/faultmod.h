/*
 * What a test and the faulty module share: a page of memory behind a file, so
 * that every process that loads the module obeys it, and a test reads there
 * what reached the token. faultmod.so forwards all 68 functions of PKCS #11
 * v2.40 to a real module and fails, waits, dies, loses and lies as told here.
 * Knows nothing of who calls it.
 *
 * The page of a module /DIR/NAME is the file /DIR/NAME.page: each test makes
 * a copy of the module for each page. Every field but the names is one
 * unsigned 64-bit number in the host's order, all zero means a faithful
 * module, and every store acts on the next call; faultmod.py has the same
 * list of fields, held to this one by a test.
 */
#ifndef TESTS_FAULTMOD_FAULTMOD_H
#define TESTS_FAULTMOD_FAULTMOD_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define FAULTMOD_MAGIC UINT64_C(0x31646f6d746c7561) /* and the version */
#define FAULTMOD_CALLS 68 /* functions of CK_FUNCTION_LIST, in its order */
#define FAULTMOD_ANY 255  /* in a rule: every function */
#define FAULTMOD_RULES 16
#define FAULTMOD_ATTRS 8
#define FAULTMOD_READERS 4
#define FAULTMOD_TOKENS 4
#define FAULTMOD_NAME 32
#define FAULTMOD_PATH 512

typedef _Atomic uint64_t faultmod_word;

enum faultmod_action {
	FAULTMOD_FAIL = 1, /* answer `value` (a CK_RV); nothing is done */
	FAULTMOD_LOSE,     /* it is done; answer `value` all the same */
	FAULTMOD_DELAY,    /* only wait */
	FAULTMOD_HANG,     /* wait until the rule is disarmed, then go on */
	FAULTMOD_SIGNAL,   /* the process raises signal number `value` */
	FAULTMOD_LENGTH, /* add `value` (signed) to the length that came out */
};

/*
 * Of the calls of `function`, the first `skip` pass, the next `times` obey,
 * the rest pass. Write `armed` last: 0 is no rule. The first rule that fits
 * decides; a delay lets the next ones decide.
 */
struct faultmod_rule {
	faultmod_word armed;    /* another number each time */
	faultmod_word function; /* index in CK_FUNCTION_LIST, or FAULTMOD_ANY */
	faultmod_word action;
	faultmod_word value;
	faultmod_word delay_us; /* before it acts */
	faultmod_word skip;
	faultmod_word times; /* UINT64_MAX: for ever */
	faultmod_word seen;  /* calls that it looked at; the module counts */
	faultmod_word done;  /* calls that obeyed; the module counts */
};

enum faultmod_lie {
	FAULTMOD_MISSING = 1, /* CKR_ATTRIBUTE_TYPE_INVALID */
	FAULTMOD_SENSITIVE,   /* CKR_ATTRIBUTE_SENSITIVE */
	FAULTMOD_VALUE,       /* `value` in place of the first 8 bytes */
	FAULTMOD_SIZE,        /* `value` as its length, whatever the bytes */
};

/* What C_GetAttributeValue says of one type of attribute. */
struct faultmod_attr {
	faultmod_word lie; /* 0: the truth. Write it last */
	faultmod_word type;
	faultmod_word value;
};

/* A slot. With no readers the slots are the real module's own. */
struct faultmod_reader {
	faultmod_word id;    /* slot number */
	faultmod_word token; /* 0: empty; n: the token with the n-th name */
};

enum faultmod_events {
	FAULTMOD_EVENTS_FORWARD = 0, /* as the real module has them */
	FAULTMOD_EVENTS_NONE,        /* CKR_FUNCTION_NOT_SUPPORTED */
	FAULTMOD_EVENTS_OURS,        /* one for each change of `events` */
};

struct faultmod {
	faultmod_word magic; /* FAULTMOD_MAGIC */
	faultmod_word size;  /* of this struct */

	/* What the module writes. */
	faultmod_word calls[FAULTMOD_CALLS];      /* that came in */
	faultmod_word obeyed[FAULTMOD_CALLS];     /* that a rule changed */
	faultmod_word logins_right, logins_wrong; /* C_Login of CKU_USER that
						     reached the token */
	faultmod_word logins_context; /* C_Login of CKU_CONTEXT_SPECIFIC */
	faultmod_word sessions;       /* open now, of the last process */
	faultmod_word sessions_peak;
	faultmod_word drops; /* times that sessions were taken away */
	faultmod_word pid;   /* that called C_Initialize last */

	/* What the test writes. */
	struct faultmod_rule rules[FAULTMOD_RULES];
	struct faultmod_attr attrs[FAULTMOD_ATTRS];

	/* Raise it, and all sessions and the login are gone. */
	faultmod_word drop;
	/* No slot has a token; calls with a session answer `gone`, or if that
	 * is 0 CKR_DEVICE_REMOVED. A card that was out has lost its sessions:
	 * raise `drop` too. */
	faultmod_word absent, gone;
	/* Added to handles that go out. Taken over when `renumber` or `drop`
	 * is raised, so old handles name nothing then, or something else. */
	faultmod_word renumber, session_shift, object_shift;

	faultmod_word nreaders;
	struct faultmod_reader readers[FAULTMOD_READERS];

	/* Of CK_TOKEN_INFO. */
	faultmod_word flags_on, flags_off;
	faultmod_word serial;        /* its last character, if not 0 */
	faultmod_word sessions_said; /* ulMaxSessionCount, if not 0 */

	/* If limited, C_OpenSession says CKR_SESSION_COUNT when ours and those
	 * taken by others are sessions_max. */
	faultmod_word limited, sessions_max, sessions_taken;

	/* A PIN that locks after so many wrong ones, with the token's flags;
	 * 0: as the real token does. tries_used is kept here, and may be set.
	 */
	faultmod_word tries_max, tries_used;

	faultmod_word slot_events; /* enum faultmod_events */
	faultmod_word events;      /* insertions and removals so far */
	faultmod_word event_slot;  /* where the last one was */

	/* If not 0: what C_Initialize says in a process that once ended the
	 * library. */
	faultmod_word brittle;

	char pad[FAULTMOD_NAME]; /* typed on the PIN pad, if C_Login has none */
	char tokens[FAULTMOD_TOKENS][FAULTMOD_NAME]; /* label or serial, with
							a NUL unless full */
	char module[FAULTMOD_PATH];                  /* the real one */
};

/*
 * Copies the module to dir/name and makes its page, which forwards to `real`;
 * the copy's path goes to path[FAULTMOD_PATH]. Never fails: ends the program.
 * The page stays mapped until the program ends.
 */
struct faultmod *faultmod_make(
    const char *dir, const char *name, const char *real, char *path);

/* Everything faithful again, nothing counted, no session taken away. */
void faultmod_clear(struct faultmod *f);

/* Index of a function, as "C_Sign"; FAULTMOD_CALLS if there is none. */
unsigned faultmod_function(const char *name);
const char *faultmod_name(unsigned function); /* NULL if there is none */

/*
 * Arms a free rule. Ends the program if there is none, or no such function
 * (NULL means any).
 */
struct faultmod_rule *faultmod_arm(struct faultmod *f, const char *function,
    enum faultmod_action action, uint64_t value, uint64_t skip, uint64_t times);
void faultmod_disarm(struct faultmod *f); /* all rules */

/* Calls of a function so far, and those of them that obeyed a rule. */
uint64_t faultmod_calls(const struct faultmod *f, const char *function);
uint64_t faultmod_obeyed(const struct faultmod *f, const char *function);

#endif
