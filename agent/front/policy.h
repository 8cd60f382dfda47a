/*
 * Who may use which key for what: the [allow] sections applied to a caller.
 * Nothing is allowed unless one section grants all of what is asked. Pure:
 * asks no kernel, holds no state.
 */
#ifndef AGENT_FRONT_POLICY_H
#define AGENT_FRONT_POLICY_H

#include <sys/types.h>

#include "agent/conf.h"

#define POLICY_GROUPS_MAX 256 /* supplementary groups that count */

/* Who is at the other end, as the kernel said when it connected. */
struct policy_caller {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	gid_t groups[POLICY_GROUPS_MAX];
	size_t ngroups;
};

/* What is asked of a key. */
struct policy_request {
	uint32_t use;              /* one SIGNER_USE..., or 0: to see it */
	enum signer_scheme scheme; /* 0: in any form */
	enum signer_hash hash;     /* NONE where the scheme has none */
	bool digest;               /* the data to sign cannot be seen */
};

/*
 * What a section lacks to grant a request, in the order in which it is
 * looked at: a later one is nearer to a grant.
 */
enum policy_lack {
	POLICY_GRANTED = 0,
	POLICY_NO_USER, /* nor group */
	POLICY_NO_KEY,
	POLICY_NO_USE,
	POLICY_NO_SCHEME,
	POLICY_NO_HASH,
	POLICY_NO_DIGEST, /* it grants only what the agent hashes itself */
	POLICY_NO_PROGRAM,
};

struct policy_verdict {
	enum policy_lack lack;
	int section; /* that grants it, or comes nearest; -1: no user fits */
	uint64_t rate_hour; /* if granted: operations an hour */
};

/* Bit i: section conf->allows[i] is about this user. */
uint64_t policy_sections(
    const struct conf *conf, const struct policy_caller *who);

/* Bit i: section i is for certain programs only. */
uint64_t policy_programs(const struct conf *conf);

/*
 * SIGNER_USE... that these sections, all of them about the caller and its
 * program, together grant for this key in some form.
 */
uint32_t policy_uses(const struct conf *conf, uint64_t sections,
    const struct signer_identity *key);

/*
 * Is there one section that grants all of it? sections: those about the
 * user; running: of those with programs the ones whose program it runs. Of
 * several the most generous one counts.
 */
void policy_judge(const struct conf *conf, uint64_t sections, uint64_t running,
    const struct signer_identity *key, const struct policy_request *what,
    struct policy_verdict *verdict);

/*
 * Packets an hour that a caller may send, of whatever kind: enough for its
 * operations and what goes with them.
 */
uint64_t policy_packets(const struct conf *conf, uint64_t sections);

/* sign, decrypt, tls; or see. */
const char *policy_use(uint32_t use);

/* Scheme, hash and manner, as in the file. */
#define POLICY_FORM_MAX 32
void policy_form(const struct policy_request *what, char text[POLICY_FORM_MAX]);

/*
 * The same verdict for the caller's eyes, as the end of a sentence that
 * begins "uid 1000 may not ...": tells of its own rules, names none.
 */
const char *policy_excuse(enum policy_lack lack);

/* For the log: the setting of the section that did not fit. */
const char *policy_setting(enum policy_lack lack);

#endif
