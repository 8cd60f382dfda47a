#include "mp/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/mp/client_scene.h"

static void
must_not_open(const struct signer_identity *id, const char *words)
{
	struct mp_client *c = (void *)1;
	struct mp_error e;

	assert_int_not_equal(mp_client_open(&c, &s.cfg, w.evp, &w.signer,
				 id->sha256, sizeof(id->sha256), &e),
	    0);
	assert_null(c);
	says(&e, words);
}

static void
a_configuration_without_sense_is_refused(void **state)
{
	const struct {
		const char *mp, *site, *netbios, *fqdn, *words;
	} cases[] = {
	    {"http://localhost", "PRI", "C", "c.dom", "native mode"},
	    {NULL, "PRI", "C", "c.dom", "https://HOST"},
	    {s.url, "", "C", "c.dom", "site code"},
	    {s.url, NULL, "C", "c.dom", "site code"},
	    {s.url, "PR", "C", "c.dom", "site code"},
	    {s.url, "PRIX", "C", "c.dom", "site code"},
	    {s.url, "P<I", "C", "c.dom", "site code"},
	    {s.url, "PRI", "", "c.dom", "NetBIOS"},
	    {s.url, "PRI", "SIXTEENCHARACTER", "c.dom", "NetBIOS"},
	    {s.url, "PRI", "A B", "c.dom", "NetBIOS"},
	    {s.url, "PRI", "A\\B", "c.dom", "NetBIOS"},
	    {s.url, "PRI", "C", "", "DNS name"},
	    {s.url, "PRI", "C", "c dom", "DNS name"},
	    {s.url, "PRI", "C", "<c>.dom", "DNS name"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		s.cfg.mp = cases[i].mp;
		s.cfg.site = cases[i].site;
		s.cfg.netbios = cases[i].netbios;
		s.cfg.fqdn = cases[i].fqdn;
		must_not_open(&w.id, cases[i].words);
	}
	assert_int_equal(s.mp.count, 0);
	mp_client_close(NULL);
}

static void
missing_files_are_named(void **state)
{
	(void)state;
	s.cfg.mp_certs = "/nonexistent/mp.pem";
	must_not_open(&w.id, "/nonexistent/mp.pem");
	s.cfg.mp_certs = w.sign_path;
	s.cfg.ca = "/nonexistent/ca.pem";
	must_not_open(&w.id, "/nonexistent/ca.pem");
}

static void
an_ec_key_is_refused(void **state)
{
	(void)state;
	must_not_open(&w.ec, "RSA");
}

static void
a_certificate_out_of_its_time_is_warned_of(void **state)
{
	struct mp_error e;

	(void)state;
	reopen();
	assert_null(mp_client_warning(s.client));
	mp_client_close(s.client);
	assert_int_equal(mp_client_open(&s.client, &s.cfg, w.evp, &w.signer,
			     w.old.sha256, sizeof(w.old.sha256), &e),
	    0);
	assert_non_null(strstr(mp_client_warning(s.client), "has expired"));
	s.cfg.strict_dates = true;
	must_not_open(&w.old, "has expired");
}

static void
registering_needs_names_and_a_place(void **state)
{
	struct mp_state_client c;
	struct mp_error e;
	bool already;

	(void)state;
	s.cfg.netbios = NULL;
	assert_int_equal(enrol(0, &c, &already, &e), MP_EARG);
	says(&e, "--netbios");
	s.cfg.netbios = "CLIENT1";
	s.cfg.state_dir = NULL;
	assert_int_equal(enrol(0, &c, &already, &e), MP_EARG);
	says(&e, "--state");
	s.cfg.state_dir = w.ca_path; /* a file */
	assert_int_equal(enrol(0, &c, &already, &e), MP_ESTATE);
	says(&e, w.ca_path);
	assert_int_equal(s.mp.count, 0);
}

static void
a_registered_client_is_not_registered_again(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = DONE, .forever = true}, {0}};
	struct mp_state_client c;
	struct mp_error e;
	bool already;

	(void)state;
	s.mp.answers = answers;
	must_enrol(0);
	assert_int_equal(s.mp.count, 1);
	assert_int_equal(enrol(0, &c, &already, &e), 0);
	assert_true(already);
	assert_string_equal(c.smsid, SMSID);
	assert_int_equal(c.approval, 1);
	assert_null(mp_client_proof(s.client));
	assert_int_equal(s.mp.count, 1);
	s.cfg.site = "PR2"; /* another site is another registration */
	s.mp.site = "PR2";
	must_enrol(0);
	assert_int_equal(s.mp.count, 2);
}

static void
a_registration_is_unsigned_outside_and_signed_inside(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = DONE}, {0}};
	const struct little_seen *seen = &s.mp.seen[0];

	(void)state;
	s.mp.answers = answers;
	must_enrol(0);
	assert_string_equal(seen->path, "/ccm_system/request");
	assert_null(strstr(seen->header, "clientauth"));
	assert_null(strstr(seen->header, "<SourceID>"));
	assert_non_null(strstr(seen->header, "zlib-compress"));
	assert_non_null(
	    strstr(seen->header, "<TargetHost>localhost</TargetHost>"));
	assert_non_null(
	    strstr(seen->header, "<SourceHost>CLIENT1</SourceHost>"));
	assert_non_null(strstr(seen->xml, "<SignatureValue>"));
	assert_non_null(strstr(seen->xml, "client1.example.test"));
}

static void
a_pending_registration_is_asked_after(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = PENDING},
	    {.kind = LITTLE_CONFIRMATION, .xml = STILL},
	    {.kind = LITTLE_CONFIRMATION, .xml = STILL},
	    {.kind = LITTLE_CONFIRMATION, .xml = CONFIRMED}, {0}};
	const char *a, *b;

	(void)state;
	s.mp.answers = answers;
	must_enrol(30);
	assert_int_equal(little_count(&s.mp, LITTLE_REGISTRATION), 1);
	assert_int_equal(little_count(&s.mp, LITTLE_CONFIRMATION), 3);
	assert_non_null(strstr(s.mp.seen[1].xml, SMSID));
	assert_non_null(strstr(s.steps, "pending; asking again"));
	a = strstr(s.mp.seen[0].header, "<ID>");
	b = strstr(s.mp.seen[3].header, "<ID>");
	assert_non_null(a);
	assert_non_null(b);
	assert_memory_equal(a, b, 42); /* one id for all, as the SDK has it */
}

static void
a_later_run_goes_on_with_the_confirmation(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = PENDING},
	    {.kind = LITTLE_CONFIRMATION, .xml = STILL},
	    {.kind = LITTLE_CONFIRMATION,
		.xml = RESPONSE("Confirmation", "0", "ApprovalStatus=\"1\"")},
	    {0}};
	struct mp_state_client c;
	struct mp_error e;
	bool already;

	(void)state;
	s.mp.answers = answers;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(enrol(0, &c, &already, &e), MP_EPENDING);
		says(&e, "run the same command again");
		assert_false(already);
		assert_int_equal(c.status, MP_REG_PENDING);
		assert_string_equal(c.smsid, SMSID);
	}
	must_enrol(0); /* and the reply left the id out */
	assert_int_equal(little_count(&s.mp, LITTLE_REGISTRATION), 1);
	assert_int_equal(little_count(&s.mp, LITTLE_CONFIRMATION), 2);
}

static void
an_answer_about_another_client_is_refused(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = PENDING},
	    {.kind = LITTLE_CONFIRMATION,
		.xml = RESPONSE("Confirmation", "0", WITH(OTHER))},
	    {.kind = LITTLE_CONFIRMATION, .xml = CONFIRMED}, {0}};
	struct mp_state_client c;
	struct mp_error e;
	bool already;

	(void)state;
	s.mp.answers = answers;
	assert_int_equal(enrol(30, &c, &already, &e), MP_EREPLY);
	says(&e, OTHER);
	must_enrol(0);
}

static void
a_registration_without_an_id_is_refused(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION,
		.xml = RESPONSE("Registration", "0", "")},
	    {.kind = LITTLE_REGISTRATION,
		.xml = RESPONSE("Confirmation", "0", "")},
	    {.kind = LITTLE_REGISTRATION, .xml = DONE}, {0}};
	struct mp_state_client c;
	struct mp_error e;
	bool already;

	(void)state;
	s.mp.answers = answers;
	assert_int_equal(enrol(30, &c, &already, &e), MP_EREFUSED);
	says(&e, "gave no SMSID");
	assert_int_equal(enrol(30, &c, &already, &e), MP_EREPLY);
	says(&e, "gave no SMSID");
	must_enrol(0);
}

static void
a_response_that_cannot_be_read_is_told_with_its_sender(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = "<Nonsense/>"}, {0}};
	struct mp_state_client c;
	struct mp_error e;
	bool already;

	(void)state;
	s.mp.answers = answers;
	assert_int_equal(enrol(30, &c, &already, &e), MP_EREPLY);
	says(&e, s.url);
}

static void
a_forgotten_registration_is_made_again_once(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = PENDING},
	    {.kind = LITTLE_CONFIRMATION, .xml = RESET("Confirmation")},
	    {.kind = LITTLE_REGISTRATION, .xml = DONE}, {0}};

	(void)state;
	s.mp.answers = answers;
	must_enrol(30);
	assert_int_equal(little_count(&s.mp, LITTLE_REGISTRATION), 2);
	assert_null(strstr(s.mp.seen[0].xml, SMSID));
	assert_non_null(strstr(s.mp.seen[2].xml, SMSID));
}

static void
a_registration_forgotten_twice_is_given_up(void **state)
{
	struct little_answer answers[] = {{.kind = LITTLE_REGISTRATION,
					      .xml = RESET("Registration"),
					      .forever = true},
	    {0}};
	struct mp_state_client c;
	struct mp_error e;
	bool already;

	(void)state;
	s.mp.answers = answers;
	assert_int_equal(enrol(30, &c, &already, &e), MP_EREFUSED);
	assert_int_equal(s.mp.count, 2);
}

static void
a_refused_registration_is_told_and_may_be_tried_again(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION,
		.xml = RESPONSE("Registration", "3", "")},
	    {.kind = LITTLE_REGISTRATION, .xml = DONE}, {0}};
	struct mp_state_client c;
	struct mp_error e;
	bool already;

	(void)state;
	s.mp.answers = answers;
	assert_int_equal(enrol(30, &c, &already, &e), MP_EREFUSED);
	says(&e, "administrator of site PRI");
	assert_int_equal(s.mp.count, 1);
	must_enrol(0);
}

static void
a_network_that_fails_meanwhile_is_waited_for(void **state)
{
	struct little_answer answers[] = {
	    {.kind = LITTLE_REGISTRATION, .xml = PENDING},
	    {.kind = LITTLE_CONFIRMATION, .xml = STILL, .pause_ms = 1500},
	    {.kind = LITTLE_CONFIRMATION, .xml = CONFIRMED, .forever = true},
	    {0}};

	(void)state;
	s.mp.answers = answers;
	s.cfg.timeout_ms = 1000;
	must_enrol(30);
	assert_non_null(strstr(s.steps, "in time"));
}

static void
an_unproven_answer_registers_nobody(void **state)
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
	says(&e, "localhost");
	assert_null(mp_client_proof(s.client));
	s.mp.sign_cert = w.other;
	assert_int_equal(enrol(0, &c, &already, &e), MP_ETRUST);
	says(&e, "not pinned");
	s.cfg.signature = MP_SIGNATURE_TLS;
	assert_int_equal(enrol(0, &c, &already, &e), MP_ETRUST);
	s.mp.sign_cert = w.sign;
	s.mp.senders = "mp2";
	assert_int_equal(enrol(0, &c, &already, &e), MP_ETRUST);
	s.mp.senders = "localhost";
	s.mp.site = "ZZZ";
	assert_int_equal(enrol(0, &c, &already, &e), MP_ETRUST);
	s.mp.sign_cert = NULL;
	assert_int_equal(enrol(0, &c, &already, &e), 0);
	assert_string_equal(mp_client_proof(s.client), "tls");
}

static void
http_failures_name_endpoint_and_host(void **state)
{
	struct mp_state_client c;
	struct mp_error e;
	bool already;

	(void)state;
	assert_int_equal(enrol(0, &c, &already, &e), MP_EHTTP);
	says(&e, "MP_ClientRegistration at localhost");
	says(&e, "404");
}

static void
a_caller_need_not_want_words(void **state)
{
	struct mp_client *other = (void *)1;
	struct mp_assignments a;
	struct mp_state_client c;
	struct mp_list l;
	bool already;

	(void)state;
	reopen();
	assert_int_equal(
	    mp_client_assignments(s.client, NULL, &a, NULL), MP_ENOTFOUND);
	assert_int_equal(
	    mp_client_register(s.client, 0, &c, &already, NULL), MP_EHTTP);
	assert_int_equal(mp_client_mp_list(s.client, &l, NULL), MP_EHTTP);
	s.cfg.site = "";
	assert_int_equal(mp_client_open(&other, &s.cfg, w.evp, &w.signer,
			     w.id.sha1, sizeof(w.id.sha1), NULL),
	    MP_EARG);
	assert_null(other);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(a_configuration_without_sense_is_refused),
	    TEST(missing_files_are_named),
	    TEST(an_ec_key_is_refused),
	    TEST(a_certificate_out_of_its_time_is_warned_of),
	    TEST(registering_needs_names_and_a_place),
	    TEST(a_registered_client_is_not_registered_again),
	    TEST(a_registration_is_unsigned_outside_and_signed_inside),
	    TEST(a_pending_registration_is_asked_after),
	    TEST(a_later_run_goes_on_with_the_confirmation),
	    TEST(an_answer_about_another_client_is_refused),
	    TEST(a_registration_without_an_id_is_refused),
	    TEST(a_response_that_cannot_be_read_is_told_with_its_sender),
	    TEST(a_forgotten_registration_is_made_again_once),
	    TEST(a_registration_forgotten_twice_is_given_up),
	    TEST(a_refused_registration_is_told_and_may_be_tried_again),
	    TEST(a_network_that_fails_meanwhile_is_waited_for),
	    TEST(an_unproven_answer_registers_nobody),
	    TEST(http_failures_name_endpoint_and_host),
	    TEST(a_caller_need_not_want_words),
	};

	return cmocka_run_group_tests(tests, make_world, end_world);
}
