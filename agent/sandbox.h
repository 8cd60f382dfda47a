/*
 * What a process of the agent can still do, should strangers come to rule it:
 * a filter on its system calls (seccomp), and files that it may reach
 * (landlock). Entered once, for good, before there are threads; inherited by
 * threads made later. Knows nothing of who the user is (agent/harden.h), nor
 * of what the process is for beyond the kinds below.
 *
 * Evidence: seccomp(2), landlock(7); docs/decisions/0012-sandbox.md.
 */
#ifndef AGENT_SANDBOX_H
#define AGENT_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

enum sandbox_kind {
	/* A list of calls, no file at all, no new socket; else killed. */
	SANDBOX_FRONT,
	/* A longer list, for a module that works on files; else killed. */
	SANDBOX_STRICT,
	/* All but a list of calls that no module has business with. */
	SANDBOX_MODULE,
};

enum sandbox_access {
	SANDBOX_READ = 1,  /* files in and below it, and their names */
	SANDBOX_WRITE = 2, /* and makes, changes and removes them */
	SANDBOX_LOOK = 3,  /* reads files, cannot list them */
};

struct sandbox_path {
	const char *path; /* a file or a directory */
	enum sandbox_access access;
	bool needed; /* it is an error if it is not there */
};

enum sandbox_err {
	SANDBOX_OK = 0,
	SANDBOX_NOFILES = 1,  /* entered, but this kernel has no landlock */
	SANDBOX_EFAILED = -1, /* not entered, or in part: do not go on */
};

/*
 * Enters the sandbox. FRONT reaches no path, MODULE every path; STRICT those
 * that are listed. One of enum sandbox_err; if not OK, text is a sentence
 * that says why, which has no secret.
 */
int sandbox_enter(enum sandbox_kind kind, const struct sandbox_path *paths,
    size_t npaths, char *text, size_t textlen);

#endif
