/* Policy of users and of a Delta, and the hashes of policy bodies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "mp/hex.h"
#include "mp/kinds/policyhash.h"
#include "mp/utf16.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define ID "GUID:0D5A4B1C-1111-2222-3333-444455556666"
#define SID "S-1-5-21-1-2-3-1001"

static const char *const groups[] = {"S-1-5-32-545", "S-1-1-0"};

static void
a_user_that_makes_no_sense_gets_no_policy(void **state)
{
	static const char *const no_sid[] = {"Users"};
	static const struct {
		struct mp_assignments_user user;
		const char *words;
	} bad[] = {{{0}, "DOMAIN\\USER"}, {{.name = "user"}, "DOMAIN\\USER"},
	    {{.name = "\\user"}, "DOMAIN\\USER"},
	    {{.name = "DOM\\"}, "DOMAIN\\USER"},
	    {{.name = "DOM\\u"}, "needs a SID"},
	    {{.name = "DOM\\u", .sid = "S-1-"}, "needs a SID"},
	    {{.name = "DOM\\u", .sid = "S-1-5<"}, "needs a SID"},
	    {{.name = "DOM\\u", .sid = SID, .groups = no_sid, .ngroups = 1},
		"group 1 of user"},
	    {{.name = "DOM\\u",
		 .sid = SID,
		 .groups = groups,
		 .ngroups = MP_USER_GROUPS_MAX + 1},
		"1025 groups"}};
	struct mp_assignments_request r = {
	    .smsid = ID, .netbios = "N", .site = "PRI"};
	struct mp_buf xml;
	struct mp_error e;

	(void)state;
	mp_buf_init(&xml, 1 << 16);
	for (size_t i = 0; i < COUNT(bad); i++) {
		r.user = &bad[i].user;
		assert_int_equal(mp_assignments_request(&r, &xml, &e), MP_EARG);
		if (strstr(e.text, bad[i].words) == NULL)
			fail_msg("%zu: %s", i, e.text);
	}
	r.user = NULL;
	r.sid = "me";
	assert_int_equal(mp_assignments_request(&r, &xml, &e), MP_EARG);
	assert_int_equal(xml.len, 0);
	mp_buf_release(&xml);
}

static void
a_users_policy_names_user_and_groups(void **state)
{
	static const struct mp_assignments_user user = {
	    .name = "DOM\\u", .sid = SID, .groups = groups, .ngroups = 2};
	static const struct mp_assignments_request r = {.smsid = ID,
	    .fqdn = "n.test",
	    .netbios = "N",
	    .site = "PRI",
	    .sid = "S-1-5-21-9",
	    .user = &user,
	    .validation = true,
	    .cookie = "c"};
	struct mp_buf xml;
	struct mp_error e;

	(void)state;
	mp_buf_init(&xml, 1 << 16);
	assert_int_equal(mp_assignments_request(&r, &xml, &e), MP_OK);
	assert_string_equal((char *)xml.data,
	    "<RequestAssignments SchemaVersion=\"1.00\" ACK=\"false\" "
	    "RequestType=\"OnUpdate\" ValidationRequested=\"CRC\">"
	    "<Identification><Machine><ClientID>" ID "</ClientID>"
	    "<FQDN>n.test</FQDN><NetBIOSName>N</NetBIOSName>"
	    "<SID>S-1-5-21-9</SID></Machine><User>"
	    "<NT4UserName>DOM\\u</NT4UserName><SID>" SID "</SID><UserGroups>"
	    "<SID>S-1-5-32-545</SID><SID>S-1-1-0</SID></UserGroups></User>"
	    "</Identification><PolicySource>SMS:PRI</PolicySource>"
	    "<Resource ResourceType=\"User\" /><ServerCookie>c</ServerCookie>"
	    "</RequestAssignments>");
	mp_buf_release(&xml);
}

static void
a_delta_keeps_what_it_changes(void **state)
{
	struct mp_assignments a;
	struct mp_error e;
	struct mp_buf b;

	(void)state;
	mp_buf_init(&b, 1 << 16);
	mp_buf_str(&b,
	    "<ReplyAssignments ReplyType='Delta'>"
	    "<ValidationData> 1A2B </ValidationData>"
	    "<PolicyAssignment PolicyAssignmentID='{A}' Action='Delete'/>"
	    "<PolicyAssignment PolicyAssignmentID='{B}' Action='Add'>"
	    "<Policy PolicyID='{P}'/></PolicyAssignment>"
	    "<PolicyAssignment PolicyAssignmentID='{C}'/></ReplyAssignments>");
	assert_int_equal(mp_assignments_parse(&b, &a, &e), MP_OK);
	assert_string_equal(a.reply_type, "Delta");
	assert_string_equal(a.validation, "1A2B");
	assert_int_equal(a.count, 1);
	assert_string_equal(a.list[0].action, "Add");
	assert_int_equal(a.nchanges, 2);
	assert_string_equal(a.changes[0].id, "{A}");
	assert_string_equal(a.changes[0].action, "Delete");
	assert_string_equal(a.changes[1].action, "");
	mp_assignments_release(&a);
	mp_buf_clear(&b);
	mp_buf_str(&b, "<ReplyAssignments ReplyType='Delta'>"
		       "<PolicyAssignment Action='x'/></ReplyAssignments>");
	assert_int_equal(mp_assignments_parse(&b, &a, &e), MP_EREPLY);
	assert_null(a.changes);
	mp_buf_release(&b);
}

#define ASKER "GUID:0D5A4B1C-1111-2222-3333-444455556666"
#define REPLY(machine, source)                                         \
	"<ReplyAssignments ReplyType='Full'><Identification><Machine>" \
	"<ClientID>" machine "</ClientID></Machine></Identification>"  \
	"<PolicySource>" source "</PolicySource></ReplyAssignments>"

/* A reply to another, kept and sent again, is signed as well as ours. */
static void
a_reply_for_another_client_or_site_is_refused(void **state)
{
	static const struct {
		const char *xml;
		int code;
		const char *words;
	} cases[] = {
	    {"<ReplyAssignments ReplyType='Full'/>", MP_OK, ""},
	    {REPLY("", ""), MP_OK, ""},
	    {REPLY(ASKER, "SMS:PRI"), MP_OK, ""},
	    {REPLY("guid:0d5a4b1c-1111-2222-3333-444455556666", "sms:pri"),
		MP_OK, ""},
	    {REPLY("GUID:0D5A4B1C-9999-2222-3333-444455556666", "SMS:PRI"),
		MP_ETRUST, "GUID:0D5A4B1C-9999"},
	    {REPLY(ASKER "0", "SMS:PRI"), MP_ETRUST, ASKER},
	    {REPLY(ASKER, "SMS:XYZ"), MP_ETRUST, "SMS:XYZ"},
	    {REPLY(ASKER, "PRI"), MP_ETRUST, "--site"},
	    {REPLY(ASKER, "SMS:PRI2"), MP_ETRUST, "SMS:PRI2"},
	};
	const struct mp_assignments_request asked = {
	    .smsid = ASKER, .site = "PRI"};
	struct mp_assignments a;
	struct mp_error e;
	struct mp_buf b;

	(void)state;
	mp_buf_init(&b, 1 << 16);
	for (size_t i = 0; i < COUNT(cases); i++) {
		mp_buf_clear(&b);
		mp_buf_str(&b, cases[i].xml);
		e.text[0] = '\0';
		if (mp_assignments_answer(&asked, &b, &a, &e) !=
			cases[i].code ||
		    strstr(e.text, cases[i].words) == NULL)
			fail_msg("%zu: %s", i, e.text);
		mp_assignments_release(&a);
		assert_int_equal(mp_assignments_parse(&b, &a, &e), MP_OK);
		mp_assignments_release(&a);
	}
	mp_buf_release(&b);
}

#define SCOPE(reply, sid, type)                                          \
	"<ReplyAssignments ReplyType='" reply "'><Identification><User>" \
	"<SID>" sid "</SID></User></Identification>"                     \
	"<Resource ResourceType='" type "'/></ReplyAssignments>"

/* Another user's policy, the machine's, or a part of what was asked for. */
static void
a_reply_of_another_scope_is_refused(void **state)
{
	static const struct mp_assignments_user user = {
	    .name = "DOM\\u", .sid = SID};
	static const struct {
		const char *xml, *cookie;
		bool machine;
		int code;
		const char *words;
	} cases[] = {
	    {SCOPE("Full", SID, "User"), "c", false, MP_OK, ""},
	    {SCOPE("Delta", SID, "User"), "c", false, MP_OK, ""},
	    {SCOPE("delta", "", "Machine"), "c", true, MP_OK, ""},
	    {SCOPE("Full", "", "machine"), NULL, true, MP_OK, ""},
	    {SCOPE("Full", SID "1", "User"), "c", false, MP_ETRUST, SID "1"},
	    {SCOPE("Full", SID, "Machine"), "c", false, MP_ETRUST, "User"},
	    {SCOPE("Full", "", "User"), NULL, true, MP_ETRUST, "Machine"},
	    {SCOPE("Delta", SID, "User"), NULL, false, MP_ETRUST, "Delta"},
	    {SCOPE("delta", "", "Machine"), "", true, MP_ETRUST, "Delta"},
	};
	struct mp_assignments_request asked = {.smsid = ASKER, .site = "PRI"};
	struct mp_assignments a;
	struct mp_error e;
	struct mp_buf b;

	(void)state;
	mp_buf_init(&b, 1 << 16);
	for (size_t i = 0; i < COUNT(cases); i++) {
		asked.user = cases[i].machine ? NULL : &user;
		asked.cookie = cases[i].cookie;
		mp_buf_clear(&b);
		mp_buf_str(&b, cases[i].xml);
		e.text[0] = '\0';
		if (mp_assignments_answer(&asked, &b, &a, &e) !=
			cases[i].code ||
		    strstr(e.text, cases[i].words) == NULL)
			fail_msg("%zu: %s", i, e.text);
		mp_assignments_release(&a);
	}
	mp_buf_release(&b);
}

static void
as_many_assignments_as_the_limit_are_read(void **state)
{
	struct mp_assignments a;
	struct mp_error e;
	struct mp_buf b;

	(void)state;
	mp_buf_init(&b, 128u << 20);
	mp_buf_str(&b, "<ReplyAssignments ReplyType='Full'>");
	for (int i = 0; i < MP_ASSIGNMENTS_MAX; i++)
		mp_buf_str(&b,
		    "\n <PolicyAssignment PolicyAssignmentID='{A}'>\n  "
		    "<Condition><Expression ExpressionLanguage='WQL' "
		    "ExpressionType='until-true'>x</Expression></Condition>"
		    "<Policy PolicyID='p' PolicyVersion='1.00' PolicyType='M' "
		    "PolicyCategory='C' PolicyFlags='0' PolicyPriority='25'>"
		    "<PolicyLocation PolicyHash='' PolicyHashEx=''>x"
		    "</PolicyLocation></Policy>\n </PolicyAssignment>");
	mp_buf_str(&b, "</ReplyAssignments>");
	if (mp_assignments_parse(&b, &a, &e) != MP_OK)
		fail_msg("%s", e.text);
	assert_int_equal(a.count, MP_ASSIGNMENTS_MAX);
	mp_assignments_release(&a);
	mp_buf_release(&b);
}

/* prefix, and the hash of data in hex. */
static void
claim(const char *prefix, const char *algorithm, const struct mp_buf *data,
    size_t skip, size_t cut, struct mp_buf *out)
{
	uint8_t sum[EVP_MAX_MD_SIZE];
	size_t n = 0;

	assert_int_equal(EVP_Q_digest(NULL, algorithm, NULL, data->data + skip,
			     data->len - skip - cut, sum, &n),
	    1);
	mp_buf_clear(out);
	mp_buf_str(out, prefix);
	mp_hex_add(out, sum, n);
}

struct bodies {
	struct mp_buf body, clear, xml, wide, text;
	bool proven; /* by what told() was last asked */
};

static void
enter(struct bodies *b)
{
	mp_buf_init(&b->body, 1 << 10);
	mp_buf_init(&b->clear, 1 << 10);
	mp_buf_init(&b->xml, 1 << 10);
	mp_buf_init(&b->wide, 1 << 10);
	mp_buf_init(&b->text, 1 << 10);
	mp_buf_str(&b->body, "as received");
	mp_buf_str(&b->clear, "as decrypted");
	mp_buf_str(&b->xml, "<Policy>\xC3\xA4</Policy>");
	mp_buf_add(&b->wide, "\xFF\xFE", 2);
	assert_int_equal(
	    mp_utf16_add(&b->wide, (char *)b->xml.data, b->xml.len, NULL),
	    MP_OK);
	mp_buf_add(&b->wide, "\0", 2);
}

static void
leave(struct bodies *b)
{
	mp_buf_release(&b->body);
	mp_buf_release(&b->clear);
	mp_buf_release(&b->xml);
	mp_buf_release(&b->wide);
	mp_buf_release(&b->text);
}

static enum mp_policyhash
told(struct bodies *b)
{
	struct mp_assignment a = {.hash = (char *)b->text.data};
	struct mp_policyhashes h;

	mp_policyhash_check(&a, &b->body, &b->clear, &b->xml, &h);
	assert_int_equal(h.hash, h.worst);
	assert_int_equal(h.hash_ex, MP_POLICYHASH_NONE);
	assert_int_equal(h.url, MP_POLICYHASH_NONE);
	b->proven = h.proven;
	return h.hash;
}

static void
a_hash_of_any_form_of_the_body_matches(void **state)
{
	struct bodies b;

	(void)state;
	enter(&b);
	claim("MD5:", "MD5", &b.body, 0, 0, &b.text);
	assert_int_equal(told(&b), MP_POLICYHASH_MATCHES);
	assert_false(b.proven);
	claim("", "MD5", &b.clear, 0, 0, &b.text);
	assert_int_equal(told(&b), MP_POLICYHASH_MATCHES);
	assert_false(b.proven);
	claim("sha1:", "SHA1", &b.xml, 0, 0, &b.text);
	assert_int_equal(told(&b), MP_POLICYHASH_MATCHES);
	assert_true(b.proven);
	for (size_t i = 0; i < 4; i++) {
		claim("SHA256:", "SHA256", &b.wide, i % 2 * 2, i / 2 * 2,
		    &b.text);
		assert_int_equal(told(&b), MP_POLICYHASH_MATCHES);
		assert_true(b.proven);
	}
	claim("", "SHA256", &b.xml, 1, 0, &b.text);
	assert_int_equal(told(&b), MP_POLICYHASH_DIFFERS);
	assert_false(b.proven);
	claim("MD5:", "SHA1", &b.body, 0, 0, &b.text);
	assert_int_equal(told(&b), MP_POLICYHASH_UNKNOWN);
	leave(&b);
}

static void
every_other_form_of_a_hash_is_unknown(void **state)
{
	static const char *const odd[] = {"SHA256:", "SHA1:AA", "AA", "x",
	    "SHA384:00", "0123456789abcdef0123456789abcde",
	    "0123456789abcdef0123456789abcdeg",
	    "0123456789abcdef0123456789 abcdef"};
	struct bodies b;

	(void)state;
	enter(&b);
	for (size_t i = 0; i < COUNT(odd); i++) {
		mp_buf_clear(&b.text);
		mp_buf_str(&b.text, odd[i]);
		if (told(&b) != MP_POLICYHASH_UNKNOWN)
			fail_msg("%s", odd[i]);
	}
	mp_buf_clear(&b.text);
	mp_buf_str(&b.text, "");
	assert_int_equal(told(&b), MP_POLICYHASH_NONE);
	leave(&b);
}

static void
a_hash_in_the_location_is_found_and_the_worst_is_told(void **state)
{
	static char differs[] = "00112233445566778899AABBCCDDEEFF";
	struct mp_assignment a = {0};
	struct mp_policyhashes h;
	struct bodies b;

	(void)state;
	enter(&b);
	claim("http://<mp>/SMS_MP/.sms_pol?{P}.SHA256:", "SHA256", &b.xml, 0, 0,
	    &b.text);
	a.location = (char *)b.text.data;
	mp_policyhash_check(&a, &b.body, NULL, &b.xml, &h);
	assert_int_equal(h.url, MP_POLICYHASH_MATCHES);
	assert_int_equal(h.worst, MP_POLICYHASH_MATCHES);
	a.hash_ex = differs;
	mp_policyhash_check(&a, &b.body, NULL, &b.xml, &h);
	assert_int_equal(h.worst, MP_POLICYHASH_DIFFERS);
	claim(
	    "http://h/.sms_pol?P.sha256%3A", "SHA256", &b.body, 0, 0, &b.text);
	a.location = (char *)b.text.data;
	a.hash_ex = NULL;
	mp_policyhash_check(&a, &b.body, NULL, &b.xml, &h);
	assert_int_equal(h.url, MP_POLICYHASH_MATCHES);
	mp_buf_str(&b.text, "&tail");
	a.location = (char *)b.text.data;
	mp_policyhash_check(&a, &b.body, NULL, &b.xml, &h);
	assert_int_equal(h.url, MP_POLICYHASH_UNKNOWN);
	for (int i = MP_POLICYHASH_NONE; i <= MP_POLICYHASH_DIFFERS; i++)
		assert_true(*mp_policyhash_text((enum mp_policyhash)i) != '\0');
	leave(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_user_that_makes_no_sense_gets_no_policy),
	    cmocka_unit_test(a_users_policy_names_user_and_groups),
	    cmocka_unit_test(a_delta_keeps_what_it_changes),
	    cmocka_unit_test(a_reply_for_another_client_or_site_is_refused),
	    cmocka_unit_test(a_reply_of_another_scope_is_refused),
	    cmocka_unit_test(as_many_assignments_as_the_limit_are_read),
	    cmocka_unit_test(every_other_form_of_a_hash_is_unknown),
	    cmocka_unit_test(a_hash_of_any_form_of_the_body_matches),
	    cmocka_unit_test(
		a_hash_in_the_location_is_found_and_the_worst_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
