/*
 * Collected files: file collection and IDMIF. The report lists the files,
 * each of which travels as an attachment named by its ID (sdk-facts 4.7).
 * Reads no file.
 */
#ifndef MP_KINDS_FILES_H
#define MP_KINDS_FILES_H

#include "mp/kinds/inventory.h"

struct mp_collected_file {
	const char *id; /* a number; NULL: its place in the list, from 1 */
	const char *last_write; /* WBEM date */
	const char *name;
	const char *path; /* on the machine that is reported */
	uint64_t size;
	enum mp_change change;
};

/* The report; kind: MP_KIND_FILE_COLLECTION or MP_KIND_IDMIF. */
int mp_files_make(enum mp_kind kind, const struct mp_report *r,
    const struct mp_collected_file *list, size_t count, struct mp_buf *xml,
    struct mp_error *e);

int mp_files_check(
    const struct mp_xml_node *root, enum mp_kind kind, struct mp_error *e);

/*
 * Does every file that is not deleted have its attachment, and every
 * attachment its file? root is one that mp_files_check() took; names differ.
 */
int mp_files_check_attachments(const struct mp_xml_node *root,
    const struct mp_attachment *list, size_t count, struct mp_error *e);

#endif
