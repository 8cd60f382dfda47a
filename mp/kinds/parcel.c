#include "mp/kinds/parcel.h"

#include <stdlib.h>
#include <string.h>

#include "mp/kinds/fallback.h"
#include "mp/kinds/files.h"
#include "mp/kinds/locate.h"
#include "mp/kinds/metering.h"
#include "mp/kinds/software.h"
#include "mp/kinds/status.h"

#define HEADER_MAX (1u << 20) /* bytes of a report's header */

/* What stands inside, by the file that knows it. */
static int
check_content(
    enum mp_kind kind, const struct mp_xml_node *root, struct mp_error *e)
{
	switch (kind) {
	case MP_KIND_CONTENT_LOCATION:
	case MP_KIND_WSUS_LOCATION:
	case MP_KIND_LOCAL_MP_LOCATION:
	case MP_KIND_ASSIGNED_SITE:
	case MP_KIND_SITE_INFORMATION:
		return mp_locate_check(root, kind, e);
	case MP_KIND_DDR:
	case MP_KIND_HARDWARE_INVENTORY:
		return mp_inventory_check(root, kind, e);
	case MP_KIND_SOFTWARE_INVENTORY:
		return mp_software_check(root, e);
	case MP_KIND_FILE_COLLECTION:
	case MP_KIND_IDMIF:
		return mp_files_check(root, kind, e);
	case MP_KIND_STATUS:
		return mp_status_check(root, e);
	case MP_KIND_STATE:
		return mp_state_report_check(root, kind, e);
	case MP_KIND_METERING:
		return mp_metering_check(root, e);
	case MP_KIND_FALLBACK_STATUS:
		return mp_fallback_check(root, e);
	case MP_KIND_REGISTRATION:
	case MP_KIND_ASSIGNMENTS:
		return MP_OK; /* the client makes these itself */
	}
	return mp_fail(e, MP_EARG, "there is no such kind of message");
}

/* Reads and checks; the document is the caller's to free. */
static int
read_checked(const struct mp_kind_rule *k, const char *xml, size_t len,
    struct mp_xml **doc, struct mp_error *e)
{
	int r = mp_value_parse(doc, xml, len, "the message's body", e);

	if (r != MP_OK)
		return r;
	r = mp_kind_check_root(k, mp_xml_name(mp_xml_root(*doc)), e);
	if (r == MP_OK)
		r = check_content(k->kind, mp_xml_root(*doc), e);
	if (r != MP_OK) {
		mp_xml_free(*doc);
		*doc = NULL;
	}
	return r;
}

int
mp_parcel_check(const struct mp_kind_rule *k, const char *xml, size_t len,
    struct mp_error *e)
{
	size_t skip = mp_value_prolog(xml, len);
	struct mp_xml *doc = NULL;
	int r = read_checked(k, xml + skip, len - skip, &doc, e);

	mp_xml_free(doc);
	return r;
}

/* Adds a file, in the place of an earlier one of its name [D]. */
static int
add(struct mp_parcel *p, const struct mp_attachment *a, struct mp_error *e)
{
	if (a->name == NULL || a->name[0] == '\0')
		return mp_fail(e, MP_EARG, "an attachment has no name");
	if (a->path == NULL && a->data == NULL)
		return mp_fail(e, MP_EARG,
		    "attachment \"%.100s\" has neither file nor data", a->name);
	for (size_t i = 0; i < p->nattachments; i++) {
		if (strcmp(p->attachments[i].name, a->name) != 0)
			continue;
		if (i == 0 && p->report.len > 0)
			return mp_fail(e, MP_EARG,
			    "attachment \"%.100s\" has the name under which "
			    "the report itself travels; give it another",
			    a->name);
		p->attachments[i] = *a;
		return MP_OK;
	}
	p->attachments[p->nattachments++] = *a;
	return MP_OK;
}

/* Body, and the report as first attachment if it travels so. */
static int
fill(struct mp_parcel *p, const char *xml, size_t len, struct mp_error *e)
{
	int r = MP_OK;

	if (p->kind->payload == MP_PAYLOAD_ATTACHMENT) {
		r = mp_report_header_of(xml, len, &p->body, e);
		mp_buf_add(&p->report, xml, len);
		p->attachments[p->nattachments++] =
		    (struct mp_attachment){.name = p->kind->attachment,
			.data = p->report.data,
			.len = p->report.len,
			.xml = true,
			.checked = true};
	} else {
		mp_buf_str(&p->body, mp_kind_prolog(p->kind));
		mp_buf_add(&p->body, xml, len);
	}
	if (r != MP_OK || (mp_buf_ok(&p->report) && mp_buf_ok(&p->body)))
		return r;
	return mp_fail(e, MP_ELIMIT,
	    "the report of %zu bytes is longer than the limit of %zu, or "
	    "memory is short",
	    len, p->report.max);
}

int
mp_parcel_pack(struct mp_parcel *p, const struct mp_kind_rule *k,
    const char *xml, size_t len, const struct mp_attachment *files,
    size_t nfiles, struct mp_error *e)
{
	size_t skip = mp_value_prolog(xml, len);
	struct mp_xml *doc = NULL;
	int r;

	memset(p, 0, sizeof(*p));
	p->kind = k;
	mp_buf_init(&p->body, k->payload == MP_PAYLOAD_ATTACHMENT
				  ? HEADER_MAX
				  : MP_XML_MAX + HEADER_MAX);
	mp_buf_init(&p->report, MP_XML_MAX);
	if (nfiles > MP_PARCEL_FILES_MAX)
		return mp_fail(e, MP_ELIMIT,
		    "%zu attachments are more than the %d that one message "
		    "may have",
		    nfiles, MP_PARCEL_FILES_MAX);
	p->attachments = calloc(nfiles + 1, sizeof(*p->attachments));
	if (p->attachments == NULL)
		return mp_fail(
		    e, MP_ENOMEM, "no memory for %zu attachments", nfiles);
	r = read_checked(k, xml + skip, len - skip, &doc, e);
	if (r == MP_OK)
		r = fill(p, xml + skip, len - skip, e);
	for (size_t i = 0; r == MP_OK && i < nfiles; i++)
		r = add(p, &files[i], e);
	if (r == MP_OK && k->payload == MP_PAYLOAD_FILES)
		r = mp_files_check_attachments(
		    mp_xml_root(doc), p->attachments, p->nattachments, e);
	mp_xml_free(doc);
	return r;
}

void
mp_parcel_release(struct mp_parcel *p)
{
	if (p == NULL)
		return;
	mp_buf_release(&p->body);
	mp_buf_release(&p->report);
	free(p->attachments);
	memset(p, 0, sizeof(*p));
}
