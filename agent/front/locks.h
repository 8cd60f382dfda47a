/*
 * Which tokens are locked: the front refuses to use them at once, whatever
 * their workers do. A mark in the state directory keeps them locked over any
 * restart; the supervisor makes it, and takes it away, since the front reaches
 * no files, and a token counts as locked until it told of its mark. Knows no
 * operator and no PIN.
 */
#ifndef AGENT_FRONT_LOCKS_H
#define AGENT_FRONT_LOCKS_H

#include "agent/front/front.h"
#include "agent/link.h"

struct locks;

struct locks *locks_new(void); /* NULL: no memory */
void locks_free(struct locks *l);

/*
 * Locks: from now on, whatever becomes of the mark. Opens: when the mark is
 * gone. Of both control_marked() is told.
 */
void locks_put(struct front *f, unsigned index);
void locks_lift(struct front *f, unsigned index);
void locks_put_all(struct front *f);

bool locks_on(const struct front *f, unsigned index);
bool locks_known(const struct front *f, unsigned index); /* its mark is */
bool locks_pending(const struct front *f, unsigned index);

/* The token is described anew: its mark is not known yet. other: it is another
 * one that has that number now. */
void locks_reset(struct front *f, unsigned index, bool other);

/* A worker is there: it is told how it stands. */
void locks_tell(struct front *f, unsigned index);

/* A worker's LOCKED or UNLOCKED; r stands behind its kind. */
void locks_told(
    struct front *f, unsigned index, uint8_t kind, struct wire_reader *r);

/* The supervisor's MARKED. */
void locks_marked(struct front *f, struct wire_reader *r);

/* Why a request to a locked token is refused; SIGNER_EPIN. */
int locks_explain(
    const struct front *f, unsigned index, struct signer_trouble *why);

#endif
