/*
 * Lists the policies of a client that is registered; with the id of one,
 * prints what it says, decrypted by the key that the agent holds.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "setup.h"

static void
list(const struct sealpoint_policies *p)
{
	for (size_t i = 0; i < sealpoint_policies_count(p); i++)
		(void)printf("%s %s flags %" PRIu32 " %s\n",
		    sealpoint_policies_id(p, i),
		    sealpoint_policies_version(p, i),
		    sealpoint_policies_flags(p, i),
		    sealpoint_policies_category(p, i));
}

static int
show(struct setup *s, const struct sealpoint_policies *p, const char *id,
    struct sealpoint_failure *why)
{
	struct sealpoint_message *body;
	const char *text;
	size_t i;
	int r;

	for (i = 0; i < sealpoint_policies_count(p); i++)
		if (strcmp(sealpoint_policies_id(p, i), id) == 0)
			break;
	r = sealpoint_messaging_policy(
	    s->messaging, s->mp, s->message, p, i, &body, why);
	if (r != SEALPOINT_OK)
		return r;
	r = sealpoint_message_get_body_to_string(body, &text, why);
	if (r == SEALPOINT_OK)
		(void)printf("%s\n", text);
	sealpoint_message_free(body);
	return r;
}

int
main(int argc, char **argv)
{
	struct sealpoint_policies *policies;
	struct sealpoint_failure why;
	struct setup s;
	int next, r;

	next = setup_start(&s, argc, argv, "[POLICY]");
	r = sealpoint_messaging_policies(
	    s.messaging, s.mp, s.message, &policies, &why);
	if (r == SEALPOINT_OK && next < argc)
		r = show(&s, policies, argv[next], &why);
	else if (r == SEALPOINT_OK)
		list(policies);
	sealpoint_policies_free(policies);
	setup_end(&s);
	return r == SEALPOINT_OK ? 0 : setup_failed(&why);
}
