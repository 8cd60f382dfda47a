/* Registration, assignments and documents: what the answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mp/kinds/assignments.h"
#include "mp/kinds/document.h"
#include "mp/kinds/registration.h"
#include "tests/unit/mp/vector.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define ID "GUID:0D5A4B1C-1111-2222-3333-444455556666"
#define RESPONSE "<ClientRegistrationResponse ResponseType='Registration' "

static struct mp_buf
buf(const char *text)
{
	struct mp_buf b;

	mp_buf_init(&b, 1 << 26);
	mp_buf_str(&b, text);
	return b;
}

static int
respond(const char *text, struct mp_state_client *out, struct mp_error *e)
{
	struct mp_buf b = buf(text);
	int r = mp_registration_response(&b, out, e);

	mp_buf_release(&b);
	return r;
}

static void
a_registration_response_out_of_range_is_refused(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *words;
	} bad[] = {{"<Other/>", MP_EREPLY, "<Other>"}, {"", MP_EREPLY, "empty"},
	    {RESPONSE "SMSID='" ID "'/>", MP_EREPLY, "Status"},
	    {RESPONSE "Status='5' SMSID='" ID "'/>", MP_EREPLY, "Status \"5\""},
	    {RESPONSE "Status='-1' SMSID='" ID "'/>", MP_EREPLY, "Status"},
	    {RESPONSE "Status='0' ApprovalStatus='3' SMSID='" ID "'/>",
		MP_EREPLY, "ApprovalStatus"},
	    {RESPONSE "Status='0' SMSID='" ID "7'/>", MP_EREPLY, "no GUID"},
	    {RESPONSE "Status='0' SMSID='../../x'/>", MP_EREPLY, "no GUID"},
	    {RESPONSE "Status='1' ApprovalStatus='-1'/>", MP_EREFUSED,
		"no SMSID"}};
	struct mp_state_client c;
	struct mp_error e;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(respond(bad[i].text, &c, &e), bad[i].code);
		if (strstr(e.text, bad[i].words) == NULL)
			fail_msg("%s: %s", bad[i].text, e.text);
		assert_int_equal(c.status, MP_REG_NONE);
		assert_string_equal(c.smsid, "");
	}
}

static void
a_registration_response_is_understood(void **state)
{
	static const struct {
		const char *text;
		enum mp_registration_status status;
		int approval;
		const char *smsid;
	} good[] = {{RESPONSE "Status='1' SMSID='" ID "' ApprovalStatus='-1'/>",
			MP_REG_PENDING, -1, ID},
	    {RESPONSE "Status='0' SMSID='" ID "' ApprovalStatus='1' "
		      "PreAuthToken='x'/>",
		MP_REGISTERED, 1, ID},
	    {RESPONSE "Status='0' SMSID='" ID "'/>", MP_REGISTERED, -1, ID},
	    {RESPONSE "Status='2'/>", MP_REG_RESET, -1, ""},
	    {RESPONSE "Status='3' SMSID=''/>", MP_REG_REJECTED, -1, ""},
	    {RESPONSE "Status='4'/>", MP_REG_CERT_RESET, -1, ""},
	    {"<ClientRegistrationResponse ResponseType='Confirmation' "
	     "Status='0' ApprovalStatus='2'/>",
		MP_REGISTERED, 2, ""}};
	struct mp_state_client c;
	struct mp_error e;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		if (respond(good[i].text, &c, &e) != MP_OK)
			fail_msg("%s: %s", good[i].text, e.text);
		assert_int_equal(c.status, good[i].status);
		assert_int_equal(c.approval, good[i].approval);
		assert_string_equal(c.smsid, good[i].smsid);
		assert_true(c.since > 1700000000);
	}
}

static void
a_registration_that_makes_no_sense_is_not_made(void **state)
{
	static const struct mp_registration bad[] = {{.netbios = "N"},
	    {.fqdn = "f"}, {.netbios = "", .fqdn = "f"},
	    {.netbios = "N", .fqdn = "f", .agent_type = 2},
	    {.netbios = "N", .fqdn = "f", .agent_type = 8},
	    {.netbios = "N", .fqdn = "f", .proxy = ID},
	    {.netbios = "N", .fqdn = "f", .internet = 3},
	    {.netbios = "N", .fqdn = "f", .smsid = "x"},
	    {.netbios = "N\x01", .fqdn = "f"}};
	char hex[] = "00";
	struct mp_identity me = {.cert_hex = hex, .public_hex = hex};
	struct mp_buf xml = buf("");
	struct mp_error e;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(
		    mp_registration_request(&bad[i], &me, &xml, &e), MP_EARG);
	assert_int_equal(
	    mp_registration_confirmation(&bad[0], &me, "x", &xml, &e), MP_EARG);
	assert_int_equal(xml.len, 0);
	mp_buf_release(&xml);
}

static void
a_policy_request_is_full_or_since_a_cookie(void **state)
{
	struct mp_assignments_request r = {.smsid = ID,
	    .netbios = "<N>",
	    .site = "PRI",
	    .cookie = "2024-01-02 03:04:05.000"};
	struct mp_buf xml = buf("");
	struct mp_error e;

	(void)state;
	assert_int_equal(mp_assignments_request(&r, &xml, &e), MP_OK);
	assert_non_null(strstr((char *)xml.data, "RequestType=\"OnUpdate\""));
	assert_non_null(strstr((char *)xml.data,
	    "<ServerCookie>2024-01-02 03:04:05.000</ServerCookie>"));
	assert_non_null(strstr(
	    (char *)xml.data, "<FQDN /><NetBIOSName>&lt;N&gt;</NetBIOSName>"));
	r.smsid = "GUID:";
	assert_int_equal(mp_assignments_request(&r, &xml, &e), MP_EARG);
	r.smsid = ID;
	r.site = "PR";
	assert_int_equal(mp_assignments_request(&r, &xml, &e), MP_EARG);
	mp_buf_release(&xml);
}

static int
assigned(const char *text, struct mp_assignments *a, struct mp_error *e)
{
	struct mp_buf b = buf(text);
	int r = mp_assignments_parse(&b, a, e);

	mp_buf_release(&b);
	return r;
}

#define REPLY(inside) \
	"<ReplyAssignments ReplyType='Full'>" inside "</ReplyAssignments>"
#define ASSIGNED(inside)                                           \
	REPLY("<PolicyAssignment PolicyAssignmentID='{A}'>" inside \
	      "</PolicyAssignment>")

static void
a_policy_reply_that_makes_no_sense_is_refused(void **state)
{
	static const struct {
		const char *text, *words;
	} bad[] = {{"<Other/>", "<Other>"},
	    {"<ReplyAssignments/>", "ReplyType"},
	    {"<ReplyAssignments ReplyType='Some'/>", "\"Some\""},
	    {REPLY(
		 "<PolicyAssignment><Policy PolicyID='p'/></PolicyAssignment>"),
		"no PolicyAssignmentID"},
	    {ASSIGNED("<Policy/>"), "no PolicyID"},
	    {ASSIGNED("<Policy PolicyID='  '/>"), "no PolicyID"},
	    {ASSIGNED("<Policy PolicyID='a&#10;b'/>"), "control character"},
	    {ASSIGNED("<Policy PolicyID='p' PolicyFlags='x'/>"), "PolicyFlags"},
	    {ASSIGNED("<Policy PolicyID='p' PolicyFlags='4294967296'/>"),
		"PolicyFlags"},
	    {ASSIGNED("<Policy PolicyID='p'><PolicyLocation>a&#9;b"
		      "</PolicyLocation></Policy>"),
		"PolicyLocation"}};
	struct mp_assignments a;
	struct mp_error e;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(assigned(bad[i].text, &a, &e), MP_EREPLY);
		if (strstr(e.text, bad[i].words) == NULL)
			fail_msg("%s: %s", bad[i].text, e.text);
		assert_int_equal(a.count, 0);
		assert_null(a.list);
	}
	mp_assignments_release(NULL);
}

static void
a_recorded_policy_reply_is_listed(void **state)
{
	struct mp_assignments a;
	struct mp_error e;
	struct vector v;

	(void)state;
	vector_load(&v, "sdk/15-policy-request-https-pki/001-response");
	assert_int_equal(mp_assignments_parse(&v.xml, &a, &e), MP_OK);
	assert_int_equal(a.count, 2);
	assert_string_equal(a.reply_type, "Full");
	assert_string_equal(a.cookie, "2024-01-01 00:00:00.000");
	assert_string_equal(a.list[0].id, "{A1}");
	assert_string_equal(a.list[0].policy, "{P1}");
	assert_string_equal(a.list[0].version, "1.00");
	assert_string_equal(a.list[0].category, "NAAConfig");
	assert_string_equal(a.list[0].type, "Machine");
	assert_string_equal(
	    a.list[0].location, "http://<mp>/SMS_MP/.sms_pol?{P1}.1_00");
	assert_string_equal(a.list[0].hash, "SHA1:AA");
	assert_string_equal(a.list[0].hash_ex, "SHA256:BB");
	assert_int_equal(a.list[0].flags, 30);
	assert_string_equal(a.list[1].category, "");
	assert_string_equal(a.list[1].hash_ex, "");
	assert_ptr_equal(mp_assignments_find(&a, "{a2}"), &a.list[1]);
	assert_ptr_equal(mp_assignments_find(&a, "{p1}"), &a.list[0]);
	assert_null(mp_assignments_find(&a, "{P3}"));
	for (size_t n = 0; n < v.xml.len - 1; n++) {
		struct mp_assignments none;
		struct mp_buf cut = v.xml;

		cut.len = n;
		if (n < v.xml.len - 2)
			assert_int_equal(
			    mp_assignments_parse(&cut, &none, &e), MP_EREPLY);
	}
	mp_assignments_release(&a);
	vector_release(&v);
}

static void
an_assignment_may_lack_what_is_optional(void **state)
{
	struct mp_assignments a;
	struct mp_error e;

	(void)state;
	assert_int_equal(
	    assigned(
		"<replyassignments replytype='delta'>"
		"<PolicyAssignment PolicyAssignmentID='gone' Action='x'/>"
		"<policyassignment policyassignmentid=' {A} '>"
		"<policy policyid='{P}'/><Policy "
		"PolicyID='{Q}'><PolicyLocation>"
		"\n http://x \n</PolicyLocation></Policy></policyassignment>"
		"</replyassignments>",
		&a, &e),
	    MP_OK);
	assert_int_equal(a.count, 2);
	assert_string_equal(a.cookie, "");
	assert_string_equal(a.list[0].id, "{A}");
	assert_string_equal(a.list[0].location, "");
	assert_int_equal(a.list[0].flags, 0);
	assert_string_equal(a.list[1].location, "http://x");
	mp_assignments_release(&a);
}

static void
more_assignments_than_the_limit_are_refused(void **state)
{
	struct mp_buf b = buf("<ReplyAssignments ReplyType='Full'>");
	struct mp_assignments a;
	struct mp_error e;

	(void)state;
	for (int i = 0; i <= MP_ASSIGNMENTS_MAX; i++)
		mp_buf_str(&b, "<PolicyAssignment PolicyAssignmentID='a'>"
			       "<Policy PolicyID='p'/></PolicyAssignment>");
	mp_buf_str(&b, "</ReplyAssignments>");
	assert_true(mp_buf_ok(&b));
	assert_int_equal(mp_assignments_parse(&b, &a, &e), MP_ELIMIT);
	mp_buf_release(&b);
}

static void
both_forms_of_a_management_point_list_are_read(void **state)
{
	struct mp_buf b = buf(
	    "\xEF\xBB\xBF<MPList><MP Name='MP.DOM' "
	    "FQDN='mp.dom' SiteCode='XYZ'><Version>9128</Version><Capabilities>"
	    "<Property Name='SSLState' Value='63'/></Capabilities></MP>"
	    "<MP Name='B'/></MPList>");
	struct mp_list l;
	struct mp_error e;
	struct vector v;

	(void)state;
	assert_int_equal(mp_list_parse(&b, &l, &e), MP_OK);
	assert_int_equal(l.count, 2);
	assert_string_equal(l.list[0].name, "MP.DOM");
	assert_string_equal(l.list[0].fqdn, "mp.dom");
	assert_string_equal(l.list[0].site, "XYZ");
	assert_string_equal(l.list[0].version, "9128");
	assert_int_equal(l.list[0].ssl_state, 63);
	assert_string_equal(l.list[1].fqdn, "");
	mp_list_release(&l);
	mp_buf_release(&b);
	vector_load(&v, "sdk/40-mplist/003-response");
	assert_int_equal(mp_list_parse(&v.body, &l, &e), MP_OK);
	assert_int_equal(l.count, 1);
	assert_string_equal(l.list[0].fqdn, "127.0.0.1");
	mp_list_release(&l);
	vector_release(&v);
}

static void
a_document_that_makes_no_sense_is_refused(void **state)
{
	static const struct {
		const char *text, *words;
	} bad[] = {{"", "empty"}, {"<HTML/>", "<HTML>"},
	    {"<MPList><MP><Capabilities><Property Name='SSLState' Value='x'/>"
	     "</Capabilities></MP></MPList>",
		"SSLState"}};
	struct mp_key_information k;
	struct mp_certificates c;
	struct mp_list l;
	struct mp_error e;
	struct mp_buf b;
	X509 *site;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		b = buf(bad[i].text);
		assert_int_equal(mp_list_parse(&b, &l, &e), MP_EREPLY);
		if (strstr(e.text, bad[i].words) == NULL)
			fail_msg("%s: %s", bad[i].text, e.text);
		mp_buf_release(&b);
	}
	b = buf("<MPKEYINFORMATION><MPCERTIFICATE>00</MPCERTIFICATE>"
		"</MPKEYINFORMATION>");
	assert_int_equal(mp_key_information_parse(&b, &k, &e), MP_EREPLY);
	assert_non_null(strstr(e.text, "MPCERTIFICATE is no X.509"));
	assert_int_equal(mp_certificates_parse(&b, &c, &e), MP_EREPLY);
	assert_int_equal(mp_site_certificate_parse(&b, &site, &e), MP_EREPLY);
	mp_buf_release(&b);
	b = buf("<X509Data><X509Certificate>zz</X509Certificate></X509Data>");
	assert_int_equal(mp_site_certificate_parse(&b, &site, &e), MP_EREPLY);
	assert_non_null(strstr(e.text, "not hexadecimal"));
	mp_buf_release(&b);
	mp_list_release(NULL);
	mp_key_information_release(NULL);
	mp_certificates_release(NULL);
}

static void
recorded_documents_are_read(void **state)
{
	X509 *sign = vector_cert("sdk/mp-sign.pem");
	X509 *enc = vector_cert("sdk/mp-enc.pem");
	struct mp_key_information k;
	struct mp_certificates c;
	struct mp_error e;
	struct vector v;
	struct mp_buf b;
	char hex[2048];
	X509 *site;

	(void)state;
	vector_load(&v, "sdk/41-mpkeyinformationex/001-response");
	assert_int_equal(mp_key_information_parse(&v.body, &k, &e), MP_OK);
	assert_string_equal(k.assignment_site, "PRI");
	assert_string_equal(k.machine, "MP1");
	assert_string_equal(k.fqdn, "mp1.example.test");
	assert_string_equal(k.site, "PRI");
	assert_string_equal(k.root_key, "CC");
	assert_int_equal(X509_cmp(k.cert, sign), 0);
	mp_key_information_release(&k);
	vector_release(&v);
	vector_load(&v, "sdk/44-mpcert2/001-response");
	assert_int_equal(mp_certificates_parse(&v.body, &c, &e), MP_OK);
	assert_int_equal(X509_cmp(c.signing, sign), 0);
	assert_int_equal(X509_cmp(c.encryption, enc), 0);
	assert_null(c.site);
	mp_certificates_release(&c);
	b = buf("<X509Data><X509Certificate EncodingType='hexBinary'>");
	mp_buf_str(
	    &b, vector_between(&v.body, "<Certificate1 Signature=\"AA\">", "<",
		    hex, sizeof(hex)));
	mp_buf_str(&b, "</X509Certificate></X509Data>");
	assert_int_equal(mp_site_certificate_parse(&b, &site, &e), MP_OK);
	assert_int_equal(X509_cmp(site, sign), 0);
	X509_free(site);
	mp_buf_release(&b);
	b = buf("<X509Data><X509Certificate>");
	mp_buf_printf(&b, "%s00</X509Certificate></X509Data>", hex);
	assert_int_equal(mp_site_certificate_parse(&b, &site, &e), MP_EREPLY);
	assert_null(site);
	mp_buf_release(&b);
	vector_release(&v);
	X509_free(sign);
	X509_free(enc);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_registration_response_out_of_range_is_refused),
	    cmocka_unit_test(a_registration_response_is_understood),
	    cmocka_unit_test(a_registration_that_makes_no_sense_is_not_made),
	    cmocka_unit_test(a_policy_request_is_full_or_since_a_cookie),
	    cmocka_unit_test(a_policy_reply_that_makes_no_sense_is_refused),
	    cmocka_unit_test(a_recorded_policy_reply_is_listed),
	    cmocka_unit_test(an_assignment_may_lack_what_is_optional),
	    cmocka_unit_test(more_assignments_than_the_limit_are_refused),
	    cmocka_unit_test(a_document_that_makes_no_sense_is_refused),
	    cmocka_unit_test(both_forms_of_a_management_point_list_are_read),
	    cmocka_unit_test(recorded_documents_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
