/*
 * Who may use which key for what: the [allow] sections applied to a caller.
 * Nothing is allowed unless a section says so. Pure: asks no kernel, holds no
 * state.
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

/* Bit i: section conf->allows[i] is about this caller. */
uint64_t policy_sections(
    const struct conf *conf, const struct policy_caller *who);

/* SIGNER_USE... that these sections together grant for this key. */
uint32_t policy_uses(const struct conf *conf, uint64_t sections,
    const struct signer_identity *key);

#endif
