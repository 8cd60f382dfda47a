/*
 * The report to a fallback status point: a state message without envelope or
 * signature, posted as 8-bit XML (wire-facts 8.3). Anybody could have sent
 * it, so nothing that matters belongs in it. Sends nothing.
 */
#ifndef MP_KINDS_FALLBACK_H
#define MP_KINDS_FALLBACK_H

#include "mp/kinds/state.h"

#define MP_FALLBACK_PATH "/SMS_FSP/.sms_fsp" /* by POST */
#define MP_FALLBACK_TOPIC 800u               /* Topic type, as sent [S] */

/*
 * The report of one state, ready to be posted. The topic type is 800 if none
 * is given; the rest is as in any state message.
 */
int mp_fallback_make(const struct mp_report *r,
    const struct mp_state_message *state, struct mp_buf *xml,
    struct mp_error *e);

/* A state report whose ClientID says by what the client is known. */
int mp_fallback_check(const struct mp_xml_node *root, struct mp_error *e);

#endif
