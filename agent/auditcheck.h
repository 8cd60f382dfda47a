/*
 * Reads an audit log from end to end and tells what is wrong with it: records
 * changed, moved, taken out or cut off, and where. Knows records and chains;
 * opens no file and knows no key: who wants seals checked brings that along.
 */
#ifndef AGENT_AUDITCHECK_H
#define AGENT_AUDITCHECK_H

#include "agent/audit.h"

#define AUDITCHECK_TEXT_MAX 320 /* bytes of a finding, with NUL */

enum auditcheck_grade {
	AUDITCHECK_NOTE = 0, /* worth knowing; nothing is wrong */
	AUDITCHECK_FAULT,
};

enum auditcheck_seal {
	AUDITCHECK_GOOD = 0,
	AUDITCHECK_UNKNOWN, /* no key was given to check by */
	AUDITCHECK_STRANGE, /* it is by none of the keys that were given */
	AUDITCHECK_BAD,
};

struct auditcheck_calls {
	/* Line 0: of the file as a whole. */
	void (*found)(void *ctx, enum auditcheck_grade grade, uint64_t line,
	    const char *text);
	/* May be NULL: no seal is checked. */
	enum auditcheck_seal (*seal)(void *ctx, const struct audit_record *r,
	    const char *text, size_t textlen);
	/* May be NULL: each record that can be read, whether proven or not. */
	void (*record)(void *ctx, const struct audit_record *r);
	void *ctx;
};

struct auditcheck_sum {
	uint64_t records; /* read */
	uint64_t first, last;
	uint64_t seals, good; /* all, and those whose signature was checked */
	uint64_t sealed;      /* the last record that a good one covers */
	uint64_t faults;
	uint64_t open; /* uses whose end is not recorded */
};

struct auditcheck;

/* head: as the agent noted it, or NULL. NULL without memory. */
struct auditcheck *auditcheck_new(
    const struct auditcheck_calls *calls, const struct audit_chain *head);
void auditcheck_free(struct auditcheck *k);

/* The next bytes of a file, in pieces of any size. */
void auditcheck_feed(struct auditcheck *k, const char *data, size_t len);

/* The end of one file; lines count from 1 again. */
void auditcheck_file_end(struct auditcheck *k);

/* After the last file. */
void auditcheck_end(struct auditcheck *k, struct auditcheck_sum *sum);

#endif
