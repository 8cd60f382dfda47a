/*
 * Client registration: what to say, and what the answer means (sdk-facts
 * 4.1, 4.2; wire-facts 4). Makes and reads XML; sends nothing.
 */
#ifndef MP_KINDS_REGISTRATION_H
#define MP_KINDS_REGISTRATION_H

#include "mp/identity.h"
#include "mp/state.h"

/* Names of properties: as sent [S], or as the 2007 page spells them [D]. */
enum mp_property_names { MP_NAMES_WIRE = 0, MP_NAMES_2007 };

/*
 * RegistrationHint: the SMSID signed, in hex [D], or the lines of headers
 * that a later sender makes of it [S] (sdk-facts 4.1, wire-facts 4.1).
 */
enum mp_hint_form { MP_HINT_2007 = 0, MP_HINT_LINES };

struct mp_registration {
	const char *netbios;
	const char *fqdn;
	const char *smsid; /* asked for, or NULL */
	int agent_type;    /* 0 client, 4 ISV proxy, 8 its client */
	int internet;      /* InternetFlag 0, 1, 2 */
	unsigned locale;   /* LCID, 1033 if 0 */
	enum mp_hash hash;
	const char *proxy;       /* agent type 8: the SMSID of its ISV proxy */
	const char *time;        /* TimeStamp (mp_time_text); NULL: now */
	bool mixed;              /* in mixed mode, where no hint and no
				    InternetFlag but 0 may be [D] */
	const char *hint;        /* RegistrationHint, or NULL */
	const char *hardware_id; /* HardwareID1: "2:" and 40 hex digits [S] */
	enum mp_property_names names;
};

/* The signed request body, Registration or Confirmation of smsid. */
int mp_registration_request(const struct mp_registration *r,
    const struct mp_identity *me, struct mp_buf *xml, struct mp_error *e);
int mp_registration_confirmation(const struct mp_registration *r,
    const struct mp_identity *me, const char *smsid, struct mp_buf *xml,
    struct mp_error *e);

/*
 * A hint made with `old`, whose certificate the site knows under smsid: the
 * site then takes the new one as the same client's. time: NULL is now; only
 * lines have one. Appends to out.
 */
int mp_registration_hint(const struct mp_identity *old, enum mp_hash hash,
    enum mp_hint_form form, const char *smsid, const char *time,
    struct mp_buf *out, struct mp_error *e);

/* Reads a ClientRegistrationResponse; `since` is set to now. */
int mp_registration_response(
    const struct mp_buf *xml, struct mp_state_client *out, struct mp_error *e);

#endif
