/*
 * State messages: what state a topic of this client is in (sdk-facts 4.7,
 * wire-facts 8.3). Not the client's own state; that is mp/state.h.
 */
#ifndef MP_KINDS_STATE_H
#define MP_KINDS_STATE_H

#include "mp/kinds/report.h"

#define MP_STATE_PARAMS_MAX 5 /* Param 0..5 [D] */

/* Topic types [D]; the product has others, so any number may be sent. */
enum mp_topic_type {
	MP_TOPIC_MIGRATION = 100,
	MP_TOPIC_NAP = 200,
	MP_TOPIC_CI_ENFORCEMENT = 301,
	MP_TOPIC_CI_EVALUATION = 302,
	MP_TOPIC_UPDATE_DETECTION = 400,
	MP_TOPIC_UPDATE_COMPLIANCE = 401,
	MP_TOPIC_UPDATE_ENFORCEMENT = 402,
	MP_TOPIC_TIMING = 500,
	MP_TOPIC_PXE = 600,
	MP_TOPIC_FALLBACK = 700,
};

struct mp_state_message {
	const char *time; /* WBEM; NULL: now */
	uint64_t serial;
	const char *topic; /* Topic ID */
	unsigned topic_type;
	unsigned id_type; /* 1 SDM type, 2 CI assignment [D] */
	const char *user; /* Topic User and UserSID; NULL: none [W] */
	const char *user_sid;
	uint64_t state; /* State ID */
	unsigned criticality;
	const char *details; /* StateDetails; NULL: none */
	const char *details_type;
	unsigned param_flags;
	const char *params[MP_STATE_PARAMS_MAX];
	size_t nparams;
};

/* The report, without declaration; kind: MP_KIND_STATE or its fallback. */
int mp_state_report_make(enum mp_kind kind, const struct mp_report *r,
    const struct mp_state_message *list, size_t count, struct mp_buf *xml,
    struct mp_error *e);

int mp_state_report_check(
    const struct mp_xml_node *root, enum mp_kind kind, struct mp_error *e);

#endif
