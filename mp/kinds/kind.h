/*
 * The kinds of message, each with what the documentation says of it: the
 * endpoint, the call, the security flags in either mode, the root element.
 * One table, one row a kind, each row with its source and mark. Knows no
 * content; the other files of this folder do.
 */
#ifndef MP_KINDS_KIND_H
#define MP_KINDS_KIND_H

#include "mp/buf.h"
#include "mp/error.h"
#include "mp/message.h"

enum mp_kind {
	MP_KIND_REGISTRATION = 1,
	MP_KIND_ASSIGNMENTS,
	MP_KIND_CONTENT_LOCATION,
	MP_KIND_WSUS_LOCATION,
	MP_KIND_LOCAL_MP_LOCATION,
	MP_KIND_ASSIGNED_SITE,
	MP_KIND_SITE_INFORMATION,
	MP_KIND_DDR,
	MP_KIND_HARDWARE_INVENTORY,
	MP_KIND_SOFTWARE_INVENTORY,
	MP_KIND_FILE_COLLECTION,
	MP_KIND_STATUS,
	MP_KIND_STATE,
	MP_KIND_IDMIF,
	MP_KIND_METERING,
	MP_KIND_FALLBACK_STATUS, /* POST /SMS_FSP/.sms_fsp, no envelope */
};

/* Where the report goes: wire-facts 8.1, sdk-facts 3. */
enum mp_kind_payload {
	MP_PAYLOAD_BODY,       /* in the body alone */
	MP_PAYLOAD_ATTACHMENT, /* header in the body, report attached */
	MP_PAYLOAD_FILES,      /* report in the body, each file attached */
};

struct mp_kind_rule {
	enum mp_kind kind;
	const char *name;        /* "hinv": as the command line says it */
	const char *endpoint;    /* NULL: no envelope */
	const char *root;        /* root element of the body */
	const char *reply_root;  /* NULL: an empty answer is the good one */
	const char *file_type;   /* Property FileType, or NULL */
	const char *attachment;  /* documented name of the report, or NULL */
	enum mp_reply_mode mode; /* SYNC: Invoke; ASYNC: Post */
	enum mp_kind_payload payload;
	bool declared;           /* the body begins with an XML declaration */
	uint32_t mixed_required; /* MP_FLAG..., without NATIVE */
	uint32_t mixed_optional;
	uint32_t native_required;
	uint32_t native_optional;
	const char *source; /* page or fact, with its mark: for us */
	const char *rule;   /* the same for users, who know none of our facts */
};

/* NULL if there is no such kind. Borrowed for ever. */
const struct mp_kind_rule *mp_kind_rule(enum mp_kind kind);
const struct mp_kind_rule *mp_kind_by_name(const char *name);

/*
 * The first row of that endpoint, in any case; root NULL: whatever it holds.
 * The relay's three kinds differ in FileType alone: state is first.
 */
const struct mp_kind_rule *mp_kind_by_endpoint(
    const char *endpoint, const char *root);

/*
 * The root elements that an endpoint takes, for a sentence: "<A>" or
 * "<A>, <B>"; "" if it is not in the table.
 */
#define MP_KIND_ROOTS_MAX 256
void mp_kind_roots(const char *endpoint, char roots[MP_KIND_ROOTS_MAX]);

/* Row number i of the table, NULL past its end. */
const struct mp_kind_rule *mp_kind_at(size_t i);

/* Flags that a sender gets if it names none: what is required, and COMPRESS. */
uint32_t mp_kind_default_flags(const struct mp_kind_rule *k, bool native);

/*
 * MP_EARG, naming the rule, for a combination that the documentation rules
 * out. internet: InternetFlag 1 or 2 is set: native mode alone. k NULL: an
 * endpoint that the table has not; the rules for all messages count.
 */
int mp_kind_check_flags(const struct mp_kind_rule *k, uint32_t flags,
    bool internet, struct mp_error *e);

/*
 * Is this XML a body of that kind? Well-formed, bounded, and of the right
 * root element (else what the 2007 interfaces call SMS_ERR_INVALID_SCHEMA).
 */
int mp_kind_check_body(const struct mp_kind_rule *k, const char *xml,
    size_t len, struct mp_error *e);

/* The same of a root element's name alone. */
int mp_kind_check_root(
    const struct mp_kind_rule *k, const char *root, struct mp_error *e);

/*
 * What stands before the root element in a body of that kind: an XML
 * declaration (wire-facts 1.4), or "".
 */
const char *mp_kind_prolog(const struct mp_kind_rule *k);

#endif
