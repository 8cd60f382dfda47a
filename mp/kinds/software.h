/*
 * Software inventory: a report of files, each a FileSystemFile instance of
 * ten fields (sdk-facts 4.7). Looks at no disk.
 */
#ifndef MP_KINDS_SOFTWARE_H
#define MP_KINDS_SOFTWARE_H

#include "mp/kinds/inventory.h"

struct mp_software_file {
	const char *company; /* NULL fields are sent empty */
	const char *description;
	const char *version;
	const char *last_write; /* WBEM date; must be given */
	const char *name;       /* must be given */
	const char *path;       /* without the name */
	const char *language;   /* as text */
	const char *product;
	const char *product_version;
	uint64_t size; /* bytes */
	enum mp_change change;
};

/* The whole report; space: Namespace of its instances. */
int mp_software_make(const struct mp_report *r, const char *space,
    const struct mp_software_file *list, size_t count, struct mp_buf *xml,
    struct mp_error *e);

int mp_software_check(const struct mp_xml_node *root, struct mp_error *e);

#endif
