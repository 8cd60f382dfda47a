#include "mp/client.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/cms.h>
#include <openssl/rsa.h>

#include "tests/fake/soft_signer.h"
#include "tests/unit/mp/little_mp.h"
#include "tests/unit/mp/pki.h"

#define SMSID "GUID:0D5A4B1C-1111-2222-3333-444455556666"
#define OTHER "GUID:0D5A4B1C-9999-2222-3333-444455556666"
#define RESPONSE(type, status, more)                                        \
	"<ClientRegistrationResponse ResponseType=\"" type                  \
	"\" TimeStamp=\"2026-11-23T00:00:00Z\" Status=\"" status "\" " more \
	"/>"
#define WITH(id) "SMSID=\"" id "\" ApprovalStatus=\"1\""
#define DONE RESPONSE("Registration", "0", WITH(SMSID))
#define PENDING RESPONSE("Registration", "1", WITH(SMSID))
#define STILL RESPONSE("Confirmation", "1", WITH(SMSID))
#define CONFIRMED RESPONSE("Confirmation", "0", WITH(SMSID))
#define RESET(type) RESPONSE(type, "2", "")

#define POLICY "<Policy PolicyID=\"P\" PolicyVersion=\"1.00\"/>"

/* Made once: keys take their time. */
static struct world {
	EVP_PKEY *ca_key, *mp_key, *client_key;
	X509 *ca, *tls, *sign, *other, *client, *expired;
	char dir[PATH_MAX], ca_path[PATH_MAX], sign_path[PATH_MAX];
	struct soft_signer *soft;
	struct signer signer;
	struct signer_identity id, old, ec;
	struct evp *evp;
} w;

/* One test's management point, client and state. */
static struct scene {
	struct little_mp mp;
	struct mp_client_config cfg;
	struct mp_client *client;
	char url[64];
	char base[PATH_MAX], state[PATH_MAX];
	char steps[4096];
} s;

static int
make_world(void **state)
{
	struct pki_wish by_ca;

	(void)state;
	w.ca_key = pki_key();
	w.mp_key = pki_key();
	w.client_key = pki_key();
	w.ca = pki_cert(w.ca_key, &(struct pki_wish){.cn = "CA", .ca = true});
	by_ca = (struct pki_wish){.cn = "MP1",
	    .san = "DNS:localhost",
	    .issuer = w.ca,
	    .issuer_key = w.ca_key};
	w.tls = pki_cert(w.mp_key, &by_ca);
	w.sign = pki_cert(w.mp_key, &(struct pki_wish){.cn = "MP1 signing"});
	w.other = pki_cert(w.mp_key, &(struct pki_wish){.cn = "Mallory"});
	by_ca.cn = "CLIENT1";
	w.client = pki_cert(w.client_key, &by_ca);
	by_ca.from = -2 * PKI_DAY;
	by_ca.to = -PKI_DAY;
	w.expired = pki_cert(w.client_key, &by_ca);
	pki_dir(w.dir);
	pki_save(w.dir, "ca.pem", w.ca, w.ca_path);
	pki_save(w.dir, "sign.pem", w.sign, w.sign_path);
	w.soft = soft_signer_new();
	soft_signer_add(w.soft, w.client_key, w.client, &w.id);
	soft_signer_add(w.soft, w.client_key, w.expired, &w.old);
	soft_signer_make(w.soft, "ec-p256", "EC", &w.ec, NULL);
	soft_signer_signer(w.soft, &w.signer);
	return evp_open(&w.evp, NULL);
}

static int
end_world(void **state)
{
	(void)state;
	evp_close(w.evp);
	signer_close(&w.signer);
	X509_free(w.ca);
	X509_free(w.tls);
	X509_free(w.sign);
	X509_free(w.other);
	X509_free(w.client);
	X509_free(w.expired);
	EVP_PKEY_free(w.ca_key);
	EVP_PKEY_free(w.mp_key);
	EVP_PKEY_free(w.client_key);
	pki_remove(w.dir);
	return 0;
}

static void
note(void *ctx, const char *what)
{
	struct scene *scene = ctx;
	size_t used = strlen(scene->steps);

	(void)snprintf(
	    scene->steps + used, sizeof(scene->steps) - used, "%s\n", what);
}

static int
set_up(void **state)
{
	struct https_config there = {.cert = w.tls,
	    .key = w.mp_key,
	    .client_ca = w.ca,
	    .handle = little_handle,
	    .ctx = &s.mp};
	static struct little_answer nothing[1];

	(void)state;
	memset(&s, 0, sizeof(s));
	s.mp.sign_key = w.mp_key;
	s.mp.sign_cert = w.sign;
	s.mp.site = "PRI";
	s.mp.senders = "MP1;localhost;";
	s.mp.answers = nothing;
	s.mp.server = https_start(&there);
	(void)snprintf(s.url, sizeof(s.url), "https://localhost:%u",
	    https_port(s.mp.server));
	pki_dir(s.base);
	pki_path(s.state, s.base, "state");
	s.cfg = (struct mp_client_config){.mp = s.url,
	    .site = "pri",
	    .netbios = "CLIENT1",
	    .fqdn = "client1.example.test",
	    .ca = w.ca_path,
	    .mp_certs = w.sign_path,
	    .state_dir = s.state,
	    .timeout_ms = 5000,
	    .poll_ms = 20,
	    .step = note,
	    .step_ctx = &s};
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	mp_client_close(s.client);
	https_stop(s.mp.server);
	pki_remove(s.state);
	pki_remove(s.base);
	return 0;
}

/* The client anew, as a later run of a program has it. */
static void
reopen(void)
{
	struct mp_error e;

	mp_client_close(s.client);
	s.client = NULL;
	if (mp_client_open(&s.client, &s.cfg, w.evp, &w.signer, w.id.sha1,
		sizeof(w.id.sha1), &e) != 0)
		fail_msg("%s", e.text);
}

static void
says(const struct mp_error *e, const char *words)
{
	if (strstr(e->text, words) == NULL)
		fail_msg("not said: \"%s\" in \"%s\"", words, e->text);
}

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
	    {"localhost", "PRI", "C", "c.dom", "https://HOST"},
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

/* Registers, and compares what comes of it with what is on disk. */
static int
enrol(unsigned wait_s, struct mp_state_client *out, bool *already,
    struct mp_error *e)
{
	memset(e, 0, sizeof(*e));
	reopen();
	return mp_client_register(s.client, wait_s, out, already, e);
}

static void
must_enrol(unsigned wait_s)
{
	struct mp_state_client c;
	struct mp_error e;
	bool already;

	if (enrol(wait_s, &c, &already, &e) != 0)
		fail_msg("%s", e.text);
	assert_false(already);
	assert_int_equal(c.status, MP_REGISTERED);
	assert_string_equal(c.smsid, SMSID);
	assert_string_equal(mp_client_proof(s.client), "signature");
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
	s.mp.site = "XXX";
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
	assert_int_equal(mp_client_assignments(s.client, &a, &e), MP_ENOTFOUND);
	says(&e, "sealpoint register");
	assert_int_equal(enrol(0, &c, &already, &e), MP_EPENDING);
	assert_int_equal(mp_client_assignments(s.client, &a, &e), MP_EPENDING);
	says(&e, "sealpoint register");
	assert_int_equal(a.count, 0);
	assert_int_equal(s.mp.count, 1);
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
	if (mp_client_assignments(s.client, a, &e) != 0)
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
	unsigned byte;

	for (size_t i = 0; i < len; i++)
		data[2 * i] = (uint8_t)text[i];
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		sig[n - 1 - i] = (uint8_t)byte;
	}
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
	    mp_client_assignments(s.client, &a, NULL), MP_ENOTFOUND);
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
	    TEST(a_forgotten_registration_is_made_again_once),
	    TEST(a_registration_forgotten_twice_is_given_up),
	    TEST(a_refused_registration_is_told_and_may_be_tried_again),
	    TEST(a_network_that_fails_meanwhile_is_waited_for),
	    TEST(an_unproven_answer_registers_nobody),
	    TEST(http_failures_name_endpoint_and_host),
	    TEST(policy_is_for_the_registered),
	    TEST(assignments_are_asked_for_in_the_client_s_name),
	    TEST(a_plain_policy_is_fetched_without_identity),
	    TEST(a_secret_policy_is_fetched_with_identity_and_opened),
	    TEST(a_task_sequence_is_not_fetched),
	    TEST(a_policy_that_is_not_there_is_named),
	    TEST(documents_are_read_without_registration),
	    TEST(a_caller_need_not_want_words),
	};

	return cmocka_run_group_tests(tests, make_world, end_world);
}
