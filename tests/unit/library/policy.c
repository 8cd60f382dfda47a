/* Policy by the library: the machine's and a user's, all and what changed. */
#include "tests/unit/library/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLICY "<Policy PolicyID=\"P\" PolicyVersion=\"1.00\"/>"
#define ASSIGNMENTS                                                      \
	"<ReplyAssignments SchemaVersion=\"1.00\" ReplyType=\"Full\">"   \
	"<PolicyAssignment PolicyAssignmentID=\"{A1}\"><Policy "         \
	"PolicyID=\"{P1}\" PolicyVersion=\"1.00\" PolicyCategory=\"C\" " \
	"PolicyFlags=\"8\"><PolicyLocation PolicyHash=\"\">"             \
	"<![CDATA[http://<mp>/SMS_MP/.sms_pol?{P1}.1_00]]>"              \
	"</PolicyLocation></Policy></PolicyAssignment></ReplyAssignments>"

static struct scene s;
static struct sealpoint_failure why;

static int
set_up(void **state)
{
	(void)state;
	memset(&why, 0, sizeof(why));
	scene_start(&s);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	scene_end(&s);
	return 0;
}

static void
policies_are_listed_and_read(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = DONE},
	    {.kind = LITTLE_ASSIGNMENTS, .xml = ASSIGNMENTS},
	    {.kind = LITTLE_GET, .xml = POLICY}, {0}};
	struct sealpoint_policies *p;
	struct sealpoint_message *body;
	const char *text;

	(void)state;
	s.mp.answers = answers;
	assert_int_equal(sealpoint_messaging_policies(
			     s.messaging, s.url, s.message, &p, &why),
	    SEALPOINT_ERR_NOT_FOUND);
	assert_null(p);
	assert_int_equal(scene_register(&s, &why), 0);
	if (sealpoint_messaging_policies(
		s.messaging, s.url, s.message, &p, &why) != 0)
		fail_msg("%s", why.text);
	assert_int_equal(sealpoint_policies_count(p), 1);
	assert_string_equal(sealpoint_policies_id(p, 0), "{P1}");
	assert_string_equal(sealpoint_policies_version(p, 0), "1.00");
	assert_string_equal(sealpoint_policies_category(p, 0), "C");
	assert_int_equal(
	    sealpoint_policies_flags(p, 0), SEALPOINT_POLICY_INTRANET_ONLY);
	assert_null(sealpoint_policies_id(p, 1));
	assert_int_equal(sealpoint_policies_flags(p, 1), 0);
	assert_int_equal(sealpoint_messaging_policy(
			     s.messaging, s.url, s.message, p, 1, &body, &why),
	    SEALPOINT_ERR_INDEX_OUT_OF_RANGE);
	assert_null(body);
	assert_int_equal(sealpoint_messaging_policy(
			     s.messaging, s.url, s.message, p, 0, &body, &why),
	    0);
	assert_int_equal(
	    sealpoint_message_get_body_to_string(body, &text, &why), 0);
	assert_string_equal(text, POLICY);
	sealpoint_message_free(body);
	sealpoint_policies_free(p);
}

static void
a_scope_that_makes_no_sense_is_refused(void **state)
{
	static const char *const group[] = {"S-1-1-0"};
	static const struct sealpoint_policy_scope bad[] = {
	    {.user_sid = "S-1-5-21-1"},
	    {.groups = group, .groups_count = 1},
	    {.user = "D\\u", .user_sid = "S-1-5-21-1", .groups_count = 1},
	    {.user = "D\\u"},
	    {.user = "u", .user_sid = "S-1-5-21-1"},
	};
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = DONE}, {0}};
	struct sealpoint_policies *p = (void *)1;

	(void)state;
	s.mp.answers = answers;
	assert_int_equal(scene_register(&s, &why), 0);
	assert_int_equal(sealpoint_messaging_policies_of(
			     s.messaging, s.url, s.message, NULL, &p, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_null(p);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(sealpoint_messaging_policies_of(s.messaging,
				     s.url, s.message, &bad[i], &p, &why),
		    SEALPOINT_ERR_ARGUMENT);
		assert_null(p);
	}
	assert_int_equal(s.mp.count, 1);
}

static void
changes_of_a_user_s_policy_are_listed(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = DONE},
	    {.kind = LITTLE_ASSIGNMENTS,
		.xml = "<ReplyAssignments ReplyType=\"Delta\">"
		       "<ServerCookie>c2</ServerCookie>"
		       "<PolicyAssignment PolicyAssignmentID=\"{A1}\">"
		       "<Policy PolicyID=\"{P1}\"/></PolicyAssignment>"
		       "<PolicyAssignment PolicyAssignmentID=\"{A2}\" "
		       "Action=\"Gone\"/></ReplyAssignments>"},
	    {0}};
	const struct sealpoint_policy_scope anna = {.user = "CORP\\anna",
	    .user_sid = "S-1-5-21-1-2-3-1104",
	    .cookie = "c1"};
	struct sealpoint_policies *p;

	(void)state;
	s.mp.answers = answers;
	assert_int_equal(scene_register(&s, &why), 0);
	if (sealpoint_messaging_policies_of(
		s.messaging, s.url, s.message, &anna, &p, &why) != 0)
		fail_msg("%s", why.text);
	assert_non_null(strstr(s.mp.seen[1].xml, "CORP\\anna"));
	assert_non_null(strstr(s.mp.seen[1].xml, "<ServerCookie>c1<"));
	assert_int_equal(sealpoint_policies_are_changes(p), 1);
	assert_string_equal(sealpoint_policies_cookie(p), "c2");
	assert_int_equal(sealpoint_policies_count(p), 1);
	assert_string_equal(sealpoint_policies_assignment(p, 0), "{A1}");
	assert_null(sealpoint_policies_assignment(p, 1));
	assert_int_equal(sealpoint_policies_changes_count(p), 1);
	assert_string_equal(sealpoint_policies_change_assignment(p, 0), "{A2}");
	assert_string_equal(sealpoint_policies_change_action(p, 0), "Gone");
	assert_null(sealpoint_policies_change_assignment(p, 1));
	assert_null(sealpoint_policies_change_action(p, 1));
	sealpoint_policies_free(p);
	assert_int_equal(sealpoint_policies_are_changes(NULL), 0);
	assert_string_equal(sealpoint_policies_cookie(NULL), "");
	assert_int_equal(sealpoint_policies_changes_count(NULL), 0);
}

static void
a_policy_s_hash_counts_over_tls_when_told_so(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = DONE},
	    {.kind = LITTLE_ASSIGNMENTS, .xml = ASSIGNMENTS},
	    {.kind = LITTLE_GET, .xml = POLICY}, {0}};
	struct sealpoint_message *body;
	struct sealpoint_policies *p;

	(void)state;
	s.mp.answers = answers;
	assert_int_equal(scene_register(&s, &why), 0);
	assert_int_equal(
	    sealpoint_messaging_set_policy_hash(s.messaging, 1, &why), 0);
	assert_int_equal(sealpoint_messaging_policies(
			     s.messaging, s.url, s.message, &p, &why),
	    0);
	assert_int_equal(sealpoint_messaging_policy(
			     s.messaging, s.url, s.message, p, 0, &body, &why),
	    SEALPOINT_ERR_UNTRUSTED);
	assert_null(body);
	sealpoint_policies_free(p);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	    TEST(a_scope_that_makes_no_sense_is_refused),
	    TEST(policies_are_listed_and_read),
	    TEST(changes_of_a_user_s_policy_are_listed),
	    TEST(a_policy_s_hash_counts_over_tls_when_told_so),
	};

	return cmocka_run_group_tests(tests, make_world, end_world);
}
