#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "mp/client_send.h"
#include "mp/hex.h"
#include "tests/unit/mp/client_scene.h"

#define PROXY "GUID:0D5A4B1C-AAAA-2222-3333-444455556666"
#define NOTHING                                                        \
	"<ReplyAssignments SchemaVersion=\"1.00\" ReplyType=\"Full\">" \
	"<Identification/><PolicySource/><Resource/><ServerCookie/>"   \
	"</ReplyAssignments>"

static void
must_not_open(const struct mp_client_config *cfg, const char *words)
{
	struct mp_client *c = (void *)1;
	struct mp_error e;

	assert_int_equal(mp_client_open(&c, cfg, w.evp, &w.signer, w.id.sha256,
			     sizeof(w.id.sha256), &e),
	    MP_EARG);
	assert_null(c);
	says(&e, words);
}

static void
what_the_documentation_rules_out_is_refused(void **state)
{
	static const struct {
		struct mp_client_config cfg;
		const char *words;
	} cases[] = {
	    {{.mode = (enum mp_mode)2}, "neither native nor mixed"},
	    {{.mp = "http://a"}, "native mode talks HTTPS only"},
	    {{.mp = "http://a:443"}, "native mode talks HTTPS only"},
	    {{.mp = "https://a", .mode = MP_MODE_MIXED},
		"mixed mode talks HTTP only"},
	    {{.port = 65536}, "beyond 65535"},
	    {{.internet = 3}, "InternetFlag 3"},
	    {{.internet = -1}, "InternetFlag -1"},
	    {{.mode = MP_MODE_MIXED, .internet = 1}, "native mode only"},
	    {{.mode = MP_MODE_MIXED, .internet = 2}, "native mode only"},
	    {{.mode = MP_MODE_MIXED, .crl = true}, "leave out crl"},
	    {{.mode = MP_MODE_MIXED, .hint = "x"}, "hint"},
	    {{.mode = MP_MODE_MIXED, .auth = MP_AUTH_ALTERNATE}, "HTTPS"},
	    {{.mode = MP_MODE_MIXED, .signature = MP_SIGNATURE_TLS},
		"there is no TLS"},
	    {{.mode = MP_MODE_MIXED, .http_proxy = "http://p:1"},
		"an HTTP proxy is for Internet-based"},
	    {{.http_proxy = "http://p:1"},
		"an HTTP proxy is for Internet-based"},
	    {{.internet = 1, .http_proxy = "https://p:1"},
		"no address of an HTTP proxy"},
	    {{.internet = 1, .http_proxy_file = "/nonexistent"},
		"but no proxy"},
	    {{.auth_file = "/nonexistent"}, "windows authentication"},
	    {{.auth = MP_AUTH_WINDOWS, .auth_file = "/nonexistent"},
		"/nonexistent"},
	    {{.client_id = "GUID:1"}, "no SMSID for a managed client"},
	    {{.proxy_smsid = "1"}, "no SMSID for an ISV proxy"},
	    {{.want_smsid = ""}, "no SMSID for a registration"},
	    {{.proxy_smsid = PROXY}, "is for its clients"},
	    {{.as = MP_AGENT_PROXY_CLIENT}, "--fqdn"},
	    {{.as = (enum mp_agent)1}, "agent type 1"},
	};
	struct mp_client_config cfg;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cfg = cases[i].cfg;
		cfg.mp = cfg.mp != NULL ? cfg.mp : "mp1.dom";
		cfg.site = "PRI";
		must_not_open(&cfg, cases[i].words);
	}
	assert_int_equal(s.mp.count, 0);
}

static void
a_self_signed_certificate_is_warned_of_in_native_mode(void **state)
{
	(void)state;
	s.who = &w.self;
	reopen();
	assert_non_null(strstr(mp_client_warning(s.client), "self-signed"));
}

static void
mixed_mode_registers_and_reads_policy_over_http(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = DONE},
	    {.kind = LITTLE_ASSIGNMENTS, .xml = NOTHING}, {0}};
	struct mp_assignments a;
	struct mp_error e;

	(void)state;
	s.mp.answers = answers;
	must_enrol(0);
	assert_null(mp_client_warning(s.client));
	assert_null(strstr(s.mp.seen[0].header, "clientauth"));
	assert_non_null(strstr(s.mp.seen[0].xml, "KeyType=\"1\""));
	if (mp_client_assignments(s.client, NULL, &a, &e) != 0)
		fail_msg("%s", e.text);
	assert_string_equal(mp_client_proof(s.client), "signature");
	assert_non_null(strstr(s.mp.seen[1].header, ">NonSSL<"));
	assert_non_null(
	    strstr(s.mp.seen[1].header, "<SourceID>" SMSID "</SourceID>"));
	mp_assignments_release(&a);
}

#define BODY "<Policy PolicyID=\"{P}\" PolicyVersion=\"1.00\"/>"

/* What a policy of these flags comes to, whose assignment has these hashes. */
static int
fetch(unsigned flags, const char *hash, const char *hash_ex, struct mp_error *e)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_GET, .xml = BODY, .forever = true}, {0}};
	struct mp_assignment a = {.id = (char[]){"{A}"},
	    .policy = (char[]){"{P}"},
	    .version = (char[]){"1.00"},
	    .location = (char[]){"http://<mp>/SMS_MP/.sms_pol?{P}.1_00"},
	    .hash = (char *)(uintptr_t)hash,
	    .hash_ex = (char *)(uintptr_t)hash_ex,
	    .flags = flags};
	struct mp_buf xml;
	int r;

	s.mp.answers = answers;
	s.mp.count = 0;
	mp_buf_init(&xml, 65536);
	r = mp_client_policy(s.client, &a, &xml, e);
	assert_string_equal(
	    xml.len == 0 ? "" : (const char *)xml.data, r == 0 ? BODY : "");
	mp_buf_release(&xml);
	return r;
}

static void
digest(const char *algorithm, struct mp_buf *hex)
{
	uint8_t sum[EVP_MAX_MD_SIZE];
	size_t n = 0;

	assert_int_equal(EVP_Q_digest(NULL, algorithm, NULL, BODY,
			     sizeof(BODY) - 1, sum, &n),
	    1);
	mp_buf_init(hex, 256);
	mp_hex_add(hex, sum, n);
}

static void
enrol_once(void)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = DONE}, {0}};

	s.mp.answers = answers;
	must_enrol(0);
}

/* Anybody on the wire could have written the body. */
static void
without_tls_a_policy_is_what_its_assignment_s_hash_says(void **state)
{
	struct mp_buf md5, sha1, sha256;
	char wrong[65];
	struct mp_error e;

	(void)state;
	digest("MD5", &md5);
	digest("SHA1", &sha1);
	digest("SHA256", &sha256);
	(void)snprintf(wrong, sizeof(wrong), "%s", (char *)sha256.data);
	wrong[63] = wrong[63] == '0' ? '1' : '0';
	enrol_once();
	assert_int_equal(fetch(0, "", "", &e), MP_ETRUST);
	says(&e, "{P}");
	says(&e, "not given");
	says(&e, "native mode");
	assert_null(mp_client_proof(s.client));
	assert_int_equal(fetch(0, (char *)md5.data, "", &e), MP_ETRUST);
	assert_int_equal(fetch(0, "", wrong, &e), MP_ETRUST);
	says(&e, "differs");
	assert_int_equal(fetch(0, (char *)md5.data, wrong, &e), MP_ETRUST);
	assert_int_equal(fetch(0, "SHA384:00", "", &e), MP_ETRUST);
	if (fetch(0, (char *)md5.data, (char *)sha1.data, &e) != 0 ||
	    fetch(0, (char *)sha256.data, "", &e) != 0)
		fail_msg("%s", e.text);
	assert_string_equal(mp_client_proof(s.client), "hash");
	assert_int_equal(
	    fetch(MP_POLICY_SECRET, (char *)sha256.data, "", &e), MP_ETRUST);
	says(&e, "unencrypted");
	mp_buf_release(&md5);
	mp_buf_release(&sha1);
	mp_buf_release(&sha256);
}

/* Sites that enforce HTTPS send secrets as they are (wire-facts 5.4). */
static void
over_tls_a_policy_needs_a_hash_only_when_told_so(void **state)
{
	struct mp_error e;

	(void)state;
	enrol_once();
	if (fetch(0, "", "", &e) != 0 ||
	    fetch(MP_POLICY_SECRET, "", "", &e) != 0)
		fail_msg("%s", e.text);
	assert_string_equal(mp_client_proof(s.client), "tls");
	s.cfg.policy_hash_rule = MP_POLICY_HASH_ALWAYS;
	reopen();
	assert_int_equal(fetch(0, "", "", &e), MP_ETRUST);
	says(&e, "{P}");
}

static void
mixed_mode_believes_nothing_unsigned(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = DONE, .forever = true}, {0}};
	struct mp_state_client c;
	struct mp_error e;
	bool already;

	(void)state;
	s.mp.answers = answers;
	s.mp.sign_cert = NULL;
	assert_int_equal(enrol(0, &c, &already, &e), MP_ETRUST);
	says(&e, "not signed");
	assert_null(mp_client_proof(s.client));
}

static void
names_are_remembered_with_the_registration(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = DONE},
	    {.kind = LITTLE_ASSIGNMENTS, .xml = NOTHING, .forever = true}, {0}};
	struct mp_assignments a;
	struct mp_error e;

	(void)state;
	s.mp.answers = answers;
	must_enrol(0);
	s.cfg.netbios = NULL;
	s.cfg.fqdn = NULL;
	reopen();
	if (mp_client_assignments(s.client, NULL, &a, &e) != 0)
		fail_msg("%s", e.text);
	mp_assignments_release(&a);
	assert_non_null(strstr(s.mp.seen[1].xml, ">client1.example.test<"));
	assert_non_null(strstr(s.mp.seen[1].xml, ">CLIENT1<"));
	s.cfg.netbios = "OTHER"; /* what is said counts first */
	reopen();
	assert_int_equal(mp_client_assignments(s.client, NULL, &a, &e), 0);
	mp_assignments_release(&a);
	assert_non_null(strstr(s.mp.seen[2].xml, ">OTHER<"));
}

/* Somebody on the wire kept the answer to another client's registration. */
static void
an_id_that_another_client_has_is_not_adopted(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = DONE, .forever = true}, {0}};
	struct mp_state_client c;
	struct mp_error e;
	bool already;

	(void)state;
	s.mp.answers = answers;
	must_enrol(0);
	s.cfg.as = MP_AGENT_PROXY_CLIENT;
	s.cfg.proxy_smsid = PROXY;
	s.cfg.fqdn = "managed1.example.test";
	reopen();
	assert_int_equal(enrol(0, &c, &already, &e), MP_ETRUST);
	says(&e, SMSID);
	says(&e, "--smsid");
	assert_string_equal(c.smsid, "");
	assert_int_equal(enrol(0, &c, &already, &e), MP_ETRUST);
	s.cfg.want_smsid = SMSID; /* a name for what it is */
	reopen();
	if (enrol(0, &c, &already, &e) != 0)
		fail_msg("%s", e.text);
	assert_string_equal(c.smsid, SMSID);
}

/* A proxy, then two of its clients, each with an id of its own. */
static void
a_proxy_registers_its_clients(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION,
		.xml = RESPONSE("Registration", "0", WITH(PROXY))},
	    {.kind = LITTLE_REGISTRATION, .xml = PENDING},
	    {.kind = LITTLE_REGISTRATION,
		.xml = RESPONSE("Registration", "0", WITH(OTHER))},
	    {.kind = LITTLE_CONFIRMATION, .xml = CONFIRMED},
	    {.kind = LITTLE_ASSIGNMENTS, .xml = NOTHING}, {0}};
	struct mp_assignments a;
	struct mp_state_client c;
	char smsid[MP_SMSID_MAX];
	struct mp_error e;
	bool already;

	(void)state;
	s.mp.answers = answers;
	s.cfg.as = MP_AGENT_PROXY_CLIENT;
	assert_int_equal(enrol(0, &c, &already, &e), MP_ENOTFOUND);
	says(&e, "--as proxy");
	s.cfg.as = MP_AGENT_PROXY;
	assert_int_equal(enrol(0, &c, &already, &e), 0);
	assert_non_null(strstr(s.mp.seen[0].xml, "AgentType=\"4\""));

	s.cfg.as = MP_AGENT_PROXY_CLIENT;
	s.cfg.fqdn = "A.example.test";
	assert_int_equal(enrol(0, &c, &already, &e), MP_EPENDING);
	assert_non_null(strstr(s.mp.seen[1].xml, "AgentType=\"8\""));
	assert_non_null(
	    strstr(s.mp.seen[1].xml, "<Signature SMSID=\"" PROXY "\">"));
	s.cfg.fqdn = "b.example.test";
	assert_int_equal(enrol(0, &c, &already, &e), 0);
	assert_string_equal(c.smsid, OTHER);
	s.cfg.client_id = SMSID; /* pending still */
	assert_int_equal(mp_client_smsid(s.client, smsid, &e), 0);
	reopen();
	assert_int_equal(mp_client_smsid(s.client, smsid, &e), MP_EPENDING);
	s.cfg.client_id = NULL;
	s.cfg.fqdn = "a.example.test"; /* of either case */
	assert_int_equal(enrol(5, &c, &already, &e), 0);
	assert_string_equal(c.smsid, SMSID);
	assert_int_equal(little_count(&s.mp, LITTLE_REGISTRATION), 3);

	/* The proxy signs, and the body speaks of the client. */
	s.cfg.as = MP_AGENT_PROXY;
	s.cfg.client_id = SMSID;
	s.cfg.fqdn = NULL;
	s.cfg.netbios = NULL;
	reopen();
	assert_int_equal(mp_client_smsid(s.client, smsid, &e), 0);
	assert_string_equal(smsid, SMSID);
	if (mp_client_assignments(s.client, NULL, &a, &e) != 0)
		fail_msg("%s", e.text);
	mp_assignments_release(&a);
	assert_non_null(
	    strstr(s.mp.seen[4].header, "<SourceID>" PROXY "</SourceID>"));
	assert_non_null(
	    strstr(s.mp.seen[4].xml, "<ClientID>" SMSID "</ClientID>"));
	assert_non_null(strstr(s.mp.seen[4].xml, ">a.example.test<"));
}

static void
a_proxy_that_the_console_knows_is_named_once(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = DONE},
	    {.kind = LITTLE_ASSIGNMENTS, .xml = NOTHING}, {0}};
	struct mp_assignments a;
	struct mp_error e;

	(void)state;
	s.mp.answers = answers;
	s.cfg.as = MP_AGENT_PROXY_CLIENT;
	s.cfg.proxy_smsid = PROXY;
	must_enrol(0);
	s.cfg.as = MP_AGENT_CLIENT;
	s.cfg.proxy_smsid = NULL;
	s.cfg.client_id = SMSID;
	reopen();
	if (mp_client_assignments(s.client, NULL, &a, &e) != 0)
		fail_msg("%s", e.text);
	mp_assignments_release(&a);
	assert_non_null(
	    strstr(s.mp.seen[1].header, "<SourceID>" PROXY "</SourceID>"));
}

static void
wishes_go_into_the_registration(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = DONE}, {0}};
	const char *xml = s.mp.seen[0].xml;

	(void)state;
	s.mp.answers = answers;
	s.cfg.internet = 2;
	s.cfg.want_smsid = SMSID;
	s.cfg.hardware_id = "2:0123456789ABCDEF0123456789ABCDEF01234567";
	s.cfg.hint = "ABCD";
	must_enrol(0);
	assert_non_null(strstr(xml, "Name=\"InternetFlag\" Value=\"2\""));
	assert_non_null(strstr(xml, " SMSID=\"" SMSID "\""));
	assert_non_null(strstr(xml, s.cfg.hardware_id));
	assert_non_null(strstr(xml, "<RegistrationHint"));
}

/* A server that asks nobody for a certificate. */
static void
free_for_all(void)
{
	struct https_config there = {.cert = w.tls,
	    .key = w.mp_key,
	    .handle = little_handle,
	    .ctx = &s.mp};

	https_stop(s.mp.server);
	s.mp.server = https_start(&there);
	(void)snprintf(s.url, sizeof(s.url), "https://localhost:%u",
	    https_port(s.mp.server));
}

static void
each_way_of_authentication_has_its_paths(void **state)
{
	static const struct {
		enum mp_auth auth;
		const char *messages, *policy;
	} ways[] = {
	    {MP_AUTH_NONE, "/ccm_system/request", "/SMS_MP/.sms_pol?"},
	    {MP_AUTH_WINDOWS, "/ccm_system_windowsauth/request",
		"/SMS_MP_WindowsAuth/.sms_pol?"},
	    {MP_AUTH_ALTERNATE, "/ccm_system_altauth/request",
		"/SMS_MP_AltAuth/.sms_pol?"},
	};
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = DONE, .forever = true}, {0}};
	struct mp_assignment a = {.id = (char[]){"{A}"},
	    .policy = (char[]){"{P}"},
	    .version = (char[]){"1.00"},
	    .location = (char[]){"http://<mp>/SMS_MP/.sms_pol?{P}.1_00"},
	    .hash = (char[]){""},
	    .hash_ex = (char[]){""}};
	const struct little_seen *seen;
	struct mp_state_client c;
	struct mp_buf xml;
	struct mp_error e;
	bool already;

	(void)state;
	s.mp.answers = answers;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		s.cfg.auth = ways[i].auth;
		s.cfg.site = (const char *[]){"PR0", "PR1", "PR2"}[i];
		s.mp.site = s.cfg.site;
		s.mp.count = 0;
		seen = s.mp.seen;
		if (ways[i].auth == MP_AUTH_ALTERNATE) {
			/* Ours insists on a certificate, and gets none. */
			assert_int_equal(enrol(0, &c, &already, &e), MP_ETLS);
			free_for_all();
		}
		must_enrol(0);
		assert_string_equal(seen[0].path, ways[i].messages);
		mp_buf_init(&xml, 65536);
		assert_int_equal(
		    mp_client_policy(s.client, &a, &xml, &e), MP_EHTTP);
		assert_memory_equal(
		    seen[1].path, ways[i].policy, strlen(ways[i].policy));
		mp_buf_release(&xml);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define MIXED(f) cmocka_unit_test_setup_teardown(f, set_up_mixed, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(what_the_documentation_rules_out_is_refused),
	    TEST(a_self_signed_certificate_is_warned_of_in_native_mode),
	    MIXED(mixed_mode_registers_and_reads_policy_over_http),
	    MIXED(mixed_mode_believes_nothing_unsigned),
	    MIXED(without_tls_a_policy_is_what_its_assignment_s_hash_says),
	    TEST(over_tls_a_policy_needs_a_hash_only_when_told_so),
	    TEST(names_are_remembered_with_the_registration),
	    MIXED(an_id_that_another_client_has_is_not_adopted),
	    MIXED(a_proxy_registers_its_clients),
	    MIXED(a_proxy_that_the_console_knows_is_named_once),
	    TEST(wishes_go_into_the_registration),
	    TEST(each_way_of_authentication_has_its_paths),
	};

	return cmocka_run_group_tests(tests, make_world, end_world);
}
