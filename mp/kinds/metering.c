#include "mp/kinds/metering.h"

#include <string.h>

#include "mp/message.h"

#define STATUS_MAX 15u /* all four bits */

static int
put_run(struct mp_writer *w, const struct mp_meter_run *run, struct mp_error *e)
{
	char guid[MP_GUID_MAX];

	if (mp_guid_make(guid) != 0)
		return mp_fail(e, MP_ENOMEM,
		    "the system gave no random numbers for a GUID");
	mp_writer_start(w, "HistoricalMeterData");
	mp_writer_set(w, "MeterDataID", mp_value_or(run->id, guid));
	mp_writer_set(w, "UserName", mp_value_or(run->user, ""));
	mp_writer_set(w, "StartTime", mp_value_or(run->start, ""));
	mp_writer_set(w, "EndTime", mp_value_or(run->end, ""));
	mp_value_set(w, "Status", run->status);
	mp_writer_end(w, "HistoricalMeterData");
	return MP_OK;
}

static int
put_file(struct mp_writer *w, const struct mp_meter_file *f, struct mp_error *e)
{
	int r = MP_OK;

	mp_writer_start(w, "ProductInfo");
	mp_writer_set(w, "CompanyName", mp_value_or(f->company, ""));
	mp_writer_set(w, "ProductName", mp_value_or(f->product, ""));
	mp_writer_set(w, "ProductVersion", mp_value_or(f->product_version, ""));
	mp_writer_set(w, "ProductLanguage", mp_value_or(f->language, ""));
	mp_writer_start(w, "SoftwareFileInfo");
	mp_writer_set(w, "FileDescription", mp_value_or(f->description, ""));
	mp_writer_set(w, "FileVersion", mp_value_or(f->version, ""));
	mp_writer_set(w, "FileName", mp_value_or(f->name, ""));
	mp_value_set(w, "FileSize", f->size);
	for (size_t i = 0; r == MP_OK && i < f->nruns; i++)
		r = put_run(w, &f->runs[i], e);
	mp_writer_end(w, "SoftwareFileInfo");
	mp_writer_end(w, "ProductInfo");
	return r;
}

int
mp_metering_make(const struct mp_report *r, const struct mp_meter_file *list,
    size_t count, struct mp_buf *xml, struct mp_error *e)
{
	struct mp_writer w;
	int x;

	mp_writer_init(&w, xml);
	x = mp_report_begin(&w, MP_KIND_METERING, r, e);
	for (size_t i = 0; x == MP_OK && i < count; i++)
		x = put_file(&w, &list[i], e);
	if (x == MP_OK)
		return mp_report_end(&w, mp_kind_rule(MP_KIND_METERING), e);
	mp_buf_clear(xml);
	return x;
}

static const char *
attr(const struct mp_xml_node *n, const char *name)
{
	return mp_value_or(mp_xml_attr(n, name), "");
}

static int
check_run(const struct mp_xml_node *run, const char *file, struct mp_error *e)
{
	const char *id = attr(run, "MeterDataID");
	const char *user = attr(run, "UserName");
	const char *slash = strchr(user, '\\');

	if (!mp_value_guid(id))
		return mp_fail(e, MP_EARG,
		    "a run of \"%.100s\" has MeterDataID \"%.60s\", which is "
		    "no GUID",
		    file, id);
	if (slash == NULL || slash == user || slash[1] == '\0')
		return mp_fail(e, MP_EARG,
		    "a run of \"%.100s\" has UserName \"%.60s\"; one is "
		    "written DOMAIN\\USER",
		    file, user);
	if (*attr(run, "StartTime") == '\0' || *attr(run, "EndTime") == '\0')
		return mp_fail(e, MP_EARG,
		    "a run of \"%.100s\" lacks StartTime or EndTime; the end "
		    "of what still runs is the time of the report",
		    file);
	if (!mp_value_number(mp_xml_attr(run, "Status"), STATUS_MAX))
		return mp_fail(e, MP_EARG,
		    "a run of \"%.100s\" has Status \"%.20s\"; it is a sum of "
		    "1 (running), 2 (start not captured), 4 (end not "
		    "captured) and 8 (terminal services)",
		    file, attr(run, "Status"));
	return MP_OK;
}

static int
check_file(const struct mp_xml_node *f, struct mp_error *e)
{
	const struct mp_xml_node *run;
	const char *name = attr(f, "FileName");
	int r = MP_OK;

	if (*name == '\0')
		return mp_fail(
		    e, MP_EARG, "a SoftwareFileInfo has no FileName");
	if (!mp_value_number(mp_xml_attr(f, "FileSize"), UINT64_MAX))
		return mp_fail(e, MP_EARG,
		    "metered file \"%.100s\" has FileSize \"%.40s\", which is "
		    "no number of bytes",
		    name, attr(f, "FileSize"));
	run = mp_xml_child(f, "HistoricalMeterData");
	if (run == NULL)
		return mp_fail(e, MP_EARG,
		    "metered file \"%.100s\" has no HistoricalMeterData, so "
		    "no run is reported",
		    name);
	for (; r == MP_OK && run != NULL;
	     run = mp_xml_next(run, "HistoricalMeterData"))
		r = check_run(run, name, e);
	return r;
}

int
mp_metering_check(const struct mp_xml_node *root, struct mp_error *e)
{
	const struct mp_xml_node *p, *f;
	int r = mp_report_check_header(root, MP_KIND_METERING, e);

	p = mp_xml_child(mp_xml_child(root, "ReportBody"), "ProductInfo");
	if (r == MP_OK && p == NULL)
		return mp_fail(e, MP_EARG,
		    "the metering report's body has no ProductInfo");
	for (; r == MP_OK && p != NULL; p = mp_xml_next(p, "ProductInfo")) {
		f = mp_xml_child(p, "SoftwareFileInfo");
		if (f == NULL)
			return mp_fail(e, MP_EARG,
			    "product \"%.100s\" of the metering report has no "
			    "SoftwareFileInfo",
			    attr(p, "ProductName"));
		for (; r == MP_OK && f != NULL;
		     f = mp_xml_next(f, "SoftwareFileInfo"))
			r = check_file(f, e);
	}
	return r;
}
