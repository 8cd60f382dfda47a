/*
 * Discovery data and hardware inventory: a report of WMI instances (sdk-facts
 * 4.7). Knows what an instance looks like, not which of them a site wants.
 */
#ifndef MP_KINDS_INVENTORY_H
#define MP_KINDS_INVENTORY_H

#include "mp/kinds/report.h"

enum mp_change { MP_CHANGE_NEW = 0, MP_CHANGE_UPDATED, MP_CHANGE_DELETED };

struct mp_instance {
	const char *class;
	const char *parent; /* NULL: class; unused by the site [D] */
	const char *space;  /* Namespace: "\\HOST\root\cimv2" */
	enum mp_change change;
	const struct mp_property *properties; /* WMI properties */
	size_t nproperties;
};

/* The whole report; kind: MP_KIND_DDR or MP_KIND_HARDWARE_INVENTORY. */
int mp_inventory_make(enum mp_kind kind, const struct mp_report *r,
    const struct mp_instance *list, size_t count, struct mp_buf *xml,
    struct mp_error *e);

int mp_inventory_check(
    const struct mp_xml_node *root, enum mp_kind kind, struct mp_error *e);

/* Writes the start of an Instance and of the element inside it. */
void mp_instance_begin(struct mp_writer *w, const struct mp_instance *i);
void mp_instance_end(struct mp_writer *w, const struct mp_instance *i);

/*
 * Is the nth element of a body, from 1, an Instance with its Class, Content
 * and the element inside?
 */
int mp_instance_check(
    const struct mp_xml_node *i, size_t n, struct mp_error *e);

/* Is it New, Updated or Deleted, in any case? NULL is not. */
bool mp_change_valid(const char *text);

#endif
