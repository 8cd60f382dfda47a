/*
 * Which policies are assigned: the machine's or a user's, all or what changed
 * since an answer whose cookie a file keeps. What the `policy` commands share.
 * Knows no policy's body. Its functions say what failed, and return an exit
 * status.
 */
#ifndef MP_CLI_ASSIGNED_H
#define MP_CLI_ASSIGNED_H

#include "mp/cli/session.h"

/* The rows of an option table by which a user is named. */
#define ASSIGNED_USER_OPTIONS                                                 \
	{OPTION_USER, '\0', "user", "DOMAIN\\USER",                           \
	    "policy of this user, not of the machine; needs --user-sid"},     \
	    {OPTION_USER_SID, '\0', "user-sid", "SID", "the user's SID"},     \
	{                                                                     \
		OPTION_GROUP, '\0', "group", "SID...",                        \
		    "the SID of a group that the user is in; may be repeated" \
	}

#define ASSIGNED_COOKIE_OPTION                                                \
	{                                                                     \
		OPTION_COOKIE, '\0', "cookie", "FILE",                        \
		    "only what changed since the run that wrote FILE; it is " \
		    "written for the next one"                                \
	}

struct assigned {
	struct session *s; /* borrowed */
	struct mp_assignments all;
	struct mp_assignments_user user;
	const char **groups;
	bool changes; /* the answer has changes alone */
	char *scope;  /* whose cookie it is: a line of the file */
};

/*
 * Opens s->mp and asks. `changes`: --cookie counts. Release in any case. Says
 * on standard error what the answer is, if it is not the usual.
 */
int assigned_fetch(struct assigned *a, struct session *s, bool changes);
void assigned_release(struct assigned *a);

/*
 * Once all that was asked for is done: keeps the answer's cookie for the next
 * run, if --cookie wants that.
 */
int assigned_keep(struct assigned *a);

#endif
