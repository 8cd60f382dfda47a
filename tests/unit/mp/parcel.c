/*
 * What is no good message of its kind: for each kind a good one, each of its
 * faults, and the sentence that names it. Then how a good one is packed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mp/kinds/fallback.h"
#include "mp/kinds/files.h"
#include "mp/kinds/inventory.h"
#include "mp/kinds/metering.h"
#include "mp/kinds/parcel.h"
#include "mp/kinds/software.h"
#include "mp/kinds/status.h"

#define ID "GUID:0D5A4B1C-1111-2222-3333-444455556666"
#define DATE "20261122140859.455000+000"
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const struct mp_report from = {
    .machine = {.client_id = ID, .netbios = "CLIENT1"}, .date = DATE};

static const struct mp_property bios[] = {{"Name", "a<b>&\"c\""}};
static const struct mp_instance instance = {.class = "Win32_BIOS",
    .space = "\\\\C\\root\\cimv2",
    .change = MP_CHANGE_UPDATED,
    .properties = bios,
    .nproperties = 1};
static const struct mp_software_file program = {
    .name = "vi", .path = "/usr/bin", .last_write = DATE, .size = 4096};
static const struct mp_collected_file files[] = {
    {.name = "a.log", .path = "/var/log", .last_write = DATE, .size = 3},
    {.id = "7", .name = "b.log", .last_write = DATE, .size = 0},
    {.name = "c.log", .last_write = DATE, .change = MP_CHANGE_DELETED}};
static const struct mp_meter_run run = {
    .id = "{0D5A4B1C-1111-2222-3333-444455556666}",
    .user = "DOM\\user",
    .start = DATE,
    .end = DATE,
    .status = MP_METER_RUNNING | MP_METER_TERMINAL};
static const struct mp_meter_file metered = {.company = "C",
    .product = "P",
    .name = "p.exe",
    .size = 1,
    .runs = &run,
    .nruns = 1};
static const struct mp_state_message state_message = {.time = DATE,
    .topic = "t",
    .topic_type = MP_TOPIC_TIMING,
    .user = "DOM\\u",
    .user_sid = "S-1-5-18",
    .details = "<d/>",
    .details_type = "text",
    .params = {"200", NULL},
    .nparams = 2};
static const struct mp_property said[] = {{"Severity", "0"}, {"X", "y"}};
static const struct mp_status event = {.type = "CCM_Event",
    .properties = said,
    .nproperties = COUNT(said),
    .qualifiers = said,
    .nqualifiers = 1};

/* A good message of each kind that has a builder here. */
static void
make(enum mp_kind kind, struct mp_buf *xml)
{
	struct mp_error e;
	int r = MP_EARG;

	(void)snprintf(e.text, sizeof(e.text), "kind %d", (int)kind);
	if (kind == MP_KIND_DDR || kind == MP_KIND_HARDWARE_INVENTORY)
		r = mp_inventory_make(kind, &from, &instance, 1, xml, &e);
	else if (kind == MP_KIND_SOFTWARE_INVENTORY)
		r = mp_software_make(
		    &from, "\\\\C\\root\\cimv2", &program, 1, xml, &e);
	else if (kind == MP_KIND_FILE_COLLECTION || kind == MP_KIND_IDMIF)
		r = mp_files_make(kind, &from, files, COUNT(files), xml, &e);
	else if (kind == MP_KIND_METERING)
		r = mp_metering_make(&from, &metered, 1, xml, &e);
	else if (kind == MP_KIND_STATE)
		r = mp_state_report_make(
		    kind, &from, &state_message, 1, xml, &e);
	else if (kind == MP_KIND_FALLBACK_STATUS)
		r = mp_fallback_make(&from, &state_message, xml, &e);
	else if (kind == MP_KIND_STATUS)
		r = mp_status_make(&event, xml, &e);
	if (r != MP_OK)
		fail_msg("%s", e.text);
}

/* The first `old` of text becomes `new`. */
static void
replace(struct mp_buf *text, const char *old, const char *new)
{
	const char *at = strstr((char *)text->data, old);
	struct mp_buf out;

	if (at == NULL)
		fail_msg("\"%s\" is not in %s", old, (char *)text->data);
	mp_buf_init(&out, 1 << 20);
	mp_buf_add(&out, text->data, (size_t)(at - (char *)text->data));
	mp_buf_str(&out, new);
	mp_buf_str(&out, at + strlen(old));
	mp_buf_release(text);
	*text = out;
}

struct fault {
	enum mp_kind kind;
	const char *old, *new, *words;
};

static const struct fault header_faults[] = {
    {MP_KIND_DDR, "<Report>", "<Raport>", "well-formed"},
    {MP_KIND_DDR, "ReportHeader>", "Header>", "well-formed"},
    {MP_KIND_DDR, "<ClientID>" ID "</ClientID>", "", "no ClientID"},
    {MP_KIND_DDR, ID, "GUID:1", "is no SMSID"},
    {MP_KIND_DDR, ">CLIENT1<", "><", "NetBIOSName"},
    {MP_KIND_DDR, "<ClientType>1", "<ClientType>2", "ClientType \"2\""},
    {MP_KIND_DDR, "Installed>1", "Installed>x", "ClientInstalled \"x\""},
    {MP_KIND_DDR, "LCID>1033", "LCID>", "SystemDefaultLCID"},
    {MP_KIND_DDR, "LCID>1033", "LCID>-1", "SystemDefaultLCID \"-1\""},
    {MP_KIND_DDR, "Inventory Data", "FILECOLL", "ReportContent"},
    {MP_KIND_DDR, ">Full<", ">Some<", "neither Full nor"},
    {MP_KIND_DDR, DATE, "2026-11-22", "Date \"2026-11-22\""},
    {MP_KIND_DDR, DATE, "20260230140859.455000+000", "no WBEM date"},
    {MP_KIND_DDR, DATE, "20261122240859.455000+000", "no WBEM date"},
    {MP_KIND_DDR, DATE, "20261322140859.455000+000", "no WBEM date"},
    {MP_KIND_DDR, DATE, "00001122140859.455000+000", "no WBEM date"},
    {MP_KIND_DDR, DATE, "20261122140859.455000*000", "no WBEM date"},
    {MP_KIND_DDR, "Time>20", "Time>2", "LastUpdateTime"},
    {MP_KIND_DDR, "0003}", "0001}", "InventoryActionID"},
    {MP_KIND_DDR, "<InventoryAction ActionType=\"Predefined\">",
	"<InventoryAction ActionType=\"Predefined\"/><X>", "well-formed"},
    {MP_KIND_DDR, "<ReportDetails>", "<X/><ReportDetails>", NULL},
    {MP_KIND_DDR, "<Machine>", "</Identification><Identification><Machine>",
	"Identification/Machine"},
    {MP_KIND_DDR, "<ReportDetails>", "<ReportDetails/><ReportDetails>",
	"ReportContent is \"\""},
    {MP_KIND_DDR, "</Identification>", "</Identification><?x", "well-formed"},
    {MP_KIND_DDR, "Inventory Data", "Inventory\\x0020Data", NULL},
    {MP_KIND_DDR, ">Full<", ">delta<", NULL},
    {MP_KIND_DDR, "<Date>" DATE "</Date>", "", NULL},
    {MP_KIND_STATE, ">Full<", ">Delta<", "always Full"},
    {MP_KIND_STATE, "<ReportType>Full</ReportType>", "", "always Full"},
    {MP_KIND_STATE, ">Full<", ">FULL<", NULL},
    {MP_KIND_FILE_COLLECTION, "0010}", "0011}", "FileCollectionActionID"},
    {MP_KIND_IDMIF, "IDMIF", "FILECOLL", "\"IDMIF\""}};

static const struct fault body_faults[] = {
    {MP_KIND_DDR, "Class=\"Win32_BIOS\"", "", "no Class"},
    {MP_KIND_DDR, "\"Updated\"", "\"Old\"", "Content \"Old\""},
    {MP_KIND_DDR, " Content=\"Updated\"", "", "Content \"\""},
    {MP_KIND_DDR, "\"Updated\"", "\"deleted\"", NULL},
    {MP_KIND_DDR, "Namespace=", "Space=", "no Namespace"},
    {MP_KIND_DDR, "Class=\"Win32_BIOS\"", "Class=\"Other\"", "<Other>"},
    {MP_KIND_HARDWARE_INVENTORY, "<ReportBody>", "<ReportBody><Thing/>",
	"<Thing>"},
    {MP_KIND_SOFTWARE_INVENTORY, "<Size>4096</Size>", "", "no <Size>"},
    {MP_KIND_SOFTWARE_INVENTORY, "<CompanyName />", "", "<CompanyName>"},
    {MP_KIND_SOFTWARE_INVENTORY, ">4096<", ">4k<", "Size \"4k\""},
    {MP_KIND_SOFTWARE_INVENTORY, ">vi<", "><", "empty Name"},
    {MP_KIND_SOFTWARE_INVENTORY, "/usr/bin", "/usr/bin/vi", "in Path"},
    {MP_KIND_SOFTWARE_INVENTORY, "/usr/bin", "", "no Path"},
    {MP_KIND_SOFTWARE_INVENTORY, "WriteDate>20", "WriteDate>x",
	"LastWriteDate"},
    {MP_KIND_FILE_COLLECTION, "ID=\"1\"", "ID=\"x\"", "ID \"x\""},
    {MP_KIND_FILE_COLLECTION, " ID=\"1\"", "", "ID \"\""},
    {MP_KIND_FILE_COLLECTION, "ID=\"1\"", "ID=\"7\"", "the ID 7"},
    {MP_KIND_FILE_COLLECTION, "\"new\"", "\"old\"", "Content \"old\""},
    {MP_KIND_FILE_COLLECTION, ">a.log<", "><", "no Name"},
    {MP_KIND_FILE_COLLECTION, "WriteDate>20", "WriteDate>x", "LastWriteDate"},
    {MP_KIND_FILE_COLLECTION, "Size>3", "Size>-3", "Size \"-3\""},
    {MP_KIND_IDMIF, "Sum>3", "Sum>2", "lists 3 files"},
    {MP_KIND_IDMIF, "<CollectedFileSum>3</CollectedFileSum>", "", "Sum"},
    {MP_KIND_METERING, "{0D5A", "{0D5", "no GUID"},
    {MP_KIND_METERING, "DOM\\user", "user", "DOMAIN\\USER"},
    {MP_KIND_METERING, "DOM\\user", "\\user", "DOMAIN\\USER"},
    {MP_KIND_METERING, "EndTime=", "End=", "lacks StartTime"},
    {MP_KIND_METERING, "Status=\"9\"", "Status=\"16\"", "Status \"16\""},
    {MP_KIND_METERING, "FileName=\"p.exe\"", "", "no FileName"},
    {MP_KIND_METERING, "FileSize=\"1\"", "", "FileSize"},
    {MP_KIND_METERING, "<ReportBody>", "<ReportBody><ProductInfo/>",
	"no SoftwareFileInfo"},
    {MP_KIND_STATE, "MessageTime=\"2", "MessageTime=\"", "MessageTime"},
    {MP_KIND_STATE, "SerialNumber=\"0\"", "", "SerialNumber"},
    {MP_KIND_STATE, "<Topic ID=\"t\"", "<Topic", "Topic without ID"},
    {MP_KIND_STATE, " Type=\"500\"", "", "Type or IDType"},
    {MP_KIND_STATE, "Criticality=\"0\"", "", "Criticality"},
    {MP_KIND_STATE, "Count=\"2\" Flags=\"0\"><Param>200</Param>",
	"Count=\"5\" Flags=\"0\"><Param/><Param/><Param/><Param/>", NULL},
    {MP_KIND_STATE, "Count=\"2\"", "Count=\"1\"", "2 parameters"},
    {MP_KIND_STATE, "Flags=\"0\"", "Flags=\"x\"", "Flags \"x\""},
    {MP_KIND_STATE, "<Param />", "<Param/><Param/><Param/><Param/><Param/>",
	"6 parameters"},
    {MP_KIND_FALLBACK_STATUS, " IDFlag=\"0\"", "", "IDFlag"},
    {MP_KIND_FALLBACK_STATUS, "<State ", "<Stat ", "no State"},
    {MP_KIND_STATUS, "1.00", "2.0", "SchemaVersion \"2.0\""},
    {MP_KIND_STATUS, "1.00", "1.0", NULL},
    {MP_KIND_STATUS, "CCM_Event", "CCM Event", "Type \"CCM Event\""},
    {MP_KIND_STATUS, "CodePage=\"437\"", "", "CodePage"},
    {MP_KIND_STATUS, "Name=\"X\"", "Name=\"severity\"", "twice"},
    {MP_KIND_STATUS, "Name=\"X\"", "", "without Name"},
    {MP_KIND_STATUS, "</Properties>",
	"<Property Name=\"x\">z</Property></Properties>", "\"x\" twice"},
    {MP_KIND_STATUS, "<Properties>", "<Properties><Thing/>", "<Thing>"},
    {MP_KIND_STATUS, "CCM_Event", "SoftDistHashMismatchEvent",
	"property ClientID"},
    {MP_KIND_STATUS, "CCM_Event", "SoftDistProgramErrorEvent",
	"property ClientID"}};

static void
check_fault(const struct fault *f)
{
	struct mp_buf xml;
	struct mp_error e = {0};
	int r;

	mp_buf_init(&xml, 1 << 20);
	make(f->kind, &xml);
	replace(&xml, f->old, f->new);
	r = mp_parcel_check(
	    mp_kind_rule(f->kind), (char *)xml.data, xml.len, &e);
	if (r != (f->words == NULL ? MP_OK : MP_EARG) ||
	    (f->words != NULL && strstr(e.text, f->words) == NULL))
		fail_msg("%s -> %s: %d, %s", f->old, f->new, r, e.text);
	mp_buf_release(&xml);
}

static void
every_fault_of_a_header_has_its_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(header_faults); i++)
		check_fault(&header_faults[i]);
}

static void
every_fault_of_a_body_has_its_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(body_faults); i++)
		check_fault(&body_faults[i]);
}

static const enum mp_kind built[] = {MP_KIND_DDR, MP_KIND_HARDWARE_INVENTORY,
    MP_KIND_SOFTWARE_INVENTORY, MP_KIND_FILE_COLLECTION, MP_KIND_STATUS,
    MP_KIND_STATE, MP_KIND_IDMIF, MP_KIND_METERING, MP_KIND_FALLBACK_STATUS};

static void
every_truncation_is_refused(void **state)
{
	struct mp_error e;
	struct mp_buf xml;

	(void)state;
	for (size_t i = 0; i < COUNT(built); i++) {
		const struct mp_kind_rule *k = mp_kind_rule(built[i]);

		mp_buf_init(&xml, 1 << 20);
		make(built[i], &xml);
		assert_int_equal(
		    mp_parcel_check(k, (char *)xml.data, xml.len, &e), MP_OK);
		for (size_t n = 0; n < xml.len; n++)
			assert_int_equal(
			    mp_parcel_check(k, (char *)xml.data, n, &e),
			    MP_EARG);
		mp_buf_release(&xml);
	}
}

static void
an_unknown_element_is_passed_over(void **state)
{
	static const char *const places[] = {
	    "</Machine>", "</ReportDetails>", "</ReportHeader>", "</Report>"};
	struct mp_error e;
	struct mp_buf xml;

	(void)state;
	for (size_t i = 0; i < COUNT(places); i++) {
		char with[64];

		(void)snprintf(
		    with, sizeof(with), "<Later a='1'/>%s", places[i]);
		mp_buf_init(&xml, 1 << 20);
		make(MP_KIND_STATE, &xml);
		replace(&xml, places[i], with);
		assert_int_equal(mp_parcel_check(mp_kind_rule(MP_KIND_STATE),
				     (char *)xml.data, xml.len, &e),
		    MP_OK);
		mp_buf_release(&xml);
	}
}

static void
what_cannot_be_written_is_not_built(void **state)
{
	struct mp_instance i = instance;
	struct mp_report r = from;
	struct mp_state_message m = state_message;
	struct mp_property p = {"a b", "c"};
	struct mp_error e;
	struct mp_buf xml;

	(void)state;
	mp_buf_init(&xml, 1 << 20);
	i.class = "a><b";
	assert_int_equal(
	    mp_inventory_make(MP_KIND_DDR, &r, &i, 1, &xml, &e), MP_EARG);
	assert_non_null(strstr(e.text, "name of a WMI class"));
	i.class = "A";
	i.properties = &p;
	assert_int_equal(
	    mp_inventory_make(MP_KIND_DDR, &r, &i, 1, &xml, &e), MP_EARG);
	assert_non_null(strstr(e.text, "WMI property"));
	assert_int_equal(
	    mp_inventory_make(MP_KIND_STATE, &r, &i, 1, &xml, &e), MP_EARG);
	assert_int_equal(
	    mp_inventory_make(MP_KIND_DDR, &r, NULL, 0, &xml, &e), MP_EARG);
	assert_non_null(strstr(e.text, "no Instance"));
	r.machine.client_id = NULL;
	assert_int_equal(
	    mp_software_make(&r, "\\\\C\\root\\cimv2", &program, 1, &xml, &e),
	    MP_EARG);
	assert_non_null(strstr(e.text, "ClientID"));
	m.topic = "a\x01";
	assert_int_equal(
	    mp_state_report_make(MP_KIND_STATE, &from, &m, 1, &xml, &e),
	    MP_EARG);
	assert_non_null(strstr(e.text, "character"));
	m.nparams = 6;
	assert_int_equal(
	    mp_state_report_make(MP_KIND_STATE, &from, &m, 1, &xml, &e),
	    MP_EARG);
	r = from;
	r.delta = true;
	assert_int_equal(mp_state_report_make(
			     MP_KIND_STATE, &r, &state_message, 1, &xml, &e),
	    MP_EARG);
	assert_int_equal(xml.len, 0);
	mp_buf_release(&xml);
}

static void
software_distribution_events_have_their_properties(void **state)
{
	struct mp_status_package package = {.event = MP_PACKAGE_DOWNLOAD_FAILED,
	    .client_id = ID,
	    .package = "PRI00001",
	    .version = "2"};
	struct mp_status_program done = {.client_id = ID,
	    .advertisement = "PRI20001",
	    .package = "PRI00001",
	    .program = "install"};
	struct mp_error e;
	struct mp_buf xml;

	(void)state;
	mp_buf_init(&xml, 1 << 16);
	assert_int_equal(mp_status_package_make(&package, &xml, &e), MP_OK);
	assert_string_equal((char *)xml.data,
	    "<Status SchemaVersion=\"1.00\" CodePage=\"437\" "
	    "LocaleID=\"1033\"><Properties>"
	    "<Property Name=\"ClientID\">" ID "</Property>"
	    "<Property Name=\"PackageId\">PRI00001</Property>"
	    "<Property Name=\"PackageName\">PRI00001</Property>"
	    "<Property Name=\"PackageVersion\">2</Property>"
	    "<Property Name=\"Severity\">2</Property></Properties>"
	    "<Qualifiers /><Type>SoftDistDownloadFailedEvent</Type></Status>");
	mp_buf_clear(&xml);
	assert_int_equal(mp_status_program_make(&done, &xml, &e), MP_OK);
	assert_non_null(strstr((char *)xml.data,
	    "<Type>SoftDistProgramCompletedSuccessfullyEvent</Type>"));
	assert_non_null(strstr((char *)xml.data,
	    "<Property Name=\"AdvertisementId\">PRI20001</Property>"));
	mp_buf_clear(&xml);
	done.program = NULL;
	assert_int_equal(mp_status_program_make(&done, &xml, &e), MP_EARG);
	assert_non_null(strstr(e.text, "property ProgramName"));
	done.type = "SoftDistDownloadStartedEvent";
	assert_int_equal(mp_status_program_make(&done, &xml, &e), MP_EARG);
	package.client_id = "me";
	assert_int_equal(mp_status_package_make(&package, &xml, &e), MP_EARG);
	assert_non_null(strstr(e.text, "no SMSID"));
	package.event = (enum mp_package_event)5;
	assert_int_equal(mp_status_package_make(&package, &xml, &e), MP_EARG);
	assert_int_equal(xml.len, 0);
	mp_buf_release(&xml);
}

static int
pack(enum mp_kind kind, const struct mp_attachment *list, size_t n,
    struct mp_parcel *p, struct mp_error *e)
{
	struct mp_buf xml;
	int r;

	mp_buf_init(&xml, 1 << 20);
	mp_buf_str(&xml, "\xEF\xBB\xBF<?xml version='1.0' "
			 "encoding='UTF-8'?>\r\n");
	make(kind, &xml);
	r = mp_parcel_pack(
	    p, mp_kind_rule(kind), (char *)xml.data, xml.len, list, n, e);
	mp_buf_release(&xml);
	return r;
}

static void
a_declaration_is_dropped_or_is_the_kinds_own(void **state)
{
	struct mp_parcel p;
	struct mp_error e;

	(void)state;
	for (size_t i = 0; i < COUNT(built); i++) {
		const struct mp_kind_rule *k = mp_kind_rule(built[i]);
		struct mp_attachment list[] = {
		    {.name = "1", .path = "a"}, {.name = "7", .path = "b"}};
		size_t n = k->payload == MP_PAYLOAD_FILES ? 2 : 0;
		char begin[64];

		assert_int_equal(pack(built[i], list, n, &p, &e), MP_OK);
		(void)snprintf(
		    begin, sizeof(begin), "%s<%s", mp_kind_prolog(k), k->root);
		assert_memory_equal(p.body.data, begin, strlen(begin));
		assert_int_equal(p.nattachments,
		    k->payload == MP_PAYLOAD_ATTACHMENT ? 1 : n);
		/* What was checked here is not read once more when sealed. */
		assert_int_equal(p.nattachments > 0 && p.attachments[0].checked,
		    k->payload == MP_PAYLOAD_ATTACHMENT);
		mp_parcel_release(&p);
	}
	mp_parcel_release(NULL);
}

static void
collected_files_are_attached_under_their_ids(void **state)
{
	static const struct {
		struct mp_attachment list[3];
		size_t n;
		const char *words;
	} all[] = {{{{.name = "1", .path = "a"}}, 1, "1 are attached"},
	    {{{.name = "1", .path = "a"}, {.name = "x", .path = "b"}}, 2,
		"\"x\" is not in the report"},
	    {{{.name = "1", .path = "a"}, {.name = "3", .path = "b"}}, 2,
		"\"3\" is not in the report"},
	    {{{.name = "", .path = "a"}}, 1, "no name"},
	    {{{.name = "1"}}, 1, "neither file nor data"},
	    {{{.name = "1", .path = "a"}, {.name = "7", .path = "b"},
		 {.name = "1", .path = "c"}},
		3, NULL}};
	struct mp_parcel p;
	struct mp_error e;

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		int r = pack(MP_KIND_IDMIF, all[i].list, all[i].n, &p, &e);

		if (r != (all[i].words == NULL ? MP_OK : MP_EARG) ||
		    (r != MP_OK && strstr(e.text, all[i].words) == NULL))
			fail_msg("%zu: %d %s", i, r, e.text);
		if (r == MP_OK) { /* of two with one name the later counts */
			assert_int_equal(p.nattachments, 2);
			assert_string_equal(p.attachments[0].path, "c");
		}
		mp_parcel_release(&p);
	}
}

static void
an_attachment_does_not_replace_the_report(void **state)
{
	const struct mp_attachment a = {
	    .name = "{00000000-0000-0000-0000-000000000001}", .path = "a"};
	const struct mp_attachment b = {.name = "b", .path = "b"};
	struct mp_parcel p;
	struct mp_error e;

	(void)state;
	assert_int_equal(
	    pack(MP_KIND_HARDWARE_INVENTORY, &a, 1, &p, &e), MP_EARG);
	assert_non_null(strstr(e.text, "give it another"));
	mp_parcel_release(&p);
	assert_int_equal(
	    pack(MP_KIND_HARDWARE_INVENTORY, &b, 1, &p, &e), MP_OK);
	assert_int_equal(p.nattachments, 2);
	mp_parcel_release(&p);
	assert_int_equal(mp_parcel_pack(&p, mp_kind_rule(MP_KIND_DDR), "", 0,
			     &b, MP_PARCEL_FILES_MAX + 1, &e),
	    MP_ELIMIT);
	mp_parcel_release(&p);
}

static void
a_header_is_cut_out_whatever_stands_around(void **state)
{
	static const struct {
		const char *text, *header;
	} all[] = {{"<Report><ReportBody><a/></ReportBody></Report>",
		       "<Report><ReportBody /></Report>"},
	    {"<?xml version='1.0'?> <r:Report xmlns:r='u'><x y='<ReportBody"
	     ">'/></r:Report>",
		NULL},
	    {"<r:Report xmlns:r='u'><x y='>/'/><!-- <ReportBody> --><?p "
	     "<ReportBody>?><![CDATA[<ReportBody>]]><y><ReportBody/></y>"
	     "<r:reportbody z='1'>",
		"<r:Report xmlns:r='u'><x y='>/'/><!-- <ReportBody> --><?p "
		"<ReportBody>?><![CDATA[<ReportBody>]]><y><ReportBody/></y>"
		"<r:reportbody /></r:Report>"},
	    {"<Report><ReportBody/></Report>",
		"<Report><ReportBody /></Report>"},
	    {"", NULL}, {"<Report>", NULL}, {"<Report/><ReportBody/>", NULL},
	    {"<Report></Report><ReportBody/>", NULL},
	    {"<Report><ReportBody", NULL}, {"<Report><a><ReportBody>", NULL},
	    {"<!DOCTYPE a [<!ENTITY x 'y'>]><Report><ReportBody>", NULL},
	    {"<Report><a></b><ReportBody>", NULL}, {"<Report><!-- ", NULL},
	    {"<Report><a b='><ReportBody>", NULL}, {"< ><ReportBody>", NULL},
	    {"<Report>&x;<ReportBody>", NULL}, {"</a><ReportBody>", NULL}};
	struct mp_error e;
	struct mp_buf out;

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		int r;

		mp_buf_init(&out, 1 << 12);
		r = mp_report_header_of(
		    all[i].text, strlen(all[i].text), &out, &e);
		if (r != (all[i].header == NULL ? MP_EARG : MP_OK))
			fail_msg("%s: %d", all[i].text, r);
		if (r == MP_OK)
			assert_string_equal((char *)out.data, all[i].header);
		else
			assert_int_equal(out.len, 0);
		mp_buf_release(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_fault_of_a_header_has_its_sentence),
	    cmocka_unit_test(every_fault_of_a_body_has_its_sentence),
	    cmocka_unit_test(what_cannot_be_written_is_not_built),
	    cmocka_unit_test(every_truncation_is_refused),
	    cmocka_unit_test(an_unknown_element_is_passed_over),
	    cmocka_unit_test(
		software_distribution_events_have_their_properties),
	    cmocka_unit_test(a_declaration_is_dropped_or_is_the_kinds_own),
	    cmocka_unit_test(collected_files_are_attached_under_their_ids),
	    cmocka_unit_test(an_attachment_does_not_replace_the_report),
	    cmocka_unit_test(a_header_is_cut_out_whatever_stands_around),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
