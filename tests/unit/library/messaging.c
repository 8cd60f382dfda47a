#include "tests/unit/library/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SITE_REQUEST "<AssignedSiteRequest SchemaVersion=\"1.00\" />"
#define SITE_REPLY                                                           \
	"<AssignedSiteReply SchemaVersion=\"1.00\"><SiteCode Name=\"PRI\"/>" \
	"</AssignedSiteReply>"
#define STATUS "<Status SchemaVersion=\"1.0\"><Type>T</Type></Status>"

#define NATIVE SEALPOINT_SECURITY_FLAG_NATIVE_MODE
#define SIGN SEALPOINT_SECURITY_FLAG_SIGN_MESSAGE

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

/* The message to be sent, anew. */
static void
say(const char *endpoint, uint32_t flags, const char *body)
{
	assert_int_equal(
	    sealpoint_message_set_target_endpoint(s.message, endpoint, &why),
	    0);
	assert_int_equal(
	    sealpoint_message_set_body_from_string(s.message, body, &why), 0);
	assert_int_equal(
	    sealpoint_message_set_security_flags(s.message, flags, &why), 0);
}

static int
invoke(struct sealpoint_message **reply)
{
	*reply = (void *)1;
	memset(&why, 0, sizeof(why));
	return sealpoint_messaging_invoke(
	    s.messaging, s.url, s.message, reply, &why);
}

static void
must_not_invoke(int code, const char *words)
{
	struct sealpoint_message *reply;

	assert_int_equal(invoke(&reply), code);
	assert_null(reply);
	assert_int_equal(why.code, code);
	rig_says(&why, words);
}

static int
post(char *tracking)
{
	memset(tracking, 'x', SEALPOINT_TRACKING_MAX);
	memset(&why, 0, sizeof(why));
	return sealpoint_messaging_post(
	    s.messaging, s.url, s.message, tracking, &why);
}

static void
must_not_post(int code, const char *words)
{
	char tracking[SEALPOINT_TRACKING_MAX];

	assert_int_equal(post(tracking), code);
	assert_string_equal(tracking, "");
	rig_says(&why, words);
}

static void
settings_without_sense_are_refused(void **state)
{
	struct sealpoint_messaging *m = s.messaging;

	(void)state;
	assert_int_equal(
	    sealpoint_messaging_new(NULL, &why), SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(sealpoint_messaging_set_site(m, NULL, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(sealpoint_messaging_set_site(NULL, "PRI", &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(
	    sealpoint_messaging_set_agent(m, "", &why), SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(sealpoint_messaging_set_names(m, "A", "\n", &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(
	    sealpoint_messaging_set_proof(m, (enum sealpoint_proof)2, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(sealpoint_messaging_set_proof_hash(
			     m, (enum sealpoint_hash)0x8003, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(
	    sealpoint_messaging_set_proof_hash(NULL, SEALPOINT_HASH_SHA1, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(
	    sealpoint_messaging_set_proof_hash(m, SEALPOINT_HASH_SHA256, &why),
	    0);
	assert_int_equal(sealpoint_messaging_set_internet(m, 3, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(sealpoint_messaging_set_internet(m, -1, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(sealpoint_messaging_set_authentication(
			     m, SEALPOINT_AUTHENTICATION_NONE, "/pw", &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(sealpoint_messaging_set_authentication(
			     m, SEALPOINT_AUTHENTICATION_WINDOWS, "\n", &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(sealpoint_messaging_set_authentication(
			     m, SEALPOINT_AUTHENTICATION_WINDOWS, NULL, &why),
	    0);
	assert_int_equal(sealpoint_messaging_set_authentication(
			     m, (enum sealpoint_authentication)3, "/pw", &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(sealpoint_messaging_create_message(m, NULL, &why),
	    SEALPOINT_ERR_ARGUMENT);
}

static void
a_call_without_its_objects_is_refused(void **state)
{
	char tracking[SEALPOINT_TRACKING_MAX] = "x";
	struct sealpoint_message *reply = (void *)1;
	struct sealpoint_policies *p = (void *)1;

	(void)state;
	assert_int_equal(
	    sealpoint_messaging_invoke(NULL, s.url, s.message, &reply, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_null(reply);
	assert_int_equal(
	    sealpoint_messaging_invoke(s.messaging, s.url, NULL, &reply, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(sealpoint_messaging_invoke(
			     s.messaging, s.url, s.message, NULL, NULL),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(
	    sealpoint_messaging_post(NULL, s.url, s.message, tracking, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_string_equal(tracking, "");
	assert_int_equal(sealpoint_messaging_register(
			     s.messaging, s.url, NULL, NULL, tracking, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(
	    sealpoint_messaging_policies(s.messaging, s.url, NULL, &p, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_null(p);
	assert_int_equal(sealpoint_policies_count(NULL), 0);
	assert_null(sealpoint_policies_id(NULL, 0));
	sealpoint_policies_free(NULL);
}

static void
what_is_missing_is_said_before_anything_is_sent(void **state)
{
	struct sealpoint_message *other, *reply;

	(void)state;
	must_not_invoke(SEALPOINT_ERR_ARGUMENT, "target endpoint");
	say("MP_LocationManager", NATIVE, SITE_REQUEST);
	assert_int_equal(
	    sealpoint_messaging_create_message(s.messaging, &other, &why), 0);
	assert_int_equal(sealpoint_message_set_target_endpoint(
			     other, "MP_LocationManager", &why),
	    0);
	assert_int_equal(
	    sealpoint_messaging_invoke(s.messaging, s.url, other, &reply, &why),
	    SEALPOINT_ERR_INVALID_SCHEMA);
	rig_says(&why, "no body");
	assert_int_equal(
	    sealpoint_message_set_body_from_string(other, SITE_REQUEST, &why),
	    0);
	assert_int_equal(
	    sealpoint_messaging_invoke(s.messaging, s.url, other, &reply, &why),
	    SEALPOINT_ERR_ARGUMENT);
	rig_says(&why, "set_client_certificate");
	sealpoint_message_free(other);
	assert_int_equal(sealpoint_messaging_invoke(
			     s.messaging, NULL, s.message, &reply, &why),
	    SEALPOINT_ERR_ARGUMENT);
	rig_says(&why, "DCOM");
	assert_int_equal(
	    sealpoint_messaging_new(NULL, NULL), SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(s.mp.count, 0);
}

static void
a_body_that_does_not_fit_is_an_invalid_schema(void **state)
{
	static const struct {
		const char *endpoint, *body;
	} cases[] = {
	    {"MP_LocationManager", "<Report />"},
	    {"mp_locationmanager", "<AssignedSiteRequest>"},
	    {"MP_PolicyManager", SITE_REQUEST},
	    {"MP_PolicyManager", "no XML"},
	    {"MP_Unknown", "<a><b></a>"},
	    {"MP_LocationManager",
		"<!DOCTYPE a [<!ENTITY b \"c\">]><AssignedSiteRequest />"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		say(cases[i].endpoint, NATIVE, cases[i].body);
		must_not_invoke(
		    SEALPOINT_ERR_INVALID_SCHEMA, cases[i].endpoint);
	}
	assert_int_equal(sealpoint_message_set_body_from_buffer(
			     s.message, (const uint8_t *)"\xff\xff", 2, &why),
	    0);
	must_not_invoke(SEALPOINT_ERR_DATATYPE_MISMATCH, "no text");
	assert_int_equal(s.mp.count, 0);
}

static void
the_wrong_call_and_the_wrong_flags_are_refused(void **state)
{
	(void)state;
	say("MP_LocationManager", NATIVE, SITE_REQUEST);
	must_not_post(SEALPOINT_ERR_ARGUMENT, "invoke it");
	say("StatusReceiver", NATIVE | SIGN, STATUS);
	must_not_invoke(SEALPOINT_ERR_ARGUMENT, "post the message");
	say("StatusReceiver", NATIVE, STATUS);
	must_not_post(SEALPOINT_ERR_ARGUMENT, "\"sign\"");
	say("MP_RelayEndpoint", NATIVE | SIGN, "<Report />");
	must_not_post(SEALPOINT_ERR_ARGUMENT, "FileType");
	assert_int_equal(
	    sealpoint_message_set_property(s.message, "FileType", "XYZ", &why),
	    0);
	must_not_post(SEALPOINT_ERR_ARGUMENT, "SMX");
	assert_int_equal(s.mp.count, 0);
}

static void
plain_http_is_never_taken_for_https(void **state)
{
	struct sealpoint_message *reply;
	char url[80];

	(void)state;
	say("MP_LocationManager", 0, SITE_REQUEST);
	(void)snprintf(
	    url, sizeof(url), "https://localhost:%u", https_port(s.mp.server));
	assert_int_equal(sealpoint_messaging_invoke(
			     s.messaging, url, s.message, &reply, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_null(reply);
	assert_int_equal(s.mp.count, 0);
}

static void
a_registration_is_remembered(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = PENDING},
	    {.kind = LITTLE_CONFIRMATION, .xml = STILL},
	    {.kind = LITTLE_CONFIRMATION, .xml = RESPONSE("Confirmation", "0")},
	    {0}};
	struct sealpoint_registration what = {.size = sizeof(what) - 1};
	char smsid[SEALPOINT_SMSID_MAX];
	int expected[] = {SEALPOINT_ERR_PENDING, SEALPOINT_ERR_PENDING, 0, 0};

	(void)state;
	assert_int_equal(sealpoint_messaging_register(
			     s.messaging, s.url, s.message, &what, smsid, &why),
	    SEALPOINT_ERR_ARGUMENT);
	what = (struct sealpoint_registration){
	    .size = sizeof(what), .as = (enum sealpoint_agent)1};
	assert_int_equal(sealpoint_messaging_register(
			     s.messaging, s.url, s.message, &what, smsid, &why),
	    SEALPOINT_ERR_ARGUMENT);
	s.mp.answers = answers;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		memset(smsid, 'x', sizeof(smsid));
		assert_int_equal(sealpoint_messaging_register(s.messaging,
				     s.url, s.message, NULL, smsid, &why),
		    expected[i]);
		assert_string_equal(smsid, SMSID);
	}
	assert_int_equal(s.mp.count, 3);
	assert_non_null(strstr(s.steps, "registering with"));
}

static void
http_failures_have_their_class(void **state)
{
	static const struct {
		int status, code;
	} cases[] = {
	    {401, SEALPOINT_ERR_ACCESS_DENIED},
	    {403, SEALPOINT_ERR_ACCESS_DENIED},
	    {404, SEALPOINT_ERR_TRANSPORT},
	    {413, SEALPOINT_ERR_TRANSPORT},
	    {500, SEALPOINT_ERR_TRANSPORT},
	    {503, SEALPOINT_ERR_TRANSPORT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct little_answer answers[] = {
		    {.kind = LITTLE_REGISTRATION, .status = cases[i].status},
		    {.kind = LITTLE_OTHER, .status = cases[i].status}, {0}};

		s.mp.answers = answers;
		assert_int_equal(scene_register(&s, &why), cases[i].code);
		say("MP_LocationManager", NATIVE, SITE_REQUEST);
		must_not_invoke(cases[i].code, "localhost");
	}
	https_stop(s.mp.server);
	s.mp.server = NULL;
	must_not_invoke(SEALPOINT_ERR_TRANSPORT, "localhost");
}

static void
a_reply_without_a_good_signature_is_untrusted(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = DONE, .forever = true}, {0}};

	(void)state;
	s.mp.answers = answers;
	s.mp.sign_cert = NULL;
	assert_int_equal(scene_register(&s, &why), SEALPOINT_ERR_UNTRUSTED);
	/* Unsigned is enough if the caller says so; for TLS proves it. */
	assert_int_equal(sealpoint_messaging_set_proof(
			     s.messaging, SEALPOINT_PROOF_TLS, &why),
	    0);
	assert_int_equal(scene_register(&s, &why), 0);
	assert_int_equal(s.mp.count, 2);
}

static void
a_message_above_the_limit_is_not_sent(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_OTHER, .xml = SITE_REPLY}, {0}};
	struct sealpoint_message *reply;

	(void)state;
	s.mp.answers = answers;
	say("MP_LocationManager", NATIVE, SITE_REQUEST);
	assert_int_equal(invoke(&reply), 0);
	sealpoint_message_free(reply);
	assert_int_equal(sealpoint_messaging_set_upload_limit(s.messaging,
			     (uint64_t)SEALPOINT_UPLOAD_MAX + 1, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(
	    sealpoint_messaging_set_upload_limit(s.messaging, 16, &why), 0);
	must_not_invoke(SEALPOINT_ERR_LIMIT, "16 bytes");
	assert_int_equal(s.mp.count, 1);
}

static void
an_invoked_message_brings_its_reply(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_OTHER, .xml = SITE_REPLY, .forever = true}, {0}};
	struct sealpoint_message *reply;
	unsigned long signs = 0;
	const char *text;

	(void)state;
	s.mp.answers = answers;
	say("MP_LocationManager", NATIVE, SITE_REQUEST);
	for (int i = 0; i < 3; i++) {
		if (invoke(&reply) != 0)
			fail_msg("%s", why.text);
		assert_int_equal(
		    sealpoint_message_get_body_to_string(reply, &text, &why),
		    0);
		assert_string_equal(text, SITE_REPLY);
		sealpoint_message_free(reply);
		/* The connection is kept: TLS asks the key once. */
		if (i == 0)
			signs = soft_signer_counts(w.rig.soft).signs;
	}
	assert_int_equal(soft_signer_counts(w.rig.soft).signs, signs);
	assert_int_equal(s.mp.count, 3);
	assert_string_equal(s.mp.seen[0].xml, SITE_REQUEST);
}

static void
an_empty_answer_is_no_reply(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_OTHER, .status = 200, .forever = true}, {0}};

	(void)state;
	s.mp.answers = answers;
	say("MP_LocationManager", NATIVE, SITE_REQUEST);
	must_not_invoke(SEALPOINT_ERR_NO_REPLY, "localhost");
	/* Nobody knows what that endpoint answers, but an answer it has. */
	say("MP_OfTomorrow", NATIVE, SITE_REQUEST);
	must_not_invoke(SEALPOINT_ERR_NO_REPLY, "localhost");
}

static void
a_posted_message_is_delivered_at_once(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = DONE},
	    {.kind = LITTLE_OTHER, .status = 200, .forever = true}, {0}};
	char first[SEALPOINT_TRACKING_MAX], second[SEALPOINT_TRACKING_MAX];

	(void)state;
	s.mp.answers = answers;
	say("StatusReceiver", NATIVE | SIGN, STATUS);
	must_not_post(SEALPOINT_ERR_NOT_FOUND, "regist");
	assert_int_equal(scene_register(&s, &why), 0);
	if (post(first) != 0)
		fail_msg("%s", why.text);
	assert_int_equal(post(second), 0);
	assert_int_equal(strlen(first), 38);
	assert_string_not_equal(first, second);
	assert_int_equal(little_count(&s.mp, LITTLE_OTHER), 2);
	assert_non_null(strstr(s.mp.seen[1].header, "mp:StatusReceiver"));
	assert_non_null(strstr(s.mp.seen[1].header, "clientauth"));
	assert_non_null(strstr(s.steps, "nothing is queued"));
}

static void
a_proxy_speaks_for_many_on_one_connection(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = DONE},
	    {.kind = LITTLE_OTHER, .status = 200, .forever = true}, {0}};
	struct sealpoint_registration what = {
	    .size = sizeof(what), .as = SEALPOINT_AGENT_PROXY};
	char id[SEALPOINT_SMSID_MAX], tracking[SEALPOINT_TRACKING_MAX];
	unsigned long signs = 0;

	(void)state;
	s.mp.answers = answers;
	assert_int_equal(sealpoint_messaging_register(
			     s.messaging, s.url, s.message, &what, id, &why),
	    0);
	say("StatusReceiver", NATIVE | SIGN, STATUS);
	for (unsigned i = 0; i < 5; i++) {
		(void)snprintf(id, sizeof(id),
		    "GUID:0D5A4B1C-2222-2222-3333-44445555666%u", i);
		assert_int_equal(
		    sealpoint_message_set_client_id(s.message, id, &why), 0);
		if (post(tracking) != 0)
			fail_msg("%s", why.text);
		/* The proxy signs; its constant signature is kept. */
		assert_non_null(
		    strstr(s.mp.seen[i + 1].header, "<SourceID>" SMSID));
		if (i == 1)
			signs = soft_signer_counts(w.rig.soft).signs;
		if (i > 1)
			assert_int_equal(soft_signer_counts(w.rig.soft).signs,
			    signs + i - 1);
	}
	/* Names that cannot be are refused, and nothing is lost by it. */
	assert_int_equal(sealpoint_messaging_set_names(
			     s.messaging, "A\\B", "a.example.test", &why),
	    0);
	must_not_post(SEALPOINT_ERR_ARGUMENT, "NetBIOS");
	assert_int_equal(sealpoint_messaging_set_names(
			     s.messaging, "PC2", "pc2.example.test", &why),
	    0);
	assert_int_equal(post(tracking), 0);
	assert_non_null(strstr(s.mp.seen[6].header, "<SourceHost>PC2"));
	assert_int_equal(s.mp.count, 7);
}

static void
properties_and_attachments_go_along(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = DONE},
	    {.kind = LITTLE_OTHER, .status = 200, .forever = true}, {0}};
	static const char *const reports[] = {
	    "<Report/>", "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Report/>"};
	char tracking[SEALPOINT_TRACKING_MAX];

	(void)state;
	s.mp.answers = answers;
	assert_int_equal(scene_register(&s, &why), 0);
	say("MP_HinvEndpoint", NATIVE | SIGN, "<Report></Report>");
	assert_int_equal(
	    sealpoint_message_set_property(s.message, "Site&<\"", "P'RI", &why),
	    0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(
		    sealpoint_message_set_attachment_from_buffer(s.message,
			"{00000000-0000-0000-0000-000000000001}",
			(const uint8_t *)reports[i], strlen(reports[i]), &why),
		    0);
		if (post(tracking) != 0)
			fail_msg("%s", why.text);
		assert_non_null(strstr(s.mp.seen[i + 1].header,
		    "{00000000-0000-0000-0000-000000000001}"));
		/* BOM and UTF-16 of "<Report/>", with the declaration gone. */
		assert_non_null(
		    strstr(s.mp.seen[i + 1].header, "Length=\"20\""));
		assert_non_null(
		    strstr(s.mp.seen[i + 1].header, "Site&amp;&lt;&quot;"));
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	    TEST(settings_without_sense_are_refused),
	    TEST(a_call_without_its_objects_is_refused),
	    TEST(what_is_missing_is_said_before_anything_is_sent),
	    TEST(a_body_that_does_not_fit_is_an_invalid_schema),
	    TEST(the_wrong_call_and_the_wrong_flags_are_refused),
	    TEST(plain_http_is_never_taken_for_https),
	    TEST(a_registration_is_remembered),
	    TEST(http_failures_have_their_class),
	    TEST(a_reply_without_a_good_signature_is_untrusted),
	    TEST(a_message_above_the_limit_is_not_sent),
	    TEST(an_invoked_message_brings_its_reply),
	    TEST(an_empty_answer_is_no_reply),
	    TEST(a_posted_message_is_delivered_at_once),
	    TEST(a_proxy_speaks_for_many_on_one_connection),
	    TEST(properties_and_attachments_go_along),
	};

	return cmocka_run_group_tests(tests, make_world, end_world);
}
