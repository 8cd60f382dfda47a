/*
 * Status messages: an event of a named class with properties (sdk-facts
 * 4.7), of any class, or of the two families of software distribution whose
 * properties are documented. Knows no texts; the site has them.
 */
#ifndef MP_KINDS_STATUS_H
#define MP_KINDS_STATUS_H

#include "mp/kinds/kind.h"
#include "mp/kinds/value.h"
#include "mp/message.h"

struct mp_status {
	const char *type;   /* class name of the event */
	unsigned code_page; /* 0: 437 */
	unsigned locale;    /* LCID; 0: 1033 */
	const struct mp_property *properties;
	size_t nproperties;
	const struct mp_property *qualifiers;
	size_t nqualifiers;
};

/* Derived from SoftwareDistributionPackageEvent [D]. */
enum mp_package_event {
	MP_PACKAGE_DOWNLOAD_STARTED = 0,
	MP_PACKAGE_DOWNLOAD_COMPLETED,
	MP_PACKAGE_DOWNLOAD_FAILED,
	MP_PACKAGE_HASH_MISMATCH,
	MP_PACKAGE_CONTENT_REMOVED,
};

struct mp_status_package {
	enum mp_package_event event;
	const char *client_id; /* SMSID */
	const char *package;   /* PackageId, and PackageName: the same [D] */
	const char *version;   /* insertion string 2: the source version */
};

/* Of the SMS_SofwareDistribution_Event family; spelled so by the product. */
struct mp_status_program {
	const char *type;          /* NULL: ...CompletedSuccessfullyEvent */
	const char *client_id;     /* SMSID */
	const char *advertisement; /* insertion string 1 */
	const char *package;       /* insertion string 4: its id */
	const char *program;       /* insertion string 5 */
};

int mp_status_make(
    const struct mp_status *s, struct mp_buf *xml, struct mp_error *e);
int mp_status_package_make(
    const struct mp_status_package *s, struct mp_buf *xml, struct mp_error *e);
int mp_status_program_make(
    const struct mp_status_program *s, struct mp_buf *xml, struct mp_error *e);

int mp_status_check(const struct mp_xml_node *root, struct mp_error *e);

#endif
