/*
 * Registers this machine with a key that the agent holds, and prints the id
 * it is known by. Run again, it says the same and sends nothing.
 */
#include <stdio.h>

#include "setup.h"

int
main(int argc, char **argv)
{
	struct sealpoint_registration what = {
	    .size = sizeof(what), .as = SEALPOINT_AGENT_CLIENT, .wait_s = 60};
	char smsid[SEALPOINT_SMSID_MAX];
	struct sealpoint_failure why;
	struct setup s;
	int r;

	(void)setup_start(&s, argc, argv, "");
	r = sealpoint_messaging_register(
	    s.messaging, s.mp, s.message, &what, smsid, &why);
	if (r == SEALPOINT_OK)
		(void)printf("%s\n", smsid);
	setup_end(&s);
	return r == SEALPOINT_OK ? 0 : setup_failed(&why);
}
