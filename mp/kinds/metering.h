/*
 * Software metering: who ran which program when (sdk-facts 4.7). A report of
 * products, their files, and the runs of each. Watches no process.
 */
#ifndef MP_KINDS_METERING_H
#define MP_KINDS_METERING_H

#include "mp/kinds/report.h"

#define MP_METER_RUNNING 1u /* Status bits [D] */
#define MP_METER_NO_START 2u
#define MP_METER_NO_END 4u
#define MP_METER_TERMINAL 8u

struct mp_meter_run {
	const char *id;    /* GUID; NULL: a new one */
	const char *user;  /* Domain\User */
	const char *start; /* WBEM dates; the end of what runs is now */
	const char *end;
	unsigned status; /* MP_METER_... */
};

struct mp_meter_file {
	const char *company, *product, *product_version, *language;
	const char *description, *version, *name;
	uint64_t size;
	const struct mp_meter_run *runs;
	size_t nruns;
};

/* The whole report; each file with its product. */
int mp_metering_make(const struct mp_report *r,
    const struct mp_meter_file *list, size_t count, struct mp_buf *xml,
    struct mp_error *e);

int mp_metering_check(const struct mp_xml_node *root, struct mp_error *e);

#endif
