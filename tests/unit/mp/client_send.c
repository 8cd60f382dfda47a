#include "mp/client_send.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/mp/client_scene.h"

#define PROXY "GUID:0D5A4B1C-AAAA-2222-3333-444455556666"
#define REPORT "<Report><ReportHeader/><ReportBody/></Report>"
#define PLACE "<ContentLocationRequest SchemaVersion=\"1.00\"/>"
#define UPLOADED                                                     \
	{                                                            \
		.kind = LITTLE_OTHER, .status = 200, .forever = true \
	}

static struct mp_buf reply;

static int
registered(void **state, int (*arranged)(void **))
{
	static struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = DONE, .forever = true}, {0}};
	int r = arranged(state);

	s.mp.answers = answers;
	must_enrol(0);
	s.mp.count = 0;
	memset(s.mp.seen, 0, sizeof(s.mp.seen));
	mp_buf_init(&reply, 1u << 20);
	return r;
}

static int
native(void **state)
{
	return registered(state, set_up);
}

static int
mixed(void **state)
{
	return registered(state, set_up_mixed);
}

static int
after(void **state)
{
	mp_buf_release(&reply);
	return tear_down(state);
}

static struct mp_send
of(enum mp_kind kind, const char *body)
{
	return (struct mp_send){.kind = mp_kind_rule(kind), .body = body};
}

static void
must_refuse(const struct mp_send *what, enum mp_err code, const char *words)
{
	struct mp_error e = {0};

	assert_int_equal(mp_client_send(s.client, what, &reply, &e), code);
	says(&e, words);
	assert_int_equal(reply.len, 0);
	assert_int_equal(s.mp.count, 0); /* nothing was sent */
}

static void
must_send(const struct mp_send *what)
{
	struct mp_error e = {0};

	if (mp_client_send(s.client, what, &reply, &e) != 0)
		fail_msg("%s", e.text);
}

static void
what_makes_no_sense_is_not_sent(void **state)
{
	struct mp_property many[65];
	struct mp_send m = {.body = REPORT};

	(void)state;
	must_refuse(&m, MP_EARG, "neither a kind nor an endpoint");
	m = of(MP_KIND_STATE, "<Wrong/>");
	must_refuse(&m, MP_EARG, "SMS_ERR_INVALID_SCHEMA");
	m = of(MP_KIND_STATE, "<Report>");
	must_refuse(&m, MP_EARG, "the message's body");
	m = of(MP_KIND_STATE, NULL);
	must_refuse(&m, MP_EARG, "the message's body");
	m = of(MP_KIND_STATE, "<!DOCTYPE x []><Report/>");
	must_refuse(&m, MP_EARG, "the message's body");
	m = of(MP_KIND_STATE, REPORT);
	m.flags_given = true;
	m.flags = MP_FLAG_COMPRESS;
	must_refuse(&m, MP_EARG, "needs the flag \"sign\"");
	m.flags = MP_FLAG_SIGN | MP_FLAG_ENCRYPT;
	must_refuse(&m, MP_EARG, "mixed mode only");
	m.flags = MP_FLAG_SIGN | 0x10;
	must_refuse(&m, MP_EARG, "not documented");
	m.flags = MP_FLAG_SIGN;
	memset(many, 0, sizeof(many));
	m.properties = many;
	m.nproperties = 65;
	must_refuse(&m, MP_ELIMIT, "at most");
	m = (struct mp_send){.endpoint = "MP_Other", .body = "<a><b></a>"};
	must_refuse(&m, MP_EARG, "the message's body");
}

static void
an_unregistered_client_signs_nothing(void **state)
{
	struct mp_send m = of(MP_KIND_STATE, REPORT);
	char smsid[MP_SMSID_MAX] = "x";
	struct mp_error e;

	(void)state;
	s.cfg.site = "PR2";
	reopen();
	must_refuse(&m, MP_ENOTFOUND, "sealpoint register");
	assert_int_equal(mp_client_smsid(s.client, smsid, &e), MP_ENOTFOUND);
	assert_string_equal(smsid, "");
	assert_int_equal(mp_client_smsid(s.client, smsid, NULL), MP_ENOTFOUND);
}

static void
an_upload_is_signed_and_answered_with_nothing(void **state)
{
	struct little_answer answers[] = {UPLOADED, {0}};
	const struct mp_property mine[] = {
	    {"FileType", "ZZZ"}, {"Other", "value"}};
	struct mp_send m = of(MP_KIND_STATE, REPORT);
	const char *header = s.mp.seen[0].header;

	(void)state;
	s.mp.answers = answers;
	m.properties = mine;
	m.nproperties = 2;
	must_send(&m);
	assert_int_equal(reply.len, 0);
	assert_string_equal(mp_client_proof(s.client), "tls");
	assert_int_equal(mp_client_status(s.client), 200);
	assert_non_null(strstr(header, "<ReplyMode>Async</ReplyMode>"));
	assert_non_null(strstr(header, "Name=\"clientauth\""));
	assert_non_null(strstr(header, ">SSL<"));
	assert_non_null(strstr(header, "<SourceID>" SMSID "</SourceID>"));
	assert_non_null(strstr(header, "Name=\"FileType\" Value=\"SMX\""));
	assert_null(strstr(header, "ZZZ"));
	assert_non_null(strstr(header, "Name=\"Other\" Value=\"value\""));
	assert_non_null(strstr(s.mp.seen[0].xml, REPORT));
	assert_string_equal(s.mp.seen[0].path, "/ccm_system/request");
}

static void
the_kind_decides_on_the_declaration(void **state)
{
	struct little_answer answers[] = {UPLOADED, {0}};
	static const struct {
		enum mp_kind kind;
		const char *body;
		bool declared;
	} cases[] = {
	    {MP_KIND_STATE, REPORT, true},
	    {MP_KIND_STATE, "<?xml version=\"1.0\"?>\n" REPORT, true},
	    {MP_KIND_IDMIF, "<?xml version=\"1.0\"?>" REPORT, false},
	};
	struct mp_buf header, payload;
	struct mp_sealed request;
	struct mp_error e;
	struct mp_send m;

	(void)state;
	s.mp.answers = answers;
	mp_buf_init(&header, 1u << 20);
	mp_buf_init(&payload, 1u << 20);
	mp_sealed_init(&request);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		m = of(cases[i].kind, cases[i].body);
		if (mp_client_dry_run(
			s.client, &m, &header, &payload, &request, &e) != 0)
			fail_msg("%s", e.text);
		assert_int_equal(
		    strncmp((const char *)payload.data,
			"<?xml version=\"1.0\" encoding=\"utf-16\"?>", 39) == 0,
		    cases[i].declared);
		mp_buf_clear(&header);
		mp_buf_clear(&payload);
		mp_sealed_release(&request);
		mp_sealed_init(&request);
	}
	mp_buf_release(&header);
	mp_buf_release(&payload);
	mp_sealed_release(&request);
	assert_int_equal(s.mp.count, 0);
}

static void
a_signed_answer_to_an_upload_is_checked(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_OTHER, .xml = "<Ack/>", .forever = true}, {0}};
	struct mp_send m = of(MP_KIND_STATE, REPORT);
	struct mp_error e;

	(void)state;
	s.mp.answers = answers;
	must_send(&m);
	assert_string_equal((const char *)reply.data, "<Ack/>");
	assert_string_equal(mp_client_proof(s.client), "signature");
	s.mp.sign_cert = w.other;
	mp_buf_clear(&reply);
	assert_int_equal(mp_client_send(s.client, &m, &reply, &e), MP_ETRUST);
	says(&e, "not pinned");
	assert_int_equal(reply.len, 0);
	assert_int_equal(mp_client_send(s.client, &m, NULL, NULL), MP_ETRUST);
}

static void
a_question_gets_its_kind_of_answer(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_OTHER,
		.xml = "<ContentLocationReply SchemaVersion=\"1.00\"/>"},
	    {.kind = LITTLE_OTHER, .xml = "<ReplyAssignments/>"},
	    {.kind = LITTLE_OTHER, .status = 200}, {0}};
	struct mp_send m = of(MP_KIND_CONTENT_LOCATION, PLACE);
	struct mp_error e;

	(void)state;
	s.mp.answers = answers;
	must_send(&m);
	assert_non_null(strstr((const char *)reply.data, "LocationReply"));
	assert_null(strstr(s.mp.seen[0].header, "clientauth"));
	assert_null(strstr(s.mp.seen[0].header, "SourceID"));
	assert_non_null(strstr(s.mp.seen[0].header, ">Sync<"));
	assert_int_equal(mp_client_send(s.client, &m, &reply, &e), MP_EREPLY);
	says(&e, "<ReplyAssignments>, and not with <ContentLocationReply>");
	assert_int_equal(reply.len, 0);
	assert_int_equal(mp_client_send(s.client, &m, &reply, &e), MP_EREPLY);
	says(&e, "empty");
}

static void
a_raw_message_goes_to_its_endpoint(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_OTHER, .xml = "<Any/>"},
	    {.kind = LITTLE_OTHER, .status = 200}, {0}};
	struct mp_send m = {.endpoint = "MP_Other", .body = "<Own/>"};
	struct mp_error e;

	(void)state;
	s.mp.answers = answers;
	must_send(&m);
	assert_string_equal((const char *)reply.data, "<Any/>");
	assert_non_null(strstr(
	    s.mp.seen[0].header, "<TargetEndpoint>MP_Other</TargetEndpoint>"));
	if (mp_client_send(s.client, &m, NULL, &e) != 0)
		fail_msg("%s", e.text);
	assert_non_null(strstr(s.mp.seen[1].header, ">Async<"));
}

static void
a_fallback_report_goes_as_it_is(void **state)
{
	struct little_answer answers[] = {UPLOADED, {0}};
	struct mp_send m = of(MP_KIND_FALLBACK_STATUS, REPORT);

	(void)state;
	s.mp.answers = answers;
	must_send(&m);
	assert_string_equal(s.mp.seen[0].path, "/SMS_FSP/.sms_fsp");
	assert_memory_equal(s.mp.seen[0].head, "POST ", 5);
	assert_null(strstr(s.mp.seen[0].head, "Content-Type"));
	assert_non_null(strstr(s.mp.seen[0].head, "Content-Length: 45"));
}

static void
mixed_mode_signs_and_proves_no_empty_answer(void **state)
{
	struct little_answer answers[] = {UPLOADED, {0}};
	struct mp_send m = of(MP_KIND_STATE, REPORT);

	(void)state;
	s.mp.answers = answers;
	m.flags_given = true;
	m.flags = MP_FLAG_SIGN | MP_FLAG_NATIVE;
	must_refuse(&m, MP_EARG, "mixed mode");
	m.flags = MP_FLAG_SIGN | MP_FLAG_CRL;
	must_refuse(&m, MP_EARG, "crl");
	m.flags = MP_FLAG_SIGN;
	must_send(&m);
	assert_null(mp_client_proof(s.client));
	assert_non_null(strstr(s.mp.seen[0].header, ">NonSSL<"));
	assert_null(strstr(s.mp.seen[0].header, "zlib-compress"));
}

/* Encrypted to the MP's certificate, which `path` or the MP names. */
static void
encrypt(struct little_answer *answers, enum mp_err code, const char *words)
{
	struct mp_send m = of(MP_KIND_STATE, REPORT);
	struct mp_error e = {0};
	unsigned last;

	s.mp.answers = answers;
	m.flags_given = true;
	m.flags = MP_FLAG_SIGN | MP_FLAG_COMPRESS | MP_FLAG_ENCRYPT;
	reopen();
	s.mp.count = 0;
	assert_int_equal(mp_client_send(s.client, &m, &reply, &e), code);
	if (code != MP_OK) {
		says(&e, words);
		assert_int_equal(little_count(&s.mp, LITTLE_OTHER), 0);
		return;
	}
	last = s.mp.count - 1;
	assert_non_null(strstr(s.mp.seen[last].header, "Name=\"encrypt\""));
	assert_null(strstr(s.mp.seen[last].xml, "Report"));
}

/* MPCERT2 with this certificate for encryption. */
static void
mpcert2(X509 *cert, char *out, size_t max)
{
	uint8_t *der = NULL;
	int len = i2d_X509(cert, &der);
	size_t n;

	assert_true(len > 0);
	n = (size_t)snprintf(out, max,
	    "<MPCertificates><Certificate2 "
	    "Signature=\"AA\">");
	for (int i = 0; i < len; i++)
		n += (size_t)snprintf(out + n, max - n, "%02X", der[i]);
	(void)snprintf(out + n, max - n, "</Certificate2></MPCertificates>");
	OPENSSL_free(der);
}

static void
an_upload_is_encrypted_to_whom_somebody_vouched_for(void **state)
{
	static char named[8192], other[8192];
	struct little_answer good[] = {
	    UPLOADED, {.kind = LITTLE_GET, .xml = named}, {0}};
	struct little_answer bad[] = {
	    UPLOADED, {.kind = LITTLE_GET, .xml = other}, {0}};
	struct little_answer none[] = {
	    UPLOADED, {.kind = LITTLE_GET, .xml = "<MPCertificates/>"}, {0}};
	struct little_answer plain[] = {UPLOADED, {0}};

	(void)state;
	mpcert2(w.sign, named, sizeof(named));
	mpcert2(w.other, other, sizeof(other));
	encrypt(plain, MP_EHTTP, "404");
	encrypt(none, MP_EREPLY, "--encrypt-certs");
	encrypt(bad, MP_ETRUST, "nothing proves it");
	encrypt(good, MP_OK, NULL); /* it is pinned */
	s.cfg.encrypt_certs = "/nonexistent/mp.pem";
	encrypt(plain, MP_EARG, "/nonexistent/mp.pem");
	s.cfg.encrypt_certs = w.sign_path;
	encrypt(plain, MP_OK, NULL);
	assert_int_equal(little_count(&s.mp, LITTLE_GET), 0);
	s.cfg.cipher = MP_CIPHER_AES256;
	encrypt(plain, MP_OK, NULL);
}

static void
a_dry_run_shows_all_and_sends_nothing(void **state)
{
	static const struct mp_attachment a[] = {
	    {.name = "{1}",
		.data = (const uint8_t *)"<Full/>",
		.len = 7,
		.xml = true},
	    {.name = "{2}", .data = (const uint8_t *)"\x1B[2J", .len = 4},
	};
	struct mp_send m = of(MP_KIND_STATE, REPORT);
	struct mp_buf header, payload;
	struct mp_sealed request;
	struct mp_error e;

	(void)state;
	mp_buf_init(&header, 1u << 20);
	mp_buf_init(&payload, 1u << 20);
	mp_sealed_init(&request);
	m.attachments = a;
	m.nattachments = 2;
	m.flags_given = true;
	m.flags = MP_FLAG_SIGN | MP_FLAG_ENCRYPT;
	assert_int_equal(
	    mp_client_dry_run(s.client, &m, &header, &payload, &request, &e),
	    MP_EARG);
	says(&e, "--encrypt-certs");
	assert_int_equal(header.len, 0);
	s.cfg.encrypt_certs = w.sign_path;
	reopen();
	if (mp_client_dry_run(s.client, &m, &header, &payload, &request, &e) !=
	    0)
		fail_msg("%s", e.text);
	assert_memory_equal(header.data, "<Msg ", 5);
	assert_non_null(strstr((const char *)header.data, "</Msg>"));
	assert_non_null(strstr((const char *)header.data, "encrypt"));
	assert_non_null(strstr((const char *)payload.data, REPORT));
	assert_non_null(strstr((const char *)payload.data,
	    "\n[attachment {1} as UTF-8]\n<Full/>\n"
	    "[end of attachment {1}, 16 bytes]\n"
	    "[attachment {2} in base64]\nG1sySg==\n"
	    "[end of attachment {2}, 4 bytes]\n"));
	assert_memory_equal(request.head.data, "--", 2);
	assert_true(request.payload.size > 0);
	assert_memory_equal(request.tail.data, "\r\n--", 4);
	assert_int_equal(s.mp.count, 0);
	mp_buf_release(&header);
	mp_buf_release(&payload);
	mp_sealed_release(&request);
}

static void
a_proxy_signs_for_a_client_that_others_registered(void **state)
{
	struct little_answer answers[] = {UPLOADED, {0}};
	struct little_answer registration[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = DONE}, {0}};
	struct mp_send m = of(MP_KIND_STATE, REPORT);
	struct mp_state_client c;
	struct mp_error e;
	bool already;
	char *file;

	(void)state;
	assert_true(asprintf(&file, "%s/client.db", s.state) > 0);
	s.mp.answers = answers;
	s.cfg.client_id = OTHER;
	s.cfg.proxy_smsid = PROXY;
	reopen();
	must_send(&m);
	assert_non_null(
	    strstr(s.mp.seen[0].header, "<SourceID>" PROXY "</SourceID>"));
	s.cfg.proxy_smsid = NULL; /* then it is our own registration */
	reopen();
	assert_int_equal(mp_client_send(s.client, &m, NULL, &e), MP_EARG);
	says(&e, "cannot speak for others"); /* a client's */
	/* Anew: nothing is remembered. */
	mp_client_close(s.client);
	s.client = NULL;
	assert_int_equal(truncate(file, 0), 0);
	free(file);
	s.cfg.client_id = NULL;
	s.cfg.as = MP_AGENT_PROXY;
	s.mp.answers = registration;
	must_enrol(0);
	s.mp.answers = answers;
	s.cfg.client_id = OTHER;
	reopen();
	must_send(&m);
	assert_non_null(
	    strstr(s.mp.seen[2].header, "<SourceID>" SMSID "</SourceID>"));
	s.cfg.client_id = NULL;
	s.cfg.as = MP_AGENT_CLIENT;
	assert_int_equal(enrol(0, &c, &already, &e), MP_EARG);
	says(&e, "as an ISV proxy, and not as a client of its own");
}

static void
revocation_is_checked_for_a_message_that_asks_for_it(void **state)
{
	struct little_answer answers[] = {UPLOADED, {0}};
	struct mp_send m = of(MP_KIND_STATE, REPORT);
	struct mp_error e;

	(void)state;
	s.mp.answers = answers;
	must_send(&m);
	m.flags_given = true;
	m.flags = MP_FLAG_SIGN | MP_FLAG_CRL;
	assert_int_equal(mp_client_send(s.client, &m, &reply, &e), MP_ETLS);
	says(&e, "names no revocation list");
	m.flags = MP_FLAG_SIGN; /* and from then on */
	assert_int_equal(mp_client_send(s.client, &m, &reply, &e), MP_ETLS);
	assert_int_equal(s.mp.count, 1);
}

#define NATIVE(f) cmocka_unit_test_setup_teardown(f, native, after)
#define MIXED(f) cmocka_unit_test_setup_teardown(f, mixed, after)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    NATIVE(what_makes_no_sense_is_not_sent),
	    NATIVE(an_unregistered_client_signs_nothing),
	    NATIVE(an_upload_is_signed_and_answered_with_nothing),
	    NATIVE(the_kind_decides_on_the_declaration),
	    NATIVE(a_signed_answer_to_an_upload_is_checked),
	    NATIVE(a_question_gets_its_kind_of_answer),
	    NATIVE(a_raw_message_goes_to_its_endpoint),
	    NATIVE(a_fallback_report_goes_as_it_is),
	    MIXED(mixed_mode_signs_and_proves_no_empty_answer),
	    MIXED(an_upload_is_encrypted_to_whom_somebody_vouched_for),
	    MIXED(a_dry_run_shows_all_and_sends_nothing),
	    NATIVE(a_proxy_signs_for_a_client_that_others_registered),
	    NATIVE(revocation_is_checked_for_a_message_that_asks_for_it),
	};

	return cmocka_run_group_tests(tests, make_world, end_world);
}
