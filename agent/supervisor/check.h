/*
 * sealpointd --check: looks at what a well-formed configuration names, as
 * far as that can be seen without loading a module or reading a PIN.
 */
#ifndef AGENT_SUPERVISOR_CHECK_H
#define AGENT_SUPERVISOR_CHECK_H

#include "agent/conf.h"

/* Prints what it finds; 0, or 1 if something would not work. */
int check_run(const struct conf *c, const char *file);

#endif
