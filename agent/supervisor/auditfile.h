/*
 * The audit log's file, and the small one in the state directory that says
 * how far it reaches: opened, renamed when full, made safe on the disk.
 * Another process writes the log; this one never does, and knows nothing of
 * what stands in it.
 */
#ifndef AGENT_SUPERVISOR_AUDITFILE_H
#define AGENT_SUPERVISOR_AUDITFILE_H

#include "agent/audit.h"
#include "agent/conf.h"

struct auditfile {
	int fd;   /* the log, for appending; -1: none is to be written */
	int head; /* STATE/audit-head */
	char path[CONF_PATH_MAX];
	struct audit_chain last; /* what the head's file tells */
};

void auditfile_init(struct auditfile *a);
void auditfile_close(struct auditfile *a);

/*
 * Opens, makes or closes the log as the configuration wants it now. *fresh:
 * the log is another file than before. One that was moved away is made anew;
 * another path that has something in it is moved aside, as it is no
 * continuation. 0, or -1 with a sentence, and then all is as before.
 */
int auditfile_follow(struct auditfile *a, const struct conf *c, bool *fresh,
    char *text, size_t textlen);

/*
 * The log was written up to there: it is brought to the disk, and then the
 * head's file says so. Never goes back. 0, or -1 with a sentence.
 */
int auditfile_note(struct auditfile *a, const struct audit_chain *c, char *text,
    size_t textlen);

/*
 * The file is full: it becomes PATH.YYYYMMDDTHHMMSSZ, and a new one stands at
 * its place. 0, or -1 with a sentence: then the old one is to be gone on with.
 */
int auditfile_turn(struct auditfile *a, char *text, size_t textlen);

#endif
