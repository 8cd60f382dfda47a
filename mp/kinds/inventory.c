#include "mp/kinds/inventory.h"

#include <string.h>
#include <strings.h>

/* As sent, and as the hardware inventory's page spells it [S] [D]. */
static const char *const changes[] = {"New", "Updated", "Deleted"};

bool
mp_change_valid(const char *text)
{
	for (size_t i = 0; text != NULL && i < 3; i++)
		if (strcasecmp(text, changes[i]) == 0)
			return true;
	return false;
}

void
mp_instance_begin(struct mp_writer *w, const struct mp_instance *i)
{
	mp_writer_start(w, "Instance");
	mp_writer_set(w, "Content", changes[i->change]);
	mp_writer_set(w, "Namespace", i->space);
	mp_writer_set(w, "Class", i->class);
	mp_writer_set(w, "ParentClass", mp_value_or(i->parent, i->class));
	mp_writer_start(w, i->class);
}

void
mp_instance_end(struct mp_writer *w, const struct mp_instance *i)
{
	mp_writer_end(w, i->class);
	mp_writer_end(w, "Instance");
}

/* What the writer cannot write: names of elements that are no names. */
static int
check_names(const struct mp_instance *i, size_t n, struct mp_error *e)
{
	if (!mp_value_name(i->class))
		return mp_fail(e, MP_EARG,
		    "instance %zu has class \"%.60s\", which is no name of a "
		    "WMI class",
		    n, mp_value_or(i->class, ""));
	if (i->change > MP_CHANGE_DELETED || i->space == NULL)
		return mp_fail(e, MP_EARG,
		    "instance %zu, of class %s, needs a namespace and a "
		    "content that is new, updated or deleted",
		    n, i->class);
	for (size_t k = 0; k < i->nproperties; k++)
		if (!mp_value_name(i->properties[k].name))
			return mp_fail(e, MP_EARG,
			    "instance %zu, of class %s, has property "
			    "\"%.60s\", which is no name of a WMI property",
			    n, i->class,
			    mp_value_or(i->properties[k].name, ""));
	return MP_OK;
}

int
mp_inventory_make(enum mp_kind kind, const struct mp_report *r,
    const struct mp_instance *list, size_t count, struct mp_buf *xml,
    struct mp_error *e)
{
	struct mp_writer w;
	int x;

	if (kind != MP_KIND_DDR && kind != MP_KIND_HARDWARE_INVENTORY)
		return mp_fail(e, MP_EARG,
		    "only discovery data and hardware inventory are made of "
		    "WMI instances");
	mp_writer_init(&w, xml);
	x = mp_report_begin(&w, kind, r, e);
	for (size_t i = 0; x == MP_OK && i < count; i++) {
		x = check_names(&list[i], i + 1, e);
		if (x != MP_OK)
			break;
		mp_instance_begin(&w, &list[i]);
		for (size_t k = 0; k < list[i].nproperties; k++)
			mp_writer_leaf(&w, list[i].properties[k].name,
			    mp_value_or(list[i].properties[k].value, ""));
		mp_instance_end(&w, &list[i]);
	}
	if (x == MP_OK)
		return mp_report_end(&w, mp_kind_rule(kind), e);
	mp_buf_clear(xml);
	return x;
}

int
mp_instance_check(const struct mp_xml_node *i, size_t n, struct mp_error *e)
{
	const char *class = mp_xml_attr(i, "Class");
	const char *content = mp_xml_attr(i, "Content");

	if (!mp_xml_is(i, "Instance"))
		return mp_fail(e, MP_EARG,
		    "the report's body holds <%.60s>, where only <Instance> "
		    "belongs",
		    mp_xml_name(i));
	if (class == NULL || class[0] == '\0')
		return mp_fail(
		    e, MP_EARG, "instance %zu of the report has no Class", n);
	if (!mp_change_valid(content))
		return mp_fail(e, MP_EARG,
		    "instance %zu of the report, of class %.60s, has Content "
		    "\"%.20s\", which is none of New, Updated and Deleted",
		    n, class, content == NULL ? "" : content);
	if (mp_xml_attr(i, "Namespace") == NULL)
		return mp_fail(e, MP_EARG,
		    "instance %zu of the report, of class %.60s, has no "
		    "Namespace",
		    n, class);
	if (mp_xml_child(i, class) == NULL)
		return mp_fail(e, MP_EARG,
		    "instance %zu of the report has no <%.60s> inside; its "
		    "element is named as its Class",
		    n, class);
	return MP_OK;
}

int
mp_inventory_check(
    const struct mp_xml_node *root, enum mp_kind kind, struct mp_error *e)
{
	const struct mp_xml_node *body = mp_xml_child(root, "ReportBody");
	const struct mp_xml_node *i;
	size_t n = 0;
	int r = mp_report_check_header(root, kind, e);

	for (i = mp_xml_child(body, NULL); r == MP_OK && i != NULL;
	     i = mp_xml_next(i, NULL))
		r = mp_instance_check(i, ++n, e);
	if (r == MP_OK && n == 0)
		return mp_fail(e, MP_EARG,
		    "the report's body has no Instance; it would tell the "
		    "site nothing");
	return r;
}
