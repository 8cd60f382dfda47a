/*
 * sealpoint: asks the agent to sign and decrypt, and talks to management
 * points with it.
 */
#include <sys/resource.h>

#include <signal.h>
#include <stdio.h>

#include "mp/cli/command.h"

int
main(int argc, char **argv)
{
	static const struct rlimit none = {0, 0};

	/* Decrypted text must not end in a core file. */
	(void)setrlimit(RLIMIT_CORE, &none);
	/* A reader that leaves is a write that fails, not our death. */
	(void)signal(SIGPIPE, SIG_IGN);
	return command_main(argc, argv, stdout, stderr, NULL);
}
