/*
 * What every process of the agent does to itself before anything else: no
 * core file, no debugger, no new privileges, nothing inherited that it does
 * not know. Knows nothing of what the process is for.
 */
#ifndef AGENT_HARDEN_H
#define AGENT_HARDEN_H

/*
 * Closes every descriptor from `from` on, and sets what the paragraph above
 * says. 0, or -1 with errno.
 */
int harden(int from);

/* As many open files as the hard limit allows; how many that is. */
unsigned harden_files(void);

/* Dies with the parent; call first thing in a child. 0, or -1: it is gone. */
int harden_child(int parent);

#endif
