/*
 * The hashes that an assignment gives for its policy's body, compared with
 * what came. No source says which bytes they cover (wire-facts 12.3), so
 * every documented form is tried. Tells what it found; what follows from it
 * is for the caller to know.
 */
#ifndef MP_KINDS_POLICYHASH_H
#define MP_KINDS_POLICYHASH_H

#include "mp/kinds/assignments.h"

enum mp_policyhash {
	MP_POLICYHASH_NONE = 0, /* not given */
	MP_POLICYHASH_MATCHES,  /* some documented form of the body has it */
	MP_POLICYHASH_UNKNOWN,  /* its form is none that we know */
	MP_POLICYHASH_DIFFERS,  /* no form of the body has it */
};

struct mp_policyhashes {
	enum mp_policyhash hash;    /* PolicyHash */
	enum mp_policyhash hash_ex; /* PolicyHashEx */
	enum mp_policyhash url;     /* SHA256: in the location */
	enum mp_policyhash worst;   /* of the three */
	/* A SHA-1 or SHA-256 matches: the body is as firmly the management
	 * point's as the assignment is. MD5 proves nothing. */
	bool proven;
};

/*
 * body: as it was received. clear: what was encrypted in it, or NULL. xml:
 * what mp_policy_open() made of it. Tried are these, and xml as UTF-16 with
 * and without BOM and final NUL.
 */
void mp_policyhash_check(const struct mp_assignment *a,
    const struct mp_buf *body, const struct mp_buf *clear,
    const struct mp_buf *xml, struct mp_policyhashes *out);

/* "matches", "not given" ... for people and machines. */
const char *mp_policyhash_text(enum mp_policyhash h);

#endif
