/* A client's registration, by the settings of a message. */
#include <sealpoint/registration.h>

#include <stdio.h>

#include "mp/client_send.h"
#include "mp/library/failure.h"
#include "mp/library/messaging.h"

#define SAME(a, b) _Static_assert((int)(a) == (int)(b), #a)
SAME(SEALPOINT_AGENT_CLIENT, MP_AGENT_CLIENT);
SAME(SEALPOINT_AGENT_PROXY, MP_AGENT_PROXY);
SAME(SEALPOINT_AGENT_PROXY_CLIENT, MP_AGENT_PROXY_CLIENT);

static int
check(const struct sealpoint_registration *what, struct sealpoint_failure *why)
{
	if (what->size != sizeof(*what))
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    "the registration's size is %zu, and this library knows "
		    "%zu; set it to sizeof(struct sealpoint_registration), "
		    "and compile against the headers of this version",
		    what->size, sizeof(*what));
	if (what->as == SEALPOINT_AGENT_CLIENT ||
	    what->as == SEALPOINT_AGENT_PROXY ||
	    what->as == SEALPOINT_AGENT_PROXY_CLIENT)
		return SEALPOINT_OK;
	return failure_set(why, SEALPOINT_ERR_ARGUMENT,
	    "%d is no AgentType that registers here; use "
	    "SEALPOINT_AGENT_CLIENT, _PROXY or _PROXY_CLIENT",
	    (int)what->as);
}

int
sealpoint_messaging_register(struct sealpoint_messaging *s, const char *host,
    const struct sealpoint_message *settings,
    const struct sealpoint_registration *what, char *smsid,
    struct sealpoint_failure *why)
{
	struct sealpoint_registration plain = {.size = sizeof(plain)};
	struct mp_state_client st = {0};
	struct mp_client *c;
	struct mp_error e;
	bool already;
	int r;

	if (smsid == NULL)
		return failure_missing(why, "the place for the client id");
	smsid[0] = '\0';
	if (s == NULL)
		return failure_missing(why, "the messaging object");
	if (settings == NULL)
		return failure_missing(why, "the message with the settings");
	what = what != NULL ? what : &plain;
	r = check(what, why);
	if (r != SEALPOINT_OK)
		return r;
	r = messaging_client(s, host, settings, what, &c, why);
	if (r != SEALPOINT_OK)
		return r;
	r = mp_client_register(c, what->wait_s, &st, &already, &e);
	if (r == 0 || r == MP_EPENDING)
		(void)snprintf(smsid, SEALPOINT_SMSID_MAX, "%s", st.smsid);
	return failure_from(why, r, &e, mp_client_status(c));
}
