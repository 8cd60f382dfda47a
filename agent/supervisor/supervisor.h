/*
 * The supervisor: starts the front and a worker for each token, starts again
 * what ends, ends what hangs, and stops them all. Parses nothing from
 * outside, holds no secret.
 */
#ifndef AGENT_SUPERVISOR_SUPERVISOR_H
#define AGENT_SUPERVISOR_SUPERVISOR_H

#include "agent/conf.h"
#include "agent/supervisor/command.h"

/*
 * Runs until a signal or the command's end; returns the exit status. listener
 * is taken over, and so is snapshot, the configuration that the children read;
 * file is its path, for their messages.
 */
int supervisor_run(const struct conf *conf, const char *file, int snapshot,
    int listener, struct command *cmd);

#endif
