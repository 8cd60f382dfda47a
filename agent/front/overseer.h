/*
 * The supervisor as the front sees it: it brings new workers, and ends those
 * that hang. When it goes, the front goes.
 */
#ifndef AGENT_FRONT_OVERSEER_H
#define AGENT_FRONT_OVERSEER_H

#include "agent/front/front.h"
#include "agent/link.h"

/* Takes fd over. NULL: no memory. */
struct overseer *overseer_open(struct front *f, int fd);
void overseer_close(struct overseer *o);

/*
 * Asks for the end of that very process; a new one will come. 0, or -1: ask
 * again later.
 */
int overseer_kill(struct overseer *o, unsigned index, uint32_t generation);

/* Asks for the mark of a lock to be made, or taken away; locks_marked() is
 * told. 0, or -1: it cannot be asked now. */
int overseer_mark(struct overseer *o, const struct link_mark *m);

/* Asks for the file to be read again. 0, or -1: it cannot be asked now. */
int overseer_reload(struct overseer *o);

/* Asks which program a process runs; route_program() is told. 0, or -1. */
int overseer_ask(struct overseer *o, const struct link_who *who);

/* Tells how far the audit log reaches; full: asks for another file. 0, or -1:
 * it cannot be told now. */
int overseer_audit(struct overseer *o, const struct audit_chain *at, bool full);

/* Tells that its start came to a good end. */
void overseer_ready(struct overseer *o, unsigned index, uint32_t generation);

#endif
