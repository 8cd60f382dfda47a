#include "mp/kinds/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mp/kinds/parcel.h"

/* In lower case on the pages of these kinds [D]. */
static const char *const changes[] = {"new", "updated", "deleted"};

static void
put_file(struct mp_writer *w, const struct mp_collected_file *f, size_t n)
{
	mp_writer_start(w, "CollectedFile");
	mp_writer_set(w, "Content", changes[f->change]);
	if (f->id == NULL)
		mp_value_set(w, "ID", n);
	else
		mp_writer_set(w, "ID", f->id);
	mp_writer_leaf(w, "LastWriteDate", mp_value_or(f->last_write, ""));
	mp_writer_leaf(w, "Name", mp_value_or(f->name, ""));
	mp_writer_leaf(w, "Path", mp_value_or(f->path, ""));
	mp_value_leaf(w, "Size", f->size);
	mp_writer_end(w, "CollectedFile");
}

int
mp_files_make(enum mp_kind kind, const struct mp_report *r,
    const struct mp_collected_file *list, size_t count, struct mp_buf *xml,
    struct mp_error *e)
{
	struct mp_writer w;
	int x;

	if (kind != MP_KIND_FILE_COLLECTION && kind != MP_KIND_IDMIF)
		return mp_fail(e, MP_EARG,
		    "only file collection and IDMIF list collected files");
	mp_writer_init(&w, xml);
	x = mp_report_begin(&w, kind, r, e);
	for (size_t i = 0; x == MP_OK && i < count; i++) {
		if (list[i].change > MP_CHANGE_DELETED)
			x = mp_fail(e, MP_EARG,
			    "collected file %zu is neither new, updated nor "
			    "deleted",
			    i + 1);
		else
			put_file(&w, &list[i], i + 1);
	}
	if (x == MP_OK) {
		mp_value_leaf(&w, "CollectedFileSum", count);
		return mp_report_end(&w, mp_kind_rule(kind), e);
	}
	mp_buf_clear(xml);
	return x;
}

static int
check_file(const struct mp_xml_node *f, size_t n, struct mp_error *e)
{
	const char *id = mp_xml_attr(f, "ID");
	const char *content = mp_xml_attr(f, "Content");
	const char *date = mp_xml_child_text(f, "LastWriteDate");
	const char *size = mp_xml_child_text(f, "Size");

	if (!mp_value_number(id, UINT32_MAX))
		return mp_fail(e, MP_EARG,
		    "collected file %zu has ID \"%.40s\", which is no number; "
		    "the ID is the name of its attachment",
		    n, id == NULL ? "" : id);
	if (!mp_change_valid(content))
		return mp_fail(e, MP_EARG,
		    "collected file %s has Content \"%.20s\", which is none "
		    "of new, updated and deleted",
		    id, content == NULL ? "" : content);
	if (*mp_xml_child_text(f, "Name") == '\0')
		return mp_fail(e, MP_EARG, "collected file %s has no Name", id);
	if (!mp_value_wbem(date))
		return mp_fail(e, MP_EARG,
		    "collected file %s has LastWriteDate \"%.40s\", which is "
		    "no WBEM date; one is written yyyymmddHHMMSS.mmmmmm+UUU",
		    id, date);
	if (!mp_value_number(size, UINT64_MAX))
		return mp_fail(e, MP_EARG,
		    "collected file %s has Size \"%.40s\", which is no number "
		    "of bytes",
		    id, size);
	return MP_OK;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const struct mp_xml_node *
first(const struct mp_xml_node *root)
{
	return mp_xml_child(mp_xml_child(root, "ReportBody"), "CollectedFile");
}

/* The IDs of the list, sorted; free them. `kept`: of files that travel. */
static int
take_ids(const struct mp_xml_node *root, bool kept, const char ***ids,
    size_t *count, struct mp_error *e)
{
	const struct mp_xml_node *f;
	size_t n = 0;

	for (f = first(root); f != NULL; f = mp_xml_next(f, "CollectedFile"))
		n++;
	*count = 0;
	*ids = NULL;
	if (n > MP_PARCEL_FILES_MAX)
		return mp_fail(e, MP_ELIMIT,
		    "%zu collected files in one message are more than the %d "
		    "we send; send several messages",
		    n, MP_PARCEL_FILES_MAX);
	*ids = calloc(n + 1, sizeof(**ids));
	if (*ids == NULL)
		return mp_fail(
		    e, MP_ENOMEM, "no memory for %zu collected files", n);
	for (f = first(root); f != NULL; f = mp_xml_next(f, "CollectedFile"))
		if (!kept ||
		    strcasecmp(mp_xml_attr(f, "Content"), "deleted") != 0)
			(*ids)[(*count)++] = mp_xml_attr(f, "ID");
	qsort(*ids, *count, sizeof(**ids), compare);
	return MP_OK;
}

static int
check_unique(const struct mp_xml_node *root, struct mp_error *e)
{
	const char **ids;
	size_t n;
	int r = take_ids(root, false, &ids, &n, e);

	for (size_t i = 1; r == MP_OK && i < n; i++)
		if (strcmp(ids[i - 1], ids[i]) == 0)
			r = mp_fail(e, MP_EARG,
			    "two collected files have the ID %s; IDs are the "
			    "names of attachments, so each must differ",
			    ids[i]);
	free(ids);
	return r;
}

int
mp_files_check(
    const struct mp_xml_node *root, enum mp_kind kind, struct mp_error *e)
{
	const struct mp_xml_node *body = mp_xml_child(root, "ReportBody");
	const struct mp_xml_node *f;
	const char *sum = mp_xml_child_text(body, "CollectedFileSum");
	char count[24];
	size_t n = 0;
	int r = mp_report_check_header(root, kind, e);

	for (f = first(root); r == MP_OK && f != NULL;
	     f = mp_xml_next(f, "CollectedFile"))
		r = check_file(f, ++n, e);
	if (r != MP_OK)
		return r;
	(void)snprintf(count, sizeof(count), "%zu", n);
	if (strcmp(sum, count) != 0)
		return mp_fail(e, MP_EARG,
		    "the report's CollectedFileSum is \"%.20s\", but it lists "
		    "%zu files",
		    sum, n);
	return check_unique(root, e);
}

int
mp_files_check_attachments(const struct mp_xml_node *root,
    const struct mp_attachment *list, size_t count, struct mp_error *e)
{
	const char **ids;
	size_t n;
	int r = take_ids(root, true, &ids, &n, e);

	for (size_t i = 0; r == MP_OK && i < count; i++) {
		if (bsearch(&list[i].name, ids, n, sizeof(*ids), compare) ==
		    NULL)
			r = mp_fail(e, MP_EARG,
			    "attachment \"%.100s\" is not in the report; an "
			    "attachment is named by the ID of its "
			    "CollectedFile",
			    list[i].name);
	}
	/* Names differ, and so do IDs: as many as files is all of them. */
	if (r == MP_OK && count != n)
		r = mp_fail(e, MP_EARG,
		    "the report lists %zu files that are new or updated, but "
		    "%zu are attached; attach each under its ID",
		    n, count);
	free(ids);
	return r;
}
