/*
 * One exchange with a management point, from plain data to believed text:
 * seal -> post -> reply -> trust -> body; the only file that sequences.
 */
#ifndef MP_EXCHANGE_H
#define MP_EXCHANGE_H

#include "mp/http.h"
#include "mp/identity.h"
#include "mp/message.h"
#include "mp/seal.h"
#include "mp/step.h"
#include "mp/trust.h"

struct mp_exchange {
	const struct mp_identity *me;
	struct mp_http *http;
	const struct mp_trust *trust;
	const char *url;      /* scheme, host and port: "https://mp1.dom:443" */
	const char *host;     /* of that URL */
	const char *path;     /* of messages: "/ccm_system/request" */
	const char *policies; /* folder that stands for "/SMS_MP/" */
	const char *site;
	enum mp_hash hash;
	const struct mp_recipients *recipients; /* of ENCRYPT; or NULL */
	uint64_t payload_max;                   /* bytes; 0: the default */
	const char *spool_dir;                  /* NULL: the usual ones */
	enum mp_signature_rule rule;
	bool tls;            /* the URL is https */
	struct mp_step step; /* told of what is sealed, sent and answered */
	const char *proof;   /* out: how the last reply was proven; or NULL */
	long status;         /* out: HTTP status of the last reply; 0: none */
};

/*
 * A message and its believed reply, as UTF-8 XML, in a buffer that the caller
 * initialised; emptied on failure. An asynchronous message may be answered
 * with nothing at all: then the buffer stays empty. e must not be NULL here.
 */
int mp_exchange_message(struct mp_exchange *x, const struct mp_message *m,
    struct mp_buf *xml, struct mp_error *e);

/* A report that is no message, by POST; what is answered is passed over. */
int mp_exchange_report(struct mp_exchange *x, const char *path,
    const struct mp_buf *report, struct mp_error *e);

/*
 * A document by GET, into a buffer that the caller initialised. path starts
 * with '/'. With `identify`, the identity headers (set A, wire-facts 5.3) go
 * along, for client smsid. Documents carry no signature that anybody knows
 * how to check (wire-facts 5.5, 6.1), so their proof is TLS, under any rule.
 */
int mp_exchange_get(struct mp_exchange *x, const char *path, const char *smsid,
    bool identify, struct mp_buf *body, struct mp_error *e);

#endif
