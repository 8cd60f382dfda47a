/*
 * The registration of a client with a management point, whole: asked for,
 * signed, waited for and remembered. COM programs build these messages
 * themselves; that works here too, by sealpoint_identity_sign().
 */
#ifndef SEALPOINT_REGISTRATION_H
#define SEALPOINT_REGISTRATION_H

#include <sealpoint/messaging.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What registers: AgentType. */
enum sealpoint_agent {
	SEALPOINT_AGENT_CLIENT = 0,
	SEALPOINT_AGENT_PROXY = 4,
	SEALPOINT_AGENT_PROXY_CLIENT = 8,
};

/* Fill with zeros, then set what is wanted. Strings are only read. */
struct sealpoint_registration {
	size_t size; /* sizeof(struct sealpoint_registration) */
	enum sealpoint_agent as;
	const char *proxy_smsid; /* of a proxy client: its ISV proxy's */
	const char *hint;        /* RegistrationHint, or NULL */
	const char *hardware_id; /* HardwareID1, or NULL */
	const char *smsid;       /* the id to ask for, or NULL */
	unsigned wait_s;         /* for the site's approval */
};

/*
 * Registers whom `settings` speaks for: its flags, identity, port, proxy,
 * hash and stores are used, its endpoint and body are not. `what` NULL is a
 * client that does not wait. smsid has room for SEALPOINT_SMSID_MAX bytes.
 * SEALPOINT_ERR_PENDING leaves the id there; call again to go on from here.
 * One that is registered sends nothing; as another `as` it is refused, since
 * a certificate is a client's or a proxy's (SEALPOINT_ERR_ARGUMENT).
 */
SEALPOINT_API int sealpoint_messaging_register(struct sealpoint_messaging *s,
    const char *host, const struct sealpoint_message *settings,
    const struct sealpoint_registration *what, char *smsid,
    struct sealpoint_failure *why);

#ifdef __cplusplus
}
#endif

#endif
