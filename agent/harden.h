/*
 * What every process of the agent does to itself before anything else: no
 * core file, no debugger, no new privileges, no powers of root, nothing
 * inherited that it does not know. Knows nothing of what the process is for;
 * what it may ask of the kernel is agent/sandbox.h's.
 */
#ifndef AGENT_HARDEN_H
#define AGENT_HARDEN_H

#include <sys/types.h>

/*
 * Closes every descriptor from `from` on; no core, no debugger, no new
 * privileges, files for ourselves alone. 0, or -1 with errno.
 */
int harden(int from);

/* As many open files as the hard limit allows; how many that is. */
unsigned harden_files(void);

/* Dies with the parent; call first thing in a child. 0, or -1: it is gone. */
int harden_child(int parent);

/*
 * Becomes this user and group, without further groups, for good; then gives
 * up all of root's powers, whoever it is. User 0: stays who it is. Call before
 * harden_child(), whose promise a change of user breaks. 0, or -1 with errno.
 */
int harden_user(uid_t uid, gid_t gid);

/*
 * For the supervisor: of root's powers, if it has them, keeps those to start
 * and end children of another user, and to make what they need. 0, or -1 with
 * errno.
 */
int harden_supervisor(void);

/* A process without children: not even where the sandbox would let it. */
int harden_childless(void);

#endif
