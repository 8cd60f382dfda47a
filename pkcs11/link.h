/*
 * A link: the token brought up, which is to say found, logged in and indexed,
 * and brought up again when it was lost. Lends a session and a key to one
 * operation at a time; what the operation is, it does not know.
 *
 * It is down, busy or up. One thread at a time makes it busy and works on
 * it, while the others wait, with a deadline. Operations hold the link up:
 * who wants to take it down stops new ones and waits for those that run. So
 * no session is closed, and no handle changes its meaning, under an
 * operation. One that must be alone stops new ones and waits likewise.
 */
#ifndef PKCS11_LINK_H
#define PKCS11_LINK_H

#include "pkcs11/index.h"
#include "pkcs11/module.h"
#include "pkcs11/token.h"
#include "pkcs11/uri.h"

struct link;

/* Borrows all but cfg, which is copied as far as its pointers. */
int link_open(struct link **lp, struct module *m, const struct uri *u,
    const struct token_config *cfg, struct token_trouble *why);

/* NULL-safe; closes the token's sessions. */
void link_close(struct link *l);

/* What one operation has of the link, from link_enter() to link_leave(). */
struct link_use {
	int64_t deadline;      /* of every wait, as tick_now() counts */
	bool alone;            /* in: it bears no other operation beside it */
	uint64_t epoch;        /* names the bringing-up under which it runs */
	struct index *index;   /* held */
	uint64_t generation;   /* of that index */
	unsigned long session; /* 0 until link_session() */
};

/* Fills use for a first try that has all the time the configuration gives. */
void link_begin(struct link *l, struct link_use *use);

/* Brings the link up, unless it is, and holds it up. */
int link_enter(struct link *l, struct link_use *use, struct token_trouble *why);

/* A session of the pool. *rv: CKR_OK unless C_OpenSession failed. */
int link_session(struct link *l, struct link_use *use, struct rv *rv,
    struct token_trouble *why);

/* Lets a key that wants it be used once, by an operation that is alone. */
int link_permit(struct link *l, const struct link_use *use,
    unsigned long session, struct rv *rv, struct token_trouble *why);

/* Gives all back; the session is closed unless keep. */
void link_leave(struct link *l, struct link_use *use, bool keep);

/*
 * After rv, met under that epoch by a thread that has left: mends what rv
 * says is broken, or nothing if that was mended since. Then the operation
 * may be tried once more.
 */
int link_mend(
    struct link *l, uint64_t epoch, struct rv rv, struct token_trouble *why);

/* As token_forget() and token_lock(); and token_unlock(), token_tend(). */
int link_down(struct link *l, bool locked, struct token_trouble *why);
void link_unlock(struct link *l);
unsigned link_tend(struct link *l, int *err, struct token_trouble *why);

/* Reads certificates and keys again. */
int link_rescan(struct link *l, struct token_trouble *why);

/* The token's printed name, or the URI as long as it was never found. */
void link_name(struct link *l, char name[URI_TEXT_MAX]);

struct link_state {
	bool ready;
	char name[TOKEN_NAME_MAX];
	uint64_t generation, recoveries, sessions;
	struct index_counts counts; /* of the last scan */
};
uint64_t link_generation(struct link *l); /* of link_state(), alone */
void link_state(struct link *l, struct link_state *st);

#endif
