/*
 * Client registration: what to say, and what the answer means (sdk-facts
 * 4.1, 4.2; wire-facts 4). Makes and reads XML; sends nothing.
 */
#ifndef MP_KINDS_REGISTRATION_H
#define MP_KINDS_REGISTRATION_H

#include "mp/identity.h"
#include "mp/state.h"

struct mp_registration {
	const char *netbios;
	const char *fqdn;
	const char *smsid; /* asked for, or NULL */
	int agent_type;    /* 0 client, 4 ISV proxy, 8 its client */
	int internet;      /* InternetFlag 0, 1, 2 */
	unsigned locale;   /* LCID, 1033 if 0 */
	enum mp_hash hash;
	const char *proxy; /* agent type 8: the SMSID of its ISV proxy */
	const char *time;  /* TimeStamp (mp_time_text); NULL: now */
};

/* The signed request body, Registration or Confirmation of smsid. */
int mp_registration_request(const struct mp_registration *r,
    const struct mp_identity *me, struct mp_buf *xml, struct mp_error *e);
int mp_registration_confirmation(const struct mp_registration *r,
    const struct mp_identity *me, const char *smsid, struct mp_buf *xml,
    struct mp_error *e);

/* Reads a ClientRegistrationResponse; `since` is set to now. */
int mp_registration_response(
    const struct mp_buf *xml, struct mp_state_client *out, struct mp_error *e);

#endif
