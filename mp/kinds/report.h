/*
 * The report that discovery, inventory, files, metering and state have in
 * common: who reports, what, when (sdk-facts 4.6, wire-facts 8.2). Writes and
 * checks the header; the body is the business of its kind.
 */
#ifndef MP_KINDS_REPORT_H
#define MP_KINDS_REPORT_H

#include "mp/kinds/kind.h"
#include "mp/kinds/value.h"

#define MP_REPORT_MAX MP_XML_MAX /* bytes of one report, as UTF-8 */

enum mp_machine_type {
	MP_MACHINE_CLIENT = 0, /* ClientType 1 on the wire */
	MP_MACHINE_LEGACY,     /* 0 */
	MP_MACHINE_DEVICE,     /* 3 */
};

struct mp_report_machine {
	const char *client_id; /* SMSID; of the managed client, if proxied */
	const char *netbios;
	const char *version; /* of the client; NULL: MP_CLIENT_VERSION */
	unsigned code_page;  /* 0: 437 */
	unsigned locale;     /* LCID; 0: 1033 */
	unsigned priority;   /* 0: what the kind has */
	bool not_installed;  /* ClientInstalled 0 */
	enum mp_machine_type type;
};

/* What the vendor's own client calls itself [S] (wire-facts 4.1). */
#define MP_CLIENT_VERSION "5.00.8325.0000"

struct mp_report {
	struct mp_report_machine machine;
	bool delta;              /* changes since an earlier full report */
	const char *date;        /* WBEM; NULL: now */
	const char *action_time; /* of the inventory; NULL: date */
	const char *content;     /* ReportContent; NULL: the kind's */
	const char *version;     /* NULL: 1.0 */
	const char *format;      /* NULL: 1.1, as sent [S]; 1.0 is older [D] */
};

/* Opens Report, writes its header, and opens ReportBody. */
int mp_report_begin(struct mp_writer *w, enum mp_kind kind,
    const struct mp_report *r, struct mp_error *e);

/* Closes both, and checks all that was written as a stranger's. */
int mp_report_end(
    struct mp_writer *w, const struct mp_kind_rule *k, struct mp_error *e);

/* The header of a report of that kind; a sentence for its first fault. */
int mp_report_check_header(
    const struct mp_xml_node *root, enum mp_kind kind, struct mp_error *e);

/*
 * The report without what it reports: its header and an empty ReportBody, as
 * it travels in a body whose report is attached. xml may be the beginning of
 * a long report, if ReportBody begins in it. Appends to header.
 */
int mp_report_header_of(
    const char *xml, size_t len, struct mp_buf *header, struct mp_error *e);

#endif
