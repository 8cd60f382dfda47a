/* Questions of place as recorded or documented, and their answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mp/kinds/locate.h"
#include "mp/kinds/parcel.h"
#include "tests/unit/mp/vector.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define SOURCE "{0D5A4B1C-1111-2222-3333-444455556666}"

static const struct mp_locate_item package[] = {{"PRI00001", "1"}};
static const struct mp_locate_item source[] = {{SOURCE, "38"}};
static const struct mp_locate_address here[] = {
    {"192.168.2.62", "192.168.2.0"}, {"2001:db8::5", "2001:db8::"}};

static void
a_location_request_is_made_as_recorded(void **state)
{
	static const struct {
		const char *name;
		enum mp_kind kind;
	} all[] = {
	    {"sdk/50-loc-assignedsite/001-request", MP_KIND_ASSIGNED_SITE},
	    {"sdk/51-loc-siteinfo/001-request", MP_KIND_SITE_INFORMATION},
	    {"sdk/52-loc-content/001-request", MP_KIND_CONTENT_LOCATION}};
	const struct mp_locate l = {
	    .site = "PRI", .items = package, .nitems = 1};
	struct mp_parcel p;
	struct mp_buf xml;
	struct mp_error e;
	struct vector v;

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		vector_load(&v, all[i].name);
		mp_buf_init(&xml, 1 << 16);
		if (mp_locate_request(all[i].kind, &l, &xml, &e) != MP_OK)
			fail_msg("%s", e.text);
		assert_string_equal((char *)xml.data, (char *)v.xml.data);
		assert_int_equal(
		    mp_parcel_pack(&p, mp_kind_rule(all[i].kind),
			(char *)v.xml.data, v.xml.len, NULL, 0, &e),
		    MP_OK);
		assert_string_equal((char *)p.body.data, (char *)v.xml.data);
		mp_parcel_release(&p);
		mp_buf_release(&xml);
		vector_release(&v);
	}
}

static void
a_location_request_is_made_as_documented(void **state)
{
	static const struct {
		enum mp_kind kind;
		struct mp_locate l;
		const char *xml;
	} all[] = {
	    {MP_KIND_CONTENT_LOCATION,
		{.site = "PRI",
		    .items = package,
		    .nitems = 1,
		    .form = MP_LOCATE_2007},
		"<ContentLocationRequest SchemaVersion=\"1.0\"><Package "
		"ID=\"PRI00001\" Version=\"1\" /><AssignedSite SiteCode=\"PRI\""
		" /><ClientLocationInfo><ADSite Name=\"\" /><IPAddresses />"
		"</ClientLocationInfo></ContentLocationRequest>"},
	    {MP_KIND_WSUS_LOCATION,
		{.site = "PS1",
		    .items = source,
		    .nitems = 1,
		    .addresses = here,
		    .naddresses = 1,
		    .ad_site = "A&B"},
		"<WSUSLocationRequest SchemaVersion=\"1.00\"><Content "
		"ID=\"" SOURCE
		"\" Version=\"38\" /><AssignedSite SiteCode=\"PS1\" />"
		"<ClientLocationInfo><ADSite Name=\"A&amp;B\" /><IPAddresses>"
		"<IPAddress SubnetAddress=\"192.168.2.0\" "
		"Address=\"192.168.2.62\" /></IPAddresses>"
		"</ClientLocationInfo></WSUSLocationRequest>"},
	    {MP_KIND_LOCAL_MP_LOCATION,
		{.site = "PRI", .addresses = &here[1], .naddresses = 1},
		"<LocalMPLocationRequest SchemaVersion=\"1.0\"><AssignedSite "
		"SiteCode=\"PRI\" /><ClientLocationInfo><ADSite />"
		"<IPAddresses><IPAddress SubnetAddress=\"2001:db8::\" "
		"Address=\"2001:db8::5\" /></IPAddresses></ClientLocationInfo>"
		"</LocalMPLocationRequest>"}};
	struct mp_buf xml;
	struct mp_error e;

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		mp_buf_init(&xml, 1 << 16);
		if (mp_locate_request(all[i].kind, &all[i].l, &xml, &e) !=
		    MP_OK)
			fail_msg("%s", e.text);
		assert_string_equal((char *)xml.data, all[i].xml);
		mp_buf_release(&xml);
	}
}

static void
a_location_request_that_makes_no_sense_is_not_made(void **state)
{
	static const struct mp_locate_item bad_version[] = {{"PRI00001", "x"}};
	static const struct mp_locate_address bad_address[] = {{"here", ""}};
	static const struct {
		enum mp_kind kind;
		struct mp_locate l;
		const char *words;
	} bad[] = {{MP_KIND_DDR, {.site = "PRI"}, "asks for no location"},
	    {(enum mp_kind)99, {.site = "PRI"}, "asks for no location"},
	    {MP_KIND_CONTENT_LOCATION, {.site = "PRI"}, "names no Package"},
	    {MP_KIND_CONTENT_LOCATION,
		{.site = "PR", .items = package, .nitems = 1},
		"site code \"PR\""},
	    {MP_KIND_CONTENT_LOCATION,
		{.site = "PRI", .items = bad_version, .nitems = 1},
		"Version \"x\""},
	    {MP_KIND_WSUS_LOCATION,
		{.site = "PRI", .items = package, .nitems = 1}, "no GUID"},
	    {MP_KIND_LOCAL_MP_LOCATION,
		{.site = "PRI", .addresses = bad_address, .naddresses = 1},
		"IPAddress \"here\""},
	    {MP_KIND_LOCAL_MP_LOCATION, {.ad_site = "a\x02", .site = "PRI"},
		"character"},
	    {MP_KIND_SITE_INFORMATION, {.site = NULL}, "site code"},
	    {MP_KIND_SITE_INFORMATION, {.site = "P-1"}, "site code"}};
	struct mp_buf xml;
	struct mp_error e;

	(void)state;
	mp_buf_init(&xml, 1 << 16);
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(
		    mp_locate_request(bad[i].kind, &bad[i].l, &xml, &e),
		    MP_EARG);
		if (strstr(e.text, bad[i].words) == NULL)
			fail_msg("%zu: %s", i, e.text);
		assert_int_equal(xml.len, 0);
	}
	mp_buf_release(&xml);
}

static int
parse(const char *text, enum mp_kind kind, struct mp_located *out,
    struct mp_error *e)
{
	struct mp_buf b;
	int r;

	mp_buf_init(&b, 1 << 20);
	mp_buf_str(&b, text);
	r = mp_located_parse(&b, kind, out, e);
	mp_buf_release(&b);
	return r;
}

static const char content[] =
    "<ContentLocationReply SchemaVersion='1.00'><Later/><Sites><Site>"
    "<MPSite SiteCode='PRI' MasterSiteCode='TOP' SiteLocality='Remote' "
    "IISPreferedPort='80'/><LocationRecords><LocationRecord>"
    "<SMBPath>\\\\h\\s</SMBPath><URL Name='http://a/'/><URL Name='https://b/' "
    "Signature='x'/><ADSite Name='S'/><IPSubnets><IPSubnet Address='10.0.0.0'/>"
    "<IPSubnet Address=''/></IPSubnets><Metric Value='3'/><Version>9128"
    "</Version><ServerRemoteName>dp1</ServerRemoteName><Locality>LOCAL"
    "</Locality><New a='1'/></LocationRecord><LocationRecord/>"
    "</LocationRecords></Site></Sites></ContentLocationReply>";

static void
a_content_reply_is_read_and_kept(void **state)
{
	const struct mp_place *p;
	struct mp_located l;
	struct mp_error e;

	(void)state;
	assert_int_equal(
	    parse(content, MP_KIND_CONTENT_LOCATION, &l, &e), MP_OK);
	assert_string_equal(l.xml, content);
	assert_int_equal(l.nsites, 1);
	assert_string_equal(l.sites[0].site, "PRI");
	assert_string_equal(l.sites[0].master, "TOP");
	assert_string_equal(l.sites[0].locality, "Remote");
	assert_int_equal(l.sites[0].nplaces, 2);
	p = &l.sites[0].places[0];
	assert_int_equal(p->nurls, 2);
	assert_string_equal(p->urls[1], "https://b/");
	assert_string_equal(p->smb, "\\\\h\\s");
	assert_string_equal(p->ad_site, "S");
	assert_int_equal(p->nsubnets, 2);
	assert_string_equal(p->subnets[0], "10.0.0.0");
	assert_string_equal(p->metric, "3");
	assert_string_equal(p->version, "9128");
	assert_string_equal(p->server, "dp1");
	assert_string_equal(p->locality, "LOCAL");
	assert_int_equal(l.sites[0].places[1].nurls, 0);
	assert_string_equal(l.sites[0].places[1].smb, "");
	mp_located_release(&l);
	mp_located_release(NULL);
}

static void
the_other_replies_are_read(void **state)
{
	struct mp_located l;
	struct mp_error e;

	(void)state;
	assert_int_equal(parse("<WSUSLocationReply><Sites><Site><MPSite "
			       "SiteCode='PS1'/><LocationRecords>"
			       "<LocationRecord WSUSURL='http://w:8530' "
			       "ServerName='W' Version='38'/>"
			       "</LocationRecords></Site></Sites>"
			       "</WSUSLocationReply>",
			     MP_KIND_WSUS_LOCATION, &l, &e),
	    MP_OK);
	assert_string_equal(l.sites[0].places[0].urls[0], "http://w:8530");
	assert_string_equal(l.sites[0].places[0].server, "W");
	assert_string_equal(l.sites[0].places[0].version, "38");
	mp_located_release(&l);
	assert_int_equal(parse("<LocalMPLocationReply><Sites><Site "
			       "SiteCode='A01' MasterSiteCode='B01' "
			       "Locality='Local'/><Site SiteCode='C01'/>"
			       "</Sites></LocalMPLocationReply>",
			     MP_KIND_LOCAL_MP_LOCATION, &l, &e),
	    MP_OK);
	assert_int_equal(l.nsites, 2);
	assert_string_equal(l.sites[0].site, "A01");
	assert_string_equal(l.sites[0].master, "B01");
	assert_string_equal(l.sites[0].locality, "Local");
	assert_string_equal(l.sites[1].locality, "");
	mp_located_release(&l);
	assert_int_equal(parse("<AssignedSiteReply><X/><Site SiteCode='PRI'/>"
			       "</AssignedSiteReply>",
			     MP_KIND_ASSIGNED_SITE, &l, &e),
	    MP_OK);
	assert_int_equal(l.nsites, 1);
	assert_string_equal(l.sites[0].site, "PRI");
	mp_located_release(&l);
	assert_int_equal(parse("<SiteInformationReply><New/>"
			       "</SiteInformationReply>",
			     MP_KIND_SITE_INFORMATION, &l, &e),
	    MP_OK);
	assert_int_equal(l.nsites, 0);
	assert_non_null(strstr(l.xml, "<New/>"));
	mp_located_release(&l);
}

static void
a_reply_that_makes_no_sense_is_refused(void **state)
{
	struct mp_located l;
	struct mp_error e;
	char text[sizeof(content)];

	(void)state;
	assert_int_equal(
	    parse("<Other/>", MP_KIND_CONTENT_LOCATION, &l, &e), MP_EREPLY);
	assert_non_null(strstr(e.text, "<Other>, not <ContentLocationReply>"));
	assert_int_equal(parse("<Other/>", MP_KIND_DDR, &l, &e), MP_EREPLY);
	assert_int_equal(
	    parse("<LocalMPLocationReply><Sites><Site SiteCode='a&#10;b'/>"
		  "</Sites></LocalMPLocationReply>",
		MP_KIND_LOCAL_MP_LOCATION, &l, &e),
	    MP_EREPLY);
	assert_non_null(strstr(e.text, "SiteCode holds a control character"));
	for (size_t n = 0; n < sizeof(content) - 1; n++) {
		memcpy(text, content, n);
		text[n] = '\0';
		assert_int_equal(
		    parse(text, MP_KIND_CONTENT_LOCATION, &l, &e), MP_EREPLY);
		assert_null(l.sites);
		assert_null(l.xml);
	}
}

static void
more_places_than_the_limit_are_refused(void **state)
{
	struct mp_located l;
	struct mp_error e;
	struct mp_buf b;

	(void)state;
	mp_buf_init(&b, 1 << 22);
	mp_buf_str(&b, "<LocalMPLocationReply><Sites>");
	for (int i = 0; i <= MP_LOCATED_MAX; i++)
		mp_buf_str(&b, "<Site/>");
	mp_buf_str(&b, "</Sites></LocalMPLocationReply>");
	assert_int_equal(
	    mp_located_parse(&b, MP_KIND_LOCAL_MP_LOCATION, &l, &e), MP_ELIMIT);
	mp_buf_clear(&b);
	mp_buf_str(&b, "<ContentLocationReply><Sites>");
	for (int s = 0; s < 2; s++) {
		mp_buf_str(&b, "<Site><LocationRecords>");
		for (int i = 0; i <= MP_LOCATED_MAX / 2; i++)
			mp_buf_str(&b, "<LocationRecord/>");
		mp_buf_str(&b, "</LocationRecords></Site>");
	}
	mp_buf_str(&b, "</Sites></ContentLocationReply>");
	assert_int_equal(
	    mp_located_parse(&b, MP_KIND_CONTENT_LOCATION, &l, &e), MP_ELIMIT);
	assert_non_null(strstr(e.text, "more than 100000 places"));
	mp_buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		a_location_request_that_makes_no_sense_is_not_made),
	    cmocka_unit_test(a_location_request_is_made_as_recorded),
	    cmocka_unit_test(a_location_request_is_made_as_documented),
	    cmocka_unit_test(a_reply_that_makes_no_sense_is_refused),
	    cmocka_unit_test(a_content_reply_is_read_and_kept),
	    cmocka_unit_test(the_other_replies_are_read),
	    cmocka_unit_test(more_places_than_the_limit_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
