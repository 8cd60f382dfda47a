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

/*
 * A new file is lent to the writer while the one before is kept: only what
 * was begun takes the other's place. So whoever of us is killed, and whenever,
 * the chain goes on where it ended.
 */
struct auditfile {
	int fd;   /* the log, for appending; -1: none is to be written */
	int next; /* the file after it, which nothing was seen in yet; or -1 */
	bool aside; /* the newer of the two stands at PATH.new, not at PATH */
	int head;   /* STATE/audit-head */
	char path[CONF_PATH_MAX];
	struct audit_chain last; /* what the head's file tells */
};

void auditfile_init(struct auditfile *a);
void auditfile_close(struct auditfile *a);

/*
 * Opens, makes or closes the log as the configuration wants it now. *fresh:
 * there is another file than before, to be lent. One that was moved away is
 * made anew; another path that has something in it is moved aside, as it is no
 * continuation. 0, or -1 with a sentence, and then all is as before.
 */
int auditfile_follow(struct auditfile *a, const struct conf *c, bool *fresh,
    char *text, size_t textlen);

/*
 * Nobody writes now, and somebody is about to: what was begun takes its place,
 * and the piece of a first record, which a crash left, is taken out of a file
 * that has nothing else. To be lent: fd, and then next. 0, or -1 with a
 * sentence.
 */
int auditfile_resume(struct auditfile *a, char *text, size_t textlen);

/*
 * The log was written up to there: it is brought to the disk, and then the
 * head's file says so. Never goes back. 0, or -1 with a sentence.
 */
int auditfile_note(struct auditfile *a, const struct audit_chain *c, char *text,
    size_t textlen);

/*
 * The file is full: `next` is another one. Once that is begun, the full one
 * becomes PATH.YYYYMMDDTHHMMSSZ. 0, or -1 with a sentence: then the old one is
 * to be gone on with.
 */
int auditfile_turn(struct auditfile *a, char *text, size_t textlen);

/* Has it lost its name, so that nobody will ever read it? */
bool auditfile_removed(const struct auditfile *a);

/* Then `next` is another one, at PATH. 0, or -1 with a sentence. */
int auditfile_renew(struct auditfile *a, char *text, size_t textlen);

#endif
