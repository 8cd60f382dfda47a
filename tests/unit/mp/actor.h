/*
 * One who speaks as a recorded client did: the same certificate, names, ids
 * and times, and a signer that knows the recorded signatures. What it says
 * must be what was recorded, but for the differences that are listed here.
 */
#ifndef TESTS_UNIT_MP_ACTOR_H
#define TESTS_UNIT_MP_ACTOR_H

#include "mp/encode.h"
#include "mp/identity.h"
#include "tests/unit/mp/vector.h"

#define ACTOR_FIELD 1024

struct actor {
	struct vector v;
	struct vector_signer recorded;
	struct signer signer;
	struct evp *evp;
	struct mp_identity me;
	struct mp_message m;
	char endpoint[ACTOR_FIELD], host[ACTOR_FIELD], target[ACTOR_FIELD],
	    source[ACTOR_FIELD];
	char sig[3][ACTOR_FIELD];
};

/* Text between two marks of the recorded header. */
const char *actor_field(
    struct actor *a, const char *before, const char *after, char *out);

void actor_enter(struct actor *a, const char *name, const char *cert);
void actor_leave(struct actor *a);

/*
 * Header, clear payload and frame of a->m must be the recorded ones. Allowed
 * differences: our ReplyTo names the source host, theirs the machine's own
 * name; an attachment is announced once, not a second time without its place.
 */
void actor_compare(struct actor *a, const struct mp_clientauth *auth);

void actor_same(const struct mp_buf *ours, const struct mp_buf *theirs);

#endif
