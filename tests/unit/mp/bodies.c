/*
 * Bodies of which no recording exists, written out: the pages' elements in
 * the pages' order. And location requests that only a stranger would write.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mp/kinds/files.h"
#include "mp/kinds/metering.h"
#include "mp/kinds/parcel.h"
#include "mp/kinds/software.h"
#include "mp/kinds/state.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define ID "GUID:0D5A4B1C-1111-2222-3333-444455556666"
#define GUID "{0D5A4B1C-1111-2222-3333-444455556666}"
#define DATE "20261122140859.455000+000"

static const struct mp_report from = {.machine = {.client_id = ID,
					  .netbios = "N",
					  .version = "9.9",
					  .code_page = 1252,
					  .locale = 1031,
					  .priority = 7,
					  .not_installed = true,
					  .type = MP_MACHINE_DEVICE},
    .delta = true,
    .date = DATE,
    .version = "2.0",
    .format = "1.0"};

static void
what_has_no_report_gets_no_header(void **state)
{
	struct mp_report odd = from;
	struct mp_error e;
	struct mp_writer w;
	struct mp_buf xml;

	(void)state;
	mp_buf_init(&xml, 1 << 16);
	mp_writer_init(&w, &xml);
	assert_int_equal(
	    mp_report_begin(&w, MP_KIND_STATUS, &odd, &e), MP_EARG);
	assert_int_equal(
	    mp_report_check_header(NULL, (enum mp_kind)99, &e), MP_EARG);
	odd.machine.type = (enum mp_machine_type)3;
	assert_int_equal(mp_report_begin(&w, MP_KIND_DDR, &odd, &e), MP_EARG);
	assert_int_equal(xml.len, 0);
	mp_buf_release(&xml);
}

/* The body of the report must be that text, and the header must have it. */
static void
compare(int r, const struct mp_error *e, struct mp_buf *xml, const char *header,
    const char *body)
{
	char *at;

	if (r != MP_OK)
		fail_msg("%s", e->text);
	if (strstr((char *)xml->data, header) == NULL)
		fail_msg("%s is not in %s", header, (char *)xml->data);
	at = strstr((char *)xml->data, "<ReportBody>");
	assert_non_null(at);
	assert_string_equal(at, body);
	mp_buf_release(xml);
}

static void
a_header_says_all_that_it_is_given(void **state)
{
	struct mp_error e = {0};
	struct mp_buf xml;
	int r;

	(void)state;
	mp_buf_init(&xml, 1 << 16);
	r = mp_software_make(&from, "\\\\N\\root\\cimv2",
	    &(struct mp_software_file){"Co", "De", "1.0", DATE, "a.exe",
		"C:\\bin", "English", "Pr", "2.0", 77, MP_CHANGE_UPDATED},
	    1, &xml, &e);
	compare(r, &e, &xml,
	    "<Report><ReportHeader><Identification><Machine>"
	    "<ClientInstalled>0</ClientInstalled><ClientType>3</ClientType>"
	    "<ClientID>" ID "</ClientID><ClientVersion>9.9</ClientVersion>"
	    "<NetBIOSName>N</NetBIOSName><CodePage>1252</CodePage>"
	    "<SystemDefaultLCID>1031</SystemDefaultLCID><Priority>7</Priority>"
	    "</Machine></Identification><ReportDetails><ReportContent>"
	    "Inventory Data</ReportContent><ReportType>Delta</ReportType>"
	    "<Date>" DATE "</Date><Version>2.0</Version><Format>1.0</Format>"
	    "</ReportDetails><InventoryAction ActionType=\"Predefined\">"
	    "<InventoryActionID>{00000000-0000-0000-0000-000000000002}"
	    "</InventoryActionID><Description>Software</Description>"
	    "<InventoryActionLastUpdateTime>" DATE
	    "</InventoryActionLastUpdateTime></InventoryAction>"
	    "</ReportHeader>",
	    "<ReportBody><Instance Content=\"Updated\" "
	    "Namespace=\"\\\\N\\root\\cimv2\" Class=\"FileSystemFile\" "
	    "ParentClass=\"FileSystemFile\"><FileSystemFile>"
	    "<CompanyName>Co</CompanyName>"
	    "<FileDescription>De</FileDescription>"
	    "<FileVersion>1.0</FileVersion>"
	    "<LastWriteDate>" DATE "</LastWriteDate><Name>a.exe</Name>"
	    "<Path>C:\\bin</Path><ProductLanguage>English</ProductLanguage>"
	    "<ProductName>Pr</ProductName>"
	    "<ProductVersion>2.0</ProductVersion><Size>77</Size>"
	    "</FileSystemFile></Instance></ReportBody></Report>");
}

static void
collected_files_are_listed_and_counted(void **state)
{
	static const struct mp_collected_file list[] = {
	    {.last_write = DATE, .name = "a", .path = "/p", .size = 1},
	    {"9", DATE, "b", NULL, 2, MP_CHANGE_DELETED}};
	static const char body[] =
	    "<ReportBody><CollectedFile Content=\"new\" ID=\"1\">"
	    "<LastWriteDate>" DATE "</LastWriteDate><Name>a</Name>"
	    "<Path>/p</Path><Size>1</Size></CollectedFile>"
	    "<CollectedFile Content=\"deleted\" ID=\"9\">"
	    "<LastWriteDate>" DATE "</LastWriteDate><Name>b</Name><Path />"
	    "<Size>2</Size></CollectedFile>"
	    "<CollectedFileSum>2</CollectedFileSum></ReportBody></Report>";
	struct mp_error e = {0};
	struct mp_buf xml;
	int r;

	(void)state;
	mp_buf_init(&xml, 1 << 16);
	r = mp_files_make(
	    MP_KIND_FILE_COLLECTION, &from, list, COUNT(list), &xml, &e);
	compare(r, &e, &xml, "<ReportContent>FILECOLL</ReportContent>", body);
	mp_buf_init(&xml, 1 << 16);
	r = mp_files_make(MP_KIND_IDMIF, &from, list, COUNT(list), &xml, &e);
	compare(r, &e, &xml,
	    "<FileCollectionAction><FileCollectionActionID>"
	    "{00000000-0000-0000-0000-000000000011}</FileCollectionActionID>"
	    "<Description>File Collection</Description>"
	    "</FileCollectionAction></ReportHeader>",
	    body);
	mp_buf_init(&xml, 1 << 16);
	assert_int_equal(
	    mp_files_make(MP_KIND_IDMIF, &from,
		&(struct mp_collected_file){.change = (enum mp_change)3}, 1,
		&xml, &e),
	    MP_EARG);
	assert_int_equal(xml.len, 0);
	assert_int_equal(
	    mp_files_make(MP_KIND_DDR, &from, list, 2, &xml, &e), MP_EARG);
	assert_int_equal(xml.len, 0);
	mp_buf_release(&xml);
}

static void
metered_runs_stand_in_their_file_and_product(void **state)
{
	static const struct mp_meter_run runs[] = {
	    {GUID, "D\\u", DATE, DATE, MP_METER_NO_END},
	    {NULL, "D\\v", DATE, DATE, 0}};
	static const struct mp_meter_file file = {
	    "Co", "Pr", "2", "English", "De", "1", "a.exe", 5, runs, 1};
	struct mp_meter_file two = file;
	struct mp_error e = {0};
	struct mp_buf xml;
	int r;

	(void)state;
	mp_buf_init(&xml, 1 << 16);
	r = mp_metering_make(&from, &file, 1, &xml, &e);
	compare(r, &e, &xml,
	    "<ReportContent>Software Metering Data</ReportContent>",
	    "<ReportBody><ProductInfo CompanyName=\"Co\" ProductName=\"Pr\" "
	    "ProductVersion=\"2\" ProductLanguage=\"English\">"
	    "<SoftwareFileInfo FileDescription=\"De\" FileVersion=\"1\" "
	    "FileName=\"a.exe\" FileSize=\"5\"><HistoricalMeterData "
	    "MeterDataID=\"" GUID "\" UserName=\"D\\u\" StartTime=\"" DATE
	    "\" EndTime=\"" DATE "\" Status=\"4\" /></SoftwareFileInfo>"
	    "</ProductInfo></ReportBody></Report>");
	/* A run without an id gets one. */
	mp_buf_init(&xml, 1 << 16);
	two.nruns = 2;
	assert_int_equal(mp_metering_make(&from, &two, 1, &xml, &e), MP_OK);
	mp_buf_release(&xml);
}

static void
a_state_with_everything_is_written_out(void **state)
{
	const struct mp_state_message m = {.time = DATE,
	    .serial = 232,
	    .topic = "t",
	    .topic_type = MP_TOPIC_TIMING,
	    .id_type = 3,
	    .user = "D\\u",
	    .user_sid = "S-1-5-18",
	    .state = 2,
	    .criticality = 1,
	    .details = "<d>]]>",
	    .details_type = "x",
	    .param_flags = 4,
	    .params = {"200", NULL, "3"},
	    .nparams = 3};
	struct mp_report full = from;
	struct mp_error e = {0};
	struct mp_buf xml;
	int r;

	(void)state;
	full.delta = false;
	full.machine.priority = 0;
	mp_buf_init(&xml, 1 << 16);
	r = mp_state_report_make(MP_KIND_STATE, &full, &m, 1, &xml, &e);
	compare(r, &e, &xml,
	    "<Priority>5</Priority></Machine></Identification><ReportDetails>"
	    "<ReportContent>State Message Data</ReportContent>"
	    "<ReportType>Full</ReportType>",
	    "<ReportBody><StateMessage MessageTime=\"" DATE
	    "\" SerialNumber=\"232\"><State Criticality=\"1\" ID=\"2\" />"
	    "<StateDetails Type=\"x\">&lt;d&gt;]]&gt;</StateDetails>"
	    "<Topic ID=\"t\" IDType=\"3\" Type=\"500\" User=\"D\\u\" "
	    "UserSID=\"S-1-5-18\" /><UserParameters Count=\"3\" Flags=\"4\">"
	    "<Param>200</Param><Param /><Param>3</Param></UserParameters>"
	    "</StateMessage></ReportBody></Report>");
}

static void
a_strangers_location_request_is_checked(void **state)
{
	static const struct {
		enum mp_kind kind;
		const char *xml;
		const char *words; /* NULL: good */
	} all[] = {
	    {MP_KIND_ASSIGNED_SITE, "<AssignedSiteRequest/>", "SchemaVersion"},
	    {MP_KIND_ASSIGNED_SITE,
		"<AssignedSiteRequest SchemaVersion='1.0'><New/>"
		"</AssignedSiteRequest>",
		NULL},
	    {MP_KIND_SITE_INFORMATION,
		"<SiteInformationRequest SchemaVersion='1.00'/>",
		"site code \"\""},
	    {MP_KIND_LOCAL_MP_LOCATION,
		"<LocalMPLocationRequest SchemaVersion='1.0'>"
		"<ClientLocationInfo/></LocalMPLocationRequest>",
		"site code \"\""},
	    {MP_KIND_LOCAL_MP_LOCATION,
		"<LocalMPLocationRequest SchemaVersion='1.0'>"
		"<AssignedSite SiteCode='PRI'/></LocalMPLocationRequest>",
		"no ClientLocationInfo"},
	    {MP_KIND_LOCAL_MP_LOCATION,
		"<LocalMPLocationRequest SchemaVersion='1.0'>"
		"<AssignedSite SiteCode='PRI'/><ClientLocationInfo>"
		"<IPAddresses><IPAddress/></IPAddresses>"
		"</ClientLocationInfo></LocalMPLocationRequest>",
		"IPAddress \"\""},
	    {MP_KIND_CONTENT_LOCATION,
		"<ContentLocationRequest SchemaVersion='1.0'><Package "
		"Version='1'/></ContentLocationRequest>",
		"ID \"\""},
	    {MP_KIND_CONTENT_LOCATION,
		"<ContentLocationRequest SchemaVersion='1.0'><Package "
		"ID='P'/></ContentLocationRequest>",
		"Version \"\""},
	    {MP_KIND_WSUS_LOCATION,
		"<ContentLocationRequest SchemaVersion='1.0'/>",
		"SMS_ERR_INVALID_SCHEMA"}};
	struct mp_error e;

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		int r = mp_parcel_check(mp_kind_rule(all[i].kind), all[i].xml,
		    strlen(all[i].xml), &e);

		if (r != (all[i].words == NULL ? MP_OK : MP_EARG) ||
		    (r != MP_OK && strstr(e.text, all[i].words) == NULL))
			fail_msg("%s: %d %s", all[i].xml, r, e.text);
	}
}

static void
dates_are_those_of_the_calendar(void **state)
{
	static const struct {
		int64_t when;
		const char *text;
	} all[] = {{0, "19700101000000.000000+000"},
	    {1795356539455000, "20261122140859.455000+000"},
	    {-1, "19691231235959.999999+000"},
	    {951827696000001, "20000229123456.000001+000"}};
	char text[MP_WBEM_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		assert_int_equal(mp_value_wbem_text(all[i].when, text), 0);
		assert_string_equal(text, all[i].text);
		assert_true(mp_value_wbem(text));
	}
	assert_int_equal(mp_value_wbem_text(INT64_MAX, text), -1);
	assert_string_equal(text, "");
	assert_false(mp_value_wbem("19000229000000.000000+000"));
	assert_true(mp_value_wbem("20000229235959.999999-720"));
	assert_false(mp_value_wbem("20000229235960.999999-720"));
	assert_false(mp_value_wbem("20000229236059.999999-720"));
	assert_false(mp_value_wbem("20000200000000.000000+000"));
	assert_false(mp_value_wbem("20000229235959.999999-72"));
	assert_false(mp_value_wbem(NULL));
	assert_int_equal(mp_value_wbem_now(text), 0);
	assert_true(mp_value_wbem(text));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_strangers_location_request_is_checked),
	    cmocka_unit_test(what_has_no_report_gets_no_header),
	    cmocka_unit_test(a_header_says_all_that_it_is_given),
	    cmocka_unit_test(collected_files_are_listed_and_counted),
	    cmocka_unit_test(metered_runs_stand_in_their_file_and_product),
	    cmocka_unit_test(a_state_with_everything_is_written_out),
	    cmocka_unit_test(dates_are_those_of_the_calendar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
