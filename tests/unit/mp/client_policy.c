#include "mp/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/cms.h>
#include <openssl/rsa.h>

#include "mp/hex.h"
#include "tests/unit/mp/client_scene.h"

#define POLICY "<Policy PolicyID=\"P\" PolicyVersion=\"1.00\"/>"

#define ASSIGNMENTS                                                           \
	"<ReplyAssignments SchemaVersion=\"1.00\" ReplyType=\"Full\">"        \
	"<PolicyAssignment PolicyAssignmentID=\"{A1}\"><Policy "              \
	"PolicyID=\"{P1}\" PolicyVersion=\"1.00\" PolicyCategory=\"C\" "      \
	"PolicyFlags=\"%u\"><PolicyLocation PolicyHash=\"\"><![CDATA[http://" \
	"<mp>/SMS_MP/.sms_pol?{P1}.1_00]]></PolicyLocation></Policy>"         \
	"</PolicyAssignment></ReplyAssignments>"

static void
policy_is_for_the_registered(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = PENDING}, {0}};
	struct mp_assignments a;
	struct mp_state_client c;
	struct mp_error e;
	bool already;

	(void)state;
	s.mp.answers = answers;
	reopen();
	assert_int_equal(
	    mp_client_assignments(s.client, NULL, &a, &e), MP_ENOTFOUND);
	says(&e, "sealpoint register");
	assert_int_equal(enrol(0, &c, &already, &e), MP_EPENDING);
	assert_int_equal(
	    mp_client_assignments(s.client, NULL, &a, &e), MP_EPENDING);
	says(&e, "sealpoint register");
	assert_int_equal(a.count, 0);
	assert_int_equal(s.mp.count, 1);
}

static void
a_reply_that_cannot_be_read_is_told_with_its_sender(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = DONE},
	    {.kind = LITTLE_ASSIGNMENTS, .xml = "<Nonsense/>"},
	    {.kind = LITTLE_GET, .xml = "<Nonsense/>", .forever = true}, {0}};
	struct mp_key_information k;
	struct mp_certificates c;
	struct mp_assignments a;
	struct mp_error e;
	struct mp_list l;

	(void)state;
	s.mp.answers = answers;
	must_enrol(0);
	assert_int_equal(
	    mp_client_assignments(s.client, NULL, &a, &e), MP_EREPLY);
	says(&e, s.url);
	assert_int_equal(mp_client_mp_list(s.client, &l, &e), MP_EREPLY);
	says(&e, s.url);
	assert_int_equal(
	    mp_client_key_information(s.client, &k, &e), MP_EREPLY);
	says(&e, s.url);
	assert_int_equal(mp_client_certificates(s.client, &c, &e), MP_EREPLY);
	says(&e, s.url);
}

/* Registered, and with a list of one policy of these flags. */
static void
list_policy(unsigned flags, struct mp_assignments *a)
{
	static char xml[2048];
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = DONE},
	    {.kind = LITTLE_ASSIGNMENTS, .xml = xml}, {0}};
	struct mp_error e;

	(void)snprintf(xml, sizeof(xml), ASSIGNMENTS, flags);
	s.mp.answers = answers;
	must_enrol(0);
	if (mp_client_assignments(s.client, NULL, a, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(a->count, 1);
	assert_int_equal(a->list[0].flags, flags);
	assert_string_equal(mp_client_proof(s.client), "signature");
}

static void
assignments_are_asked_for_in_the_client_s_name(void **state)
{
	const struct little_seen *seen = &s.mp.seen[1];
	struct mp_assignments a;

	(void)state;
	list_policy(0, &a);
	assert_non_null(strstr(seen->header, "clientauth"));
	assert_non_null(strstr(seen->header, "<SourceID>" SMSID "</SourceID>"));
	assert_non_null(strstr(seen->xml, "<ClientID>" SMSID "</ClientID>"));
	assert_non_null(strstr(seen->xml, "SMS:PRI"));
	mp_assignments_release(&a);
}

#define USER_SID "S-1-5-21-1-2-3-1104"

static void
a_user_s_changes_are_asked_for_by_sid_and_cookie(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = DONE},
	    {.kind = LITTLE_ASSIGNMENTS,
		.xml = "<ReplyAssignments SchemaVersion=\"1.00\" "
		       "ReplyType=\"Delta\"><ServerCookie>c2</ServerCookie>"
		       "</ReplyAssignments>"},
	    {0}};
	const struct mp_assignments_user user = {
	    .name = "CORP\\anna", .sid = USER_SID};
	const struct mp_client_policies wanted = {
	    .user = &user, .cookie = "c1"};
	const struct little_seen *seen = &s.mp.seen[1];
	struct mp_assignments a;
	struct mp_error e;

	(void)state;
	s.mp.answers = answers;
	must_enrol(0);
	if (mp_client_assignments(s.client, &wanted, &a, &e) != 0)
		fail_msg("%s", e.text);
	assert_string_equal(a.cookie, "c2");
	assert_non_null(strstr(seen->xml, "<SID>" USER_SID "</SID>"));
	assert_non_null(strstr(seen->xml, "RequestType=\"OnUpdate\""));
	assert_non_null(strstr(seen->xml, "<ServerCookie>c1</ServerCookie>"));
	mp_assignments_release(&a);
}

static int
fetch(const struct mp_assignments *a, struct little_answer *answers,
    struct mp_buf *xml, struct mp_error *e)
{
	mp_buf_init(xml, 1u << 20);
	s.mp.answers = answers;
	return mp_client_policy(s.client, &a->list[0], xml, e);
}

static void
a_plain_policy_is_fetched_without_identity(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_GET,
		.path = "/SMS_MP/.sms_pol?%7BP1%7D.1_00",
		.xml = POLICY},
	    {0}};
	struct mp_assignments a;
	struct mp_error e;
	struct mp_buf xml;

	(void)state;
	list_policy(0, &a);
	if (fetch(&a, answers, &xml, &e) != 0)
		fail_msg("%s", e.text);
	assert_string_equal((const char *)xml.data, POLICY);
	assert_null(strstr(s.mp.seen[2].head, "CCMClient"));
	assert_string_equal(mp_client_proof(s.client), "tls");
	mp_buf_release(&xml);
	mp_assignments_release(&a);
}

/* "Name: value" of a request's head. */
static void
field(const char *head, const char *name, char *value, size_t max)
{
	const char *at = strstr(head, name);
	size_t len;

	assert_non_null(at);
	at += strlen(name);
	assert_memory_equal(at, ": ", 2);
	at += 2;
	len = strcspn(at, "\r");
	assert_true(len < max);
	memcpy(value, at, len);
	value[len] = '\0';
}

/* Is hex our signature, reversed, over U16(text) and NUL? */
static void
must_be_signed(const char *text, const char *hex)
{
	uint8_t data[512] = {0}, sig[512];
	size_t n = strlen(hex) / 2, len = strlen(text);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct mp_buf raw;

	for (size_t i = 0; i < len; i++)
		data[2 * i] = (uint8_t)text[i];
	mp_buf_init(&raw, sizeof(sig));
	assert_true(mp_hex_decode(hex, strlen(hex), &raw));
	for (size_t i = 0; i < n; i++)
		sig[n - 1 - i] = raw.data[i];
	mp_buf_release(&raw);
	assert_int_equal(
	    EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, w.client_key),
	    1);
	assert_int_equal(EVP_DigestVerify(ctx, sig, n, data, 2 * len + 2), 1);
	EVP_MD_CTX_free(ctx);
}

/* As an MP makes it: AES-256, OAEP, for the client's certificate. */
static size_t
encrypt(const char *text, uint8_t **der)
{
	BIO *in = BIO_new_mem_buf(text, -1);
	CMS_ContentInfo *cms;
	CMS_RecipientInfo *ri;
	int len;

	cms =
	    CMS_encrypt(NULL, in, EVP_aes_256_cbc(), CMS_BINARY | CMS_PARTIAL);
	assert_non_null(cms);
	ri = CMS_add1_recipient_cert(
	    cms, w.client, CMS_KEY_PARAM | CMS_USE_KEYID);
	assert_non_null(ri);
	assert_int_equal(
	    EVP_PKEY_CTX_set_rsa_padding(
		CMS_RecipientInfo_get0_pkey_ctx(ri), RSA_PKCS1_OAEP_PADDING),
	    1);
	assert_int_equal(CMS_final(cms, in, NULL, CMS_BINARY), 1);
	len = i2d_CMS_ContentInfo(cms, der);
	assert_true(len > 0);
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	return (size_t)len;
}

static void
a_secret_policy_is_fetched_with_identity_and_opened(void **state)
{
	struct little_answer answers[] = {{.kind = LITTLE_GET}, {0}};
	char id[128], sig[1024], when[64];
	struct mp_assignments a;
	uint8_t *der = NULL;
	struct mp_error e;
	struct mp_buf xml;

	(void)state;
	answers[0].len = encrypt(POLICY, &der);
	answers[0].xml = (const char *)der;
	list_policy(MP_POLICY_SECRET | MP_POLICY_REQUIRES_AUTH, &a);
	if (fetch(&a, answers, &xml, &e) != 0)
		fail_msg("%s", e.text);
	assert_string_equal((const char *)xml.data, POLICY);
	field(s.mp.seen[2].head, "CCMClientID", id, sizeof(id));
	assert_string_equal(id, SMSID);
	field(s.mp.seen[2].head, "CCMClientIDSignature", sig, sizeof(sig));
	must_be_signed(id, sig);
	field(s.mp.seen[2].head, "CCMClientTimestamp", when, sizeof(when));
	assert_int_equal(strlen(when), 20);
	field(
	    s.mp.seen[2].head, "CCMClientTimestampSignature", sig, sizeof(sig));
	must_be_signed(when, sig);
	mp_buf_release(&xml);
	mp_assignments_release(&a);
	OPENSSL_free(der);
}

static void
a_task_sequence_is_not_fetched(void **state)
{
	struct little_answer answers[] = {{0}};
	struct mp_assignments a;
	struct mp_error e;
	struct mp_buf xml;

	(void)state;
	list_policy(MP_POLICY_TASK_SEQUENCE, &a);
	assert_int_equal(fetch(&a, answers, &xml, &e), MP_EREFUSED);
	says(&e, "task sequence");
	assert_int_equal(s.mp.count, 2);
	mp_buf_release(&xml);
	mp_assignments_release(&a);
}

static void
a_policy_that_is_not_there_is_named(void **state)
{
	struct little_answer empty[] = {{.kind = LITTLE_GET, .xml = ""}, {0}};
	struct little_answer none[] = {{0}};
	struct mp_assignments a;
	struct mp_error e;
	struct mp_buf xml;

	(void)state;
	list_policy(0, &a);
	assert_int_equal(fetch(&a, none, &xml, &e), MP_EHTTP);
	says(&e, "P1");
	mp_buf_release(&xml);
	assert_int_equal(fetch(&a, empty, &xml, &e), MP_EREPLY);
	says(&e, "empty");
	assert_int_equal(xml.len, 0);
	mp_buf_release(&xml);
	mp_assignments_release(&a);
}

static void
documents_are_read_without_registration(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_GET,
		.path = "/SMS_MP/.sms_aut?MPLIST",
		.xml = "<MPList><MP Name=\"MP1\" FQDN=\"mp1.dom\">"
		       "<Version>9128</Version></MP></MPList>"},
	    {.kind = LITTLE_GET,
		.path = "/SMS_MP/.sms_aut?MPKEYINFORMATION",
		.xml = "<MPKEYINFORMATION><SITECODE>PRI</SITECODE>"
		       "</MPKEYINFORMATION>"},
	    {.kind = LITTLE_GET,
		.path = "/SMS_MP/.sms_aut?MPCERT2",
		.xml = "<MPCertificates/>",
		.forever = true},
	    {.kind = LITTLE_GET,
		.path = "/SMS_MP/.sms_aut?SITESIGNCERT",
		.status = 503},
	    {0}};
	struct mp_key_information k;
	struct mp_certificates c;
	struct mp_list l;
	struct mp_error e;

	(void)state;
	s.mp.answers = answers;
	s.cfg.state_dir = NULL;
	s.cfg.netbios = s.cfg.fqdn = NULL;
	reopen();
	assert_int_equal(mp_client_mp_list(s.client, &l, &e), 0);
	assert_int_equal(l.count, 1);
	mp_list_release(&l);
	assert_int_equal(mp_client_key_information(s.client, &k, &e), 0);
	assert_string_equal(k.site, "PRI");
	mp_key_information_release(&k);
	assert_int_equal(mp_client_certificates(s.client, &c, &e), MP_EHTTP);
	says(&e, "503");
	if (mp_client_certificates(s.client, &c, &e) != 0) /* then 404 */
		fail_msg("%s", e.text);
	assert_null(c.site);
	mp_certificates_release(&c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(policy_is_for_the_registered),
	    TEST(a_reply_that_cannot_be_read_is_told_with_its_sender),
	    TEST(assignments_are_asked_for_in_the_client_s_name),
	    TEST(a_user_s_changes_are_asked_for_by_sid_and_cookie),
	    TEST(a_plain_policy_is_fetched_without_identity),
	    TEST(a_secret_policy_is_fetched_with_identity_and_opened),
	    TEST(a_task_sequence_is_not_fetched),
	    TEST(a_policy_that_is_not_there_is_named),
	    TEST(documents_are_read_without_registration),
	};

	return cmocka_run_group_tests(tests, make_world, end_world);
}
