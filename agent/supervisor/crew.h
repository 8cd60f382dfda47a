/*
 * The crew: the front and one worker for each token. Starts what is due,
 * notes what ended, ends what must end. When, and how often, is child.h's
 * business; why, the supervisor's.
 */
#ifndef AGENT_SUPERVISOR_CREW_H
#define AGENT_SUPERVISOR_CREW_H

#include "agent/conf.h"
#include "agent/link.h"
#include "agent/supervisor/auditfile.h"
#include "agent/supervisor/child.h"
#include "agent/supervisor/pinsource.h"

#define CREW_MEMORY_LEN 4096 /* bytes at descriptor 5 of a worker */

struct crew {
	struct conf *conf;
	int snapshot; /* of it; owned */
	int listener; /* borrowed */
	int control;  /* borrowed; -1 if there is none */
	int ctl;      /* to the front; -1 if it does not run */
	struct child front;
	struct child workers[CONF_TOKENS_MAX];
	int memory[CONF_TOKENS_MAX]; /* what workers know of logins; 0: none
					yet. Never read here */
	struct pinsource pins[CONF_TOKENS_MAX];
	struct pinsource next[CONF_TOKENS_MAX]; /* while read again */
	struct auditfile audit;
};

/* Are the programs there? 0, or -1 after a log line. */
int crew_check(const struct crew *c);

/* Starts what is due. */
void crew_tend(struct crew *c);

/* Ms until the next child is due; -1 if none waits. */
int crew_patience(const struct crew *c);

/* A child ended. quiet: it was meant to. */
void crew_reaped(struct crew *c, pid_t pid, int wstatus, bool quiet);

void crew_signal(const struct crew *c, int sig);
bool crew_alive(const struct crew *c);

/* Logs of each that is left that it does not end. */
void crew_forsake(const struct crew *c);

/* The front asks for the end of that very worker. */
void crew_end_worker(struct crew *c, unsigned index, uint32_t generation);

/* The front says that it is of use now. */
void crew_worker_ready(struct crew *c, unsigned index, uint32_t generation);

/* The front wrote the audit log so far; full: it wants another file. */
void crew_audited(struct crew *c, const struct audit_chain *at, bool full);

/* Hands the front the audit log's file, if one is to be written. */
void crew_lend_audit(const struct crew *c);

/*
 * Opens what the PINs of another configuration need that is not there yet;
 * its tokens are aligned with ours. 0, or -1 with a sentence; ours is as it
 * was either way. crew_reload() or crew_relent() follows.
 */
int crew_prepare(
    struct crew *c, const struct conf *next, char *text, size_t textlen);
void crew_relent(struct crew *c);

/*
 * Goes on with another configuration, which was prepared, and
 * its snapshot, which is taken over: the front is told, and the workers whose
 * token is described anew start again. The others notice nothing.
 */
void crew_reload(struct crew *c, const struct conf *next, int snapshot);

/*
 * Makes the mark of a token's lock for the front, or takes it away, and says
 * what came of it: the front reaches no files.
 */
void crew_mark(struct crew *c, const struct link_mark *m);

#endif
