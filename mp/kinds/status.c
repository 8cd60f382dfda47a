#include "mp/kinds/status.h"

#include <string.h>
#include <strings.h>

#include "mp/kinds/parcel.h"

#define SCHEMA "1.00" /* as sent [S]; the 2007 page has 1.0 [D] */
#define CODE_PAGE_DEFAULT 437u
#define LOCALE_DEFAULT 1033u

#define NAMES_MAX 1000 /* properties of one message */

#define PROGRAM_DEFAULT "SoftDistProgramCompletedSuccessfullyEvent"

/* The severity of a failed download, unless another is set [D]. */
#define SEVERITY_FAILED "2"

static const char *const package_events[] = {"SoftDistDownloadStartedEvent",
    "SoftDistDownloadCompletedEvent", "SoftDistDownloadFailedEvent",
    "SoftDistHashMismatchEvent", "SoftDistContentRemovedEvent"};

/* Base classes, and what each event derived from them must set [D]. */
static const char *const package_needs[] = {
    "ClientID", "PackageId", "PackageName", "PackageVersion", NULL};
static const char *const program_needs[] = {
    "ClientID", "AdvertisementId", "PackageName", "ProgramName", NULL};

/* How the events of programs are called; the family has a few dozen [D]. */
#define PROGRAM_PREFIX "SoftDistProgram"

static void
put_list(struct mp_writer *w, const char *list, const char *item,
    const struct mp_property *of, size_t count)
{
	mp_writer_start(w, list);
	for (size_t i = 0; i < count; i++) {
		mp_writer_start(w, item);
		mp_writer_set(w, "Name", mp_value_or(of[i].name, ""));
		mp_writer_put(w, mp_value_or(of[i].value, ""));
		mp_writer_end(w, item);
	}
	mp_writer_end(w, list);
}

int
mp_status_make(
    const struct mp_status *s, struct mp_buf *xml, struct mp_error *e)
{
	const struct mp_kind_rule *k = mp_kind_rule(MP_KIND_STATUS);
	struct mp_writer w;
	int r;

	mp_writer_init(&w, xml);
	mp_writer_start(&w, "Status");
	mp_writer_set(&w, "SchemaVersion", SCHEMA);
	mp_value_set(&w, "CodePage",
	    s->code_page == 0 ? CODE_PAGE_DEFAULT : s->code_page);
	mp_value_set(
	    &w, "LocaleID", s->locale == 0 ? LOCALE_DEFAULT : s->locale);
	put_list(&w, "Properties", "Property", s->properties, s->nproperties);
	put_list(&w, "Qualifiers", "Qualifier", s->qualifiers, s->nqualifiers);
	mp_writer_leaf(&w, "Type", mp_value_or(s->type, ""));
	mp_writer_end(&w, "Status");
	r = mp_writer_done(&w, "the status message", e);
	if (r == MP_OK)
		r = mp_parcel_check(k, (const char *)xml->data, xml->len, e);
	if (r != MP_OK)
		mp_buf_clear(xml);
	return r;
}

int
mp_status_package_make(
    const struct mp_status_package *s, struct mp_buf *xml, struct mp_error *e)
{
	const struct mp_property p[] = {{"ClientID", s->client_id},
	    {"PackageId", s->package}, {"PackageName", s->package},
	    {"PackageVersion", s->version}, {"Severity", SEVERITY_FAILED}};
	struct mp_status all = {.properties = p, .nproperties = 4};

	if (s->event > MP_PACKAGE_CONTENT_REMOVED)
		return mp_fail(e, MP_EARG,
		    "this is none of the documented package events");
	if (s->event == MP_PACKAGE_DOWNLOAD_FAILED)
		all.nproperties = 5;
	all.type = package_events[s->event];
	return mp_status_make(&all, xml, e);
}

int
mp_status_program_make(
    const struct mp_status_program *s, struct mp_buf *xml, struct mp_error *e)
{
	const struct mp_property p[] = {{"AdvertisementId", s->advertisement},
	    {"ClientID", s->client_id}, {"PackageName", s->package},
	    {"ProgramName", s->program}};
	const struct mp_status all = {
	    .type = mp_value_or(s->type, PROGRAM_DEFAULT),
	    .properties = p,
	    .nproperties = sizeof(p) / sizeof(p[0])};

	if (strncasecmp(all.type, PROGRAM_PREFIX, strlen(PROGRAM_PREFIX)) != 0)
		return mp_fail(e, MP_EARG,
		    "\"%.60s\" is no event of a program; those begin "
		    "with " PROGRAM_PREFIX,
		    all.type);
	return mp_status_make(&all, xml, e);
}

/* What an event of that class must set, or NULL if we know of nothing. */
static const char *const *
needs(const char *type)
{
	for (size_t i = 0;
	     i < sizeof(package_events) / sizeof(package_events[0]); i++)
		if (strcasecmp(type, package_events[i]) == 0)
			return package_needs;
	if (strncasecmp(type, PROGRAM_PREFIX, strlen(PROGRAM_PREFIX)) == 0)
		return program_needs;
	return NULL;
}

static const char *
value_of(const struct mp_xml_node *properties, const char *name)
{
	const struct mp_xml_node *p;

	for (p = mp_xml_child(properties, "Property"); p != NULL;
	     p = mp_xml_next(p, "Property")) {
		const char *n = mp_xml_attr(p, "Name");

		if (n != NULL && strcasecmp(n, name) == 0)
			return mp_xml_text(p);
	}
	return "";
}

static int
check_family(
    const struct mp_xml_node *properties, const char *type, struct mp_error *e)
{
	const char *const *need = needs(type);
	const char *id = value_of(properties, "ClientID");

	for (; need != NULL && *need != NULL; need++)
		if (*value_of(properties, *need) == '\0')
			return mp_fail(e, MP_EARG,
			    "a status message of type %s must have the "
			    "property %s",
			    type, *need);
	if (needs(type) != NULL && !mp_smsid_valid(id))
		return mp_fail(e, MP_EARG,
		    "the status message's ClientID \"%.60s\" is no SMSID; one "
		    "is written \"GUID:\" and 36 characters of a GUID",
		    id);
	return MP_OK;
}

/* Is there an earlier item of that name? */
static bool
met(const struct mp_xml_node *list, const struct mp_xml_node *item,
    const char *name)
{
	const struct mp_xml_node *p;

	for (p = mp_xml_child(list, NULL); p != NULL && p != item;
	     p = mp_xml_next(p, NULL))
		if (strcasecmp(mp_xml_attr(p, "Name"), name) == 0)
			return true;
	return false;
}

/* Each item of a list has a name of its own. */
static int
check_names(
    const struct mp_xml_node *list, const char *item, struct mp_error *e)
{
	const struct mp_xml_node *p;
	size_t n = 0;

	for (p = mp_xml_child(list, NULL); p != NULL;
	     p = mp_xml_next(p, NULL)) {
		const char *name = mp_xml_attr(p, "Name");

		if (!mp_xml_is(p, item))
			return mp_fail(e, MP_EARG,
			    "the status message has <%.60s> where only <%s> "
			    "belongs",
			    mp_xml_name(p), item);
		if (name == NULL || *name == '\0')
			return mp_fail(e, MP_EARG,
			    "the status message has a %s without Name", item);
		if (++n > NAMES_MAX)
			return mp_fail(e, MP_ELIMIT,
			    "the status message has more than %d of <%s>",
			    NAMES_MAX, item);
		if (met(list, p, name))
			return mp_fail(e, MP_EARG,
			    "the status message has the %s \"%.60s\" twice",
			    item, name);
	}
	return MP_OK;
}

int
mp_status_check(const struct mp_xml_node *root, struct mp_error *e)
{
	const struct mp_xml_node *p = mp_xml_child(root, "Properties");
	const char *schema =
	    mp_value_or(mp_xml_attr(root, "SchemaVersion"), "");
	const char *type = mp_xml_child_text(root, "Type");
	int r;

	if (!mp_xml_is(root, "Status"))
		return mp_fail(e, MP_EARG,
		    "the body's root element is <%.60s>, not <Status>",
		    mp_xml_name(root));
	if (strcmp(schema, "1.0") != 0 && strcmp(schema, "1.00") != 0)
		return mp_fail(e, MP_EARG,
		    "the status message has SchemaVersion \"%.20s\", which is "
		    "neither 1.0 nor 1.00",
		    schema);
	if (!mp_value_name(type))
		return mp_fail(e, MP_EARG,
		    "the status message has Type \"%.60s\", which is no class "
		    "name of an event",
		    type);
	if (!mp_value_number(mp_xml_attr(root, "CodePage"), UINT32_MAX) ||
	    !mp_value_number(mp_xml_attr(root, "LocaleID"), UINT32_MAX))
		return mp_fail(e, MP_EARG,
		    "the status message's CodePage or LocaleID is no number; "
		    "437 and 1033 are English (United States)");
	if ((r = check_names(p, "Property", e)) != MP_OK ||
	    (r = check_names(
		 mp_xml_child(root, "Qualifiers"), "Qualifier", e)) != MP_OK)
		return r;
	return check_family(p, type, e);
}
