#include "mp/kinds/software.h"

#include <string.h>
#include <strings.h>

#define CLASS "FileSystemFile" /* a fixed name [D] */

static void
put_file(
    struct mp_writer *w, const char *space, const struct mp_software_file *f)
{
	const struct mp_instance i = {
	    .class = CLASS, .space = space, .change = f->change};

	mp_instance_begin(w, &i);
	mp_writer_leaf(w, "CompanyName", mp_value_or(f->company, ""));
	mp_writer_leaf(w, "FileDescription", mp_value_or(f->description, ""));
	mp_writer_leaf(w, "FileVersion", mp_value_or(f->version, ""));
	mp_writer_leaf(w, "LastWriteDate", mp_value_or(f->last_write, ""));
	mp_writer_leaf(w, "Name", mp_value_or(f->name, ""));
	mp_writer_leaf(w, "Path", mp_value_or(f->path, ""));
	mp_writer_leaf(w, "ProductLanguage", mp_value_or(f->language, ""));
	mp_writer_leaf(w, "ProductName", mp_value_or(f->product, ""));
	mp_writer_leaf(
	    w, "ProductVersion", mp_value_or(f->product_version, ""));
	mp_value_leaf(w, "Size", f->size);
	mp_instance_end(w, &i);
}

int
mp_software_make(const struct mp_report *r, const char *space,
    const struct mp_software_file *list, size_t count, struct mp_buf *xml,
    struct mp_error *e)
{
	struct mp_writer w;
	int x;

	mp_writer_init(&w, xml);
	x = mp_report_begin(&w, MP_KIND_SOFTWARE_INVENTORY, r, e);
	for (size_t i = 0; x == MP_OK && i < count; i++) {
		if (list[i].change > MP_CHANGE_DELETED || space == NULL)
			x = mp_fail(e, MP_EARG,
			    "file %zu of the software inventory needs a "
			    "namespace and a content that is new, updated or "
			    "deleted",
			    i + 1);
		else
			put_file(&w, space, &list[i]);
	}
	if (x == MP_OK)
		return mp_report_end(
		    &w, mp_kind_rule(MP_KIND_SOFTWARE_INVENTORY), e);
	mp_buf_clear(xml);
	return x;
}

/* Does the path end in the name? It must not. */
static bool
repeats(const char *path, const char *name)
{
	size_t n = strlen(name), len = strlen(path);

	return n > 0 && len > n && strcasecmp(path + len - n, name) == 0 &&
	       strchr("\\/", path[len - n - 1]) != NULL;
}

static int
check_file(const struct mp_xml_node *f, size_t n, struct mp_error *e)
{
	static const char *const fields[] = {"CompanyName", "FileDescription",
	    "FileVersion", "LastWriteDate", "Name", "Path", "ProductLanguage",
	    "ProductName", "ProductVersion", "Size"};
	const char *name = mp_xml_child_text(f, "Name");
	const char *date = mp_xml_child_text(f, "LastWriteDate");
	const char *size = mp_xml_child_text(f, "Size");
	const char *path = mp_xml_child_text(f, "Path");

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (mp_xml_child(f, fields[i]) == NULL)
			return mp_fail(e, MP_EARG,
			    "file %zu of the software inventory has no <%s>; "
			    "all ten fields must be there",
			    n, fields[i]);
	if (*name == '\0')
		return mp_fail(e, MP_EARG,
		    "file %zu of the software inventory has an empty Name", n);
	if (!mp_value_wbem(date))
		return mp_fail(e, MP_EARG,
		    "file \"%.100s\" of the software inventory has "
		    "LastWriteDate \"%.40s\", which is no WBEM date; one is "
		    "written yyyymmddHHMMSS.mmmmmm+UUU",
		    name, date);
	if (!mp_value_number(size, UINT64_MAX))
		return mp_fail(e, MP_EARG,
		    "file \"%.100s\" of the software inventory has Size "
		    "\"%.40s\", which is no number of bytes",
		    name, size);
	if (*path == '\0' || repeats(path, name))
		return mp_fail(e, MP_EARG,
		    "file \"%.100s\" of the software inventory has no Path, "
		    "or its name in Path too; Path is the folder alone",
		    name);
	return MP_OK;
}

int
mp_software_check(const struct mp_xml_node *root, struct mp_error *e)
{
	const struct mp_xml_node *body = mp_xml_child(root, "ReportBody");
	const struct mp_xml_node *i;
	size_t n = 0;
	int r = mp_report_check_header(root, MP_KIND_SOFTWARE_INVENTORY, e);

	/* None at all is what a later sender was seen to send (sdk/23 [S]). */
	for (i = mp_xml_child(body, NULL); r == MP_OK && i != NULL;
	     i = mp_xml_next(i, NULL)) {
		r = mp_instance_check(i, ++n, e);
		if (r == MP_OK && mp_xml_child(i, CLASS) == NULL)
			return mp_fail(e, MP_EARG,
			    "instance %zu of the software inventory has class "
			    "%.60s, but only " CLASS " belongs there",
			    n, mp_xml_attr(i, "Class"));
		if (r == MP_OK)
			r = check_file(mp_xml_child(i, CLASS), n, e);
	}
	return r;
}
