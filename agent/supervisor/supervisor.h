/*
 * The supervisor: keeps the crew going, ends what hangs, reads the
 * configuration again when told to, tells the service manager how things
 * are, and stops them all. Parses nothing from outside, holds no secret.
 */
#ifndef AGENT_SUPERVISOR_SUPERVISOR_H
#define AGENT_SUPERVISOR_SUPERVISOR_H

#include "agent/supervisor/command.h"
#include "agent/supervisor/crew.h"
#include "agent/supervisor/notify.h"

struct supervisor {
	struct crew crew;
	const char *file; /* of the configuration */
	struct notify notify;
	struct command *cmd; /* NULL: a daemon */

	/* From here on its own. */
	int signals; /* signalfd */
	bool ready;  /* the present front answered */
	bool stopping;
	int status;          /* to exit with */
	uint64_t next_beat;  /* ms, monotonic */
	unsigned unanswered; /* beats */
	uint32_t asked;      /* which front they went to: its start */
};

/*
 * Runs until a signal or the command's end; returns the exit status. The
 * crew's fields, file, notify and cmd are filled by the caller.
 */
int supervisor_run(struct supervisor *s);

#endif
