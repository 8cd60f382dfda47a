/*
 * What commands that give the agent orders have in common: the control socket,
 * and words for what went wrong there.
 */
#ifndef MP_CLI_OPERATE_H
#define MP_CLI_OPERATE_H

#include "agent/admin.h"
#include "mp/cli/session.h"

#define OPERATE_OPTION                                     \
	{                                                  \
		OPTION_CONTROL, '\0', "control", "SOCKET", \
		    "the agent's control socket, not "     \
		    "$SEALPOINT_CONTROL or the default"    \
	}

/* Both return an exit status, having said why it is not COMMAND_DONE. */
int operate_open(struct session *s, struct admin **op);
int operate_failed(
    struct session *s, const char *what, const struct signer_trouble *why);

#endif
