/*
 * A link from inside: for link.c, which lets operations in and out, and
 * link_rise.c, which brings the token up and takes it down. The fields
 * below the last blank line belong to the thread that made the link BUSY, or to
 * one operation that is alone on it.
 */
#ifndef PKCS11_LINK_IMPL_H
#define PKCS11_LINK_IMPL_H

#include <pthread.h>

#include "pkcs11/certfile.h"
#include "pkcs11/link.h"
#include "pkcs11/login.h"
#include "pkcs11/pool.h"
#include "pkcs11/slot.h"

enum link_stage { LINK_DOWN, LINK_BUSY, LINK_UP };

struct link {
	struct token_config cfg;
	struct module *module;
	const struct uri *uri;
	struct pool *pool;
	pthread_mutex_t lock; /* of all down to the first blank line */
	pthread_cond_t change;
	enum link_stage stage;
	bool locked; /* by the operator */
	bool alone;  /* one operation, and no other */
	unsigned users;
	unsigned loners;  /* wait to be alone */
	unsigned waiters; /* wait because of them */
	unsigned pass;    /* of these may go before the next loner */
	uint64_t epoch, generation, recoveries;
	int64_t used; /* when the last operation ended */
	struct index *index;
	int err; /* why the last work on it failed */
	struct token_trouble why;
	char name[TOKEN_NAME_MAX];

	pthread_mutex_t scanning; /* one at a time; of certs */
	struct certfile certs;

	struct login login;
	struct slot slot;
	struct module_token bound; /* once found, it must be the same */
	bool is_bound, tried;
	int64_t restarted;     /* the module, last */
	unsigned long session; /* the login session; 0 if none */
	int64_t pinged;        /* that session, last */
};

/* Waits until no operation runs. Of the thread that made it LINK_BUSY. */
int link_empty(struct link *l, int64_t deadline, struct token_trouble *why);

/* Brings it up from nothing. Of the same thread, when it is empty. */
int link_rise(struct link *l, struct token_trouble *why);

/* Ends every session of ours, and with them the login. */
void link_hang_up(struct link *l);

/* Logs out, and hangs up. */
void link_part(struct link *l);

/* Ends LINK_BUSY after work that brought it up, or failed: r. Returns r. */
int link_finish(struct link *l, int r, const struct token_trouble *why);

/* Ends LINK_BUSY. */
void link_settle(struct link *l, enum link_stage stage, int err,
    const struct token_trouble *why);

#endif
