#include "mp/http.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/ssl.h>

#include "agent/evp.h"
#include "mp/reply.h"
#include "tests/fake/soft_signer.h"
#include "tests/unit/mp/https.h"
#include "tests/unit/mp/pki.h"

#define TYPE "multipart/mixed; boundary=\"aAbBcCdDv1234567890VxXyYzZ\""
#define DEADLINE_MS 3000
#define SEEN_MAX 8

/* Made once: keys take their time. */
static struct world {
	EVP_PKEY *ca_key, *server_key, *client_key;
	X509 *ca, *other_ca, *server, *client;
	char dir[PATH_MAX];
	char ca_path[PATH_MAX], other_path[PATH_MAX];
	struct soft_signer *soft;
	struct signer signer;
	struct evp *evp;
	EVP_PKEY *key; /* client_key, far away */
} w;

/* What the server saw, and is to do. */
static struct script {
	struct https_request seen[SEEN_MAX];
	char body[256];
	unsigned count;
	int status;
	const char *type;
	const char *raw; /* in the place of an answer */
	size_t raw_len;
	const char *extra;
	unsigned pause_ms;
	size_t drip, drip_after;
	bool close, rude;
} play;

static void
handle(void *ctx, struct https_request *q, struct mp_buf *answer)
{
	struct script *p = ctx;

	if (p->count < SEEN_MAX) {
		p->seen[p->count] = *q;
		(void)snprintf(p->body, sizeof(p->body), "%.*s", (int)q->len,
		    (const char *)q->body);
	}
	p->count++;
	q->pause_ms = p->pause_ms;
	q->drip = p->drip;
	q->drip_after = p->drip_after;
	q->close = p->close;
	q->rude = p->rude;
	if (p->raw != NULL)
		mp_buf_add(answer, p->raw, p->raw_len);
	else if (p->extra != NULL)
		mp_buf_printf(answer,
		    "HTTP/1.1 %d X\r\n%s\r\nContent-Length: 2\r\n\r\nok",
		    p->status, p->extra);
	else
		https_answer(answer, p->status, p->type, "ok", 2);
}

static int
make_world(void **state)
{
	struct signer_identity id;

	(void)state;
	w.ca_key = pki_key();
	w.server_key = pki_key();
	w.client_key = pki_key();
	w.ca = pki_cert(w.ca_key, &(struct pki_wish){.cn = "CA", .ca = true});
	w.other_ca = pki_cert(
	    w.server_key, &(struct pki_wish){.cn = "Other", .ca = true});
	w.server =
	    pki_cert(w.server_key, &(struct pki_wish){.cn = "MP1",
				       .san = "DNS:localhost,IP:127.0.0.1",
				       .issuer = w.ca,
				       .issuer_key = w.ca_key});
	w.client = pki_cert(w.client_key,
	    &(struct pki_wish){
		.cn = "CLIENT1", .issuer = w.ca, .issuer_key = w.ca_key});
	pki_dir(w.dir);
	pki_save(w.dir, "ca.pem", w.ca, w.ca_path);
	pki_save(w.dir, "other.pem", w.other_ca, w.other_path);
	w.soft = soft_signer_new();
	soft_signer_add(w.soft, w.client_key, w.client, &id);
	soft_signer_signer(w.soft, &w.signer);
	if (evp_open(&w.evp, NULL) != SIGNER_OK)
		return -1;
	return evp_key(w.evp, &w.signer, &id, w.client, &w.key, NULL);
}

static int
end_world(void **state)
{
	(void)state;
	EVP_PKEY_free(w.key);
	evp_close(w.evp);
	signer_close(&w.signer);
	X509_free(w.ca);
	X509_free(w.other_ca);
	X509_free(w.server);
	X509_free(w.client);
	EVP_PKEY_free(w.ca_key);
	EVP_PKEY_free(w.server_key);
	EVP_PKEY_free(w.client_key);
	pki_remove(w.dir);
	return 0;
}

static int
set_up(void **state)
{
	(void)state;
	memset(&play, 0, sizeof(play));
	play.status = 200;
	soft_signer_fail(w.soft, SIGNER_OK, 0);
	return 0;
}

/* A server that asks for a certificate, unless told otherwise. */
static struct https_config
server(void)
{
	return (struct https_config){.cert = w.server,
	    .key = w.server_key,
	    .client_ca = w.ca,
	    .handle = handle,
	    .ctx = &play};
}

static struct mp_http_config
client(void)
{
	return (struct mp_http_config){.ca_file = w.ca_path,
	    .connect_ms = DEADLINE_MS,
	    .timeout_ms = DEADLINE_MS,
	    .key = w.key,
	    .cert = w.client};
}

static struct mp_http *
must_open(const struct mp_http_config *cfg)
{
	struct mp_http *h = NULL;
	struct mp_error e;

	if (mp_http_open(&h, cfg, &e) != 0)
		fail_msg("%s", e.text);
	return h;
}

static char *
address(const struct https *s, const char *scheme, const char *host)
{
	static char url[256];

	(void)snprintf(url, sizeof(url), "%s://%s:%u/ccm_system/request",
	    scheme, host, https_port(s));
	return url;
}

static int
post(struct mp_http *h, const char *url, struct mp_http_reply *reply,
    struct mp_error *e)
{
	static const uint8_t body[] = "hello";

	memset(e, 0, sizeof(*e));
	return mp_http_post(h, url, TYPE, body, 5, reply, e);
}

/* One exchange that must fail with these words. */
static void
must_fail(const struct https_config *there, const struct mp_http_config *here,
    const char *scheme, const char *host, enum mp_err code, const char *words)
{
	struct https *s = https_start(there);
	struct mp_http *h = must_open(here);
	struct mp_http_reply reply;
	struct mp_error e;
	int r;

	r = post(h, address(s, scheme, host), &reply, &e);
	if (r != (int)code || strstr(e.text, words) == NULL ||
	    strstr(e.text, host) == NULL)
		fail_msg(
		    "%d, \"%s\": not %d, \"%s\"", r, e.text, (int)code, words);
	assert_int_equal(reply.body.len, 0);
	mp_buf_release(&reply.body);
	mp_http_close(h);
	https_stop(s);
}

static void
must_work_with(const struct https_config *there,
    const struct mp_http_config *here, const char *scheme, const char *body)
{
	struct https *s = https_start(there);
	struct mp_http *h = must_open(here);
	struct mp_http_reply reply;
	struct mp_error e;

	if (post(h, address(s, scheme, "127.0.0.1"), &reply, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(reply.status, 200);
	assert_int_equal(reply.body.len, strlen(body));
	assert_memory_equal(reply.body.data, body, reply.body.len);
	mp_buf_release(&reply.body);
	mp_http_close(h);
	https_stop(s);
}

static void
must_work(const struct https_config *there, const struct mp_http_config *here,
    const char *scheme)
{
	must_work_with(there, here, scheme, "ok");
}

static void
an_unusable_address_goes_nowhere(void **state)
{
	static const char *const bad[] = {"", "mp1", "file:///etc/passwd",
	    "ftp://localhost/", "https:/x", "https://local host/",
	    "https://localhost/\r\nX: y", "https://localhost/\x01",
	    "https://m\xc3\xbc/", "https://user:pw@localhost/",
	    "https://localhost:99999/"};
	struct mp_http_config cfg = client();
	struct mp_http *h = must_open(&cfg);
	struct mp_http_reply reply;
	struct mp_error e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (post(h, bad[i], &reply, &e) != MP_EARG)
			fail_msg("%s: %s", bad[i], e.text);
		assert_string_not_equal(e.text, "");
		mp_buf_release(&reply.body);
	}
	mp_http_close(h);
	mp_http_close(NULL);
}

static void
a_field_cannot_smuggle_another(void **state)
{
	static const char *const evil[] = {"CCMClientID: x\r\nHost: y", NULL};
	struct https_config there = server();
	struct mp_http_config here = client();
	struct https *s = https_start(&there);
	struct mp_http *h = must_open(&here);
	struct mp_http_reply reply;
	struct mp_error e;

	(void)state;
	assert_int_equal(
	    mp_http_get(h, address(s, "https", "localhost"), evil, &reply, &e),
	    MP_EARG);
	mp_buf_release(&reply.body);
	assert_int_equal(
	    mp_http_post(h, address(s, "https", "localhost"), "text/xml\nX: y",
		(const uint8_t *)"", 0, &reply, &e),
	    MP_EARG);
	mp_buf_release(&reply.body);
	mp_http_close(h);
	https_stop(s);
	assert_int_equal(play.count, 0);
}

static void
a_key_needs_its_certificate(void **state)
{
	struct mp_http_config cfg = client();
	struct mp_http *h = (void *)1;
	struct mp_error e;

	(void)state;
	cfg.cert = NULL;
	assert_int_equal(mp_http_open(&h, &cfg, &e), MP_EARG);
	assert_null(h);
	cfg = client();
	cfg.ca_file = "/nonexistent.pem";
	assert_int_equal(mp_http_open(&h, &cfg, &e), MP_EARG);
	assert_null(h);
	assert_non_null(strstr(e.text, "--ca"));
}

static void
a_message_is_posted_as_the_sdk_posts_it(void **state)
{
	struct https_config there = server();
	struct mp_http_config here = client();
	const char *head = play.seen[0].head;

	(void)state;
	must_work(&there, &here, "https");
	assert_int_equal(play.count, 1);
	assert_string_equal(play.seen[0].method, "CCM_POST");
	assert_string_equal(play.seen[0].path, "/ccm_system/request");
	assert_string_equal(play.body, "hello");
	assert_non_null(
	    strstr(head, "User-Agent: ConfigMgr Messaging HTTP Sender\r\n"));
	assert_non_null(strstr(head, "Content-Type: " TYPE "\r\n"));
	assert_non_null(strstr(head, "Content-Length: 5\r\n"));
	assert_null(strcasestr(head, "Expect:"));
	assert_null(strcasestr(head, "Accept"));
	assert_null(strcasestr(head, "Transfer-Encoding:"));
}

static void
the_token_s_key_proves_the_client_in_both_versions(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct https_config there = server();
	struct mp_http_config here = client();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		there.tls_max = versions[i];
		must_work(&there, &here, "https");
		assert_int_equal(play.seen[i].version, versions[i]);
		assert_string_equal(play.seen[i].peer, "CLIENT1");
	}
	there.tls_max = 0;
	here.tls_max = TLS1_2_VERSION;
	must_work(&there, &here, "https");
	assert_int_equal(play.seen[2].version, TLS1_2_VERSION);
}

static void
an_issuer_may_be_named_by_any_kind_of_path(void **state)
{
	struct https_config there = server();
	struct mp_http_config here = client();
	char path[PATH_MAX];

	(void)state;
	here.ca_file = w.dir;
	must_work(&there, &here, "https");
	pki_save(w.dir, "server.pem", w.server, path);
	here.ca_file = path; /* the server's own certificate */
	must_work(&there, &here, "https");
	assert_int_equal(unlink(path), 0);
}

static void
a_server_that_is_not_the_named_one_is_refused(void **state)
{
	struct https_config there = server();
	struct mp_http_config here = client();
	X509 *cert;

	(void)state;
	here.ca_file = w.other_path;
	must_fail(&there, &here, "https", "localhost", MP_ETLS, "not trusted");
	here.ca_file = NULL; /* the system's */
	must_fail(&there, &here, "https", "localhost", MP_ETLS, "not trusted");
	here = client();
	cert = pki_cert(w.server_key, &(struct pki_wish){.cn = "localhost",
					  .san = "DNS:mp2.dom",
					  .issuer = w.ca,
					  .issuer_key = w.ca_key});
	there.cert = cert;
	must_fail(&there, &here, "https", "localhost", MP_ETLS, "another name");
	must_fail(&there, &here, "https", "127.0.0.1", MP_ETLS, "another name");
	X509_free(cert);
	assert_int_equal(play.count, 0);
}

static void
a_server_certificate_out_of_its_time_is_refused(void **state)
{
	static const struct {
		long from, to;
		const char *words;
	} cases[] = {{-2 * PKI_DAY, -PKI_DAY, "has expired"},
	    {PKI_DAY, 2 * PKI_DAY, "not valid yet"}};
	struct https_config there = server();
	struct mp_http_config here = client();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		there.cert =
		    pki_cert(w.server_key, &(struct pki_wish){.cn = "MP1",
					       .san = "DNS:localhost",
					       .issuer = w.ca,
					       .issuer_key = w.ca_key,
					       .from = cases[i].from,
					       .to = cases[i].to});
		must_fail(&there, &here, "https", "localhost", MP_ETLS,
		    cases[i].words);
		X509_free(there.cert);
	}
	assert_int_equal(play.count, 0);
}

static void
a_refused_client_certificate_is_told_as_that(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct https_config there = server();
	struct mp_http_config here = client();

	(void)state;
	there.client_ca = w.other_ca;
	for (size_t i = 0; i < 2; i++) {
		there.tls_max = versions[i];
		must_fail(&there, &here, "https", "localhost", MP_ETLS,
		    "refused the client certificate");
	}
	there = server();
	there.tls_min = TLS1_3_VERSION;
	here.key = NULL;
	here.cert = NULL;
	must_fail(&there, &here, "https", "localhost", MP_ETLS,
	    "refused the client certificate");
	assert_int_equal(play.count, 0);
}

static void
a_signer_that_fails_is_named(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct https_config there = server();
	struct mp_http_config here = client();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		there.tls_max = versions[i];
		soft_signer_fail(w.soft, SIGNER_EABSENT, 100);
		must_fail(&there, &here, "https", "localhost", MP_ESIGNER,
		    "told to fail");
	}
	soft_signer_fail(w.soft, SIGNER_OK, 0);
	must_work(&there, &here, "https");
}

/* The signer's failure of before is not the reason of what comes later. */
static void
an_old_failure_of_the_signer_is_not_told_again(void **state)
{
	struct https_config there = server();
	struct mp_http_config here = client();

	(void)state;
	soft_signer_fail(w.soft, SIGNER_EABSENT, 100);
	must_fail(
	    &there, &here, "https", "localhost", MP_ESIGNER, "told to fail");
	soft_signer_fail(w.soft, SIGNER_OK, 0);
	here.ca_file = w.other_path;
	must_fail(&there, &here, "https", "localhost", MP_ETLS, "not trusted");
	here = client();
	there.client_ca = w.other_ca;
	there.tls_max = TLS1_2_VERSION;
	must_fail(&there, &here, "https", "localhost", MP_ETLS,
	    "refused the client certificate");
}

static void
no_connection_is_made_without_the_certificate(void **state)
{
	struct https_config there = server();
	struct mp_http_config here = client();
	X509 *wrong = pki_cert(w.server_key, &(struct pki_wish){.cn = "X"});

	(void)state;
	there.client_ca = NULL; /* it would let anybody in */
	here.cert = wrong;
	must_fail(&there, &here, "https", "localhost", MP_ETLS, "was not made");
	X509_free(wrong);
	assert_int_equal(play.count, 0);
}

static void
a_server_that_speaks_no_tls_is_told_as_that(void **state)
{
	struct https_config there = server();
	struct mp_http_config here = client();

	(void)state;
	there.cert = NULL;
	must_fail(&there, &here, "https", "localhost", MP_ETLS, "handshake");
	assert_int_equal(play.count, 0);
	must_work(&there, &here, "http");
}

static void
statuses_are_told_in_words(void **state)
{
	static const struct {
		int status;
		const char *words;
	} cases[] = {{204, "204"}, {301, "redirections are not followed"},
	    {302, "redirections are not followed"}, {400, "400"},
	    {401, "Windows login"}, {403, "refuses this client"},
	    {404, "does not have"}, {413, "too large"}, {500, "in trouble"},
	    {503, "in trouble"}, {599, "599"}, {999, "999"}};
	struct https_config there = server();
	struct mp_http_config here = client();

	(void)state;
	play.extra = "Location: https://localhost:1/elsewhere\r\n"
		     "Content-Type: text/html";
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		play.count = 0;
		play.status = cases[i].status;
		must_fail(&there, &here, "https", "localhost", MP_EHTTP,
		    cases[i].words);
		assert_int_equal(play.count, 1);
	}
}

static void
a_connection_is_kept(void **state)
{
	struct https_config there = server();
	struct mp_http_config here = client();
	struct https *s = https_start(&there);
	struct mp_http *h = must_open(&here);
	static const char *const fields[] = {"CCMClientID: GUID:1", NULL};
	struct mp_http_reply reply;
	struct mp_error e;

	(void)state;
	play.extra = "Set-Cookie: a=b";
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(
		    post(h, address(s, "https", "localhost"), &reply, &e), 0);
		mp_buf_release(&reply.body);
	}
	assert_int_equal(mp_http_get(h, address(s, "https", "localhost"),
			     fields, &reply, &e),
	    0);
	mp_buf_release(&reply.body);
	assert_int_equal(play.count, 4);
	assert_int_equal(play.seen[3].connection, 1);
	assert_string_equal(play.seen[3].method, "GET");
	assert_int_equal(play.seen[3].len, 0);
	assert_non_null(
	    strstr(play.seen[3].head, "\r\nCCMClientID: GUID:1\r\n"));
	assert_null(strcasestr(play.seen[3].head, "Content-Type:"));
	for (unsigned i = 0; i < 4; i++)
		assert_null(strcasestr(play.seen[i].head, "Cookie"));
	mp_http_close(h);
	https_stop(s);
}

static void
a_connection_that_the_server_left_is_made_again(void **state)
{
	struct https_config there = server();
	struct mp_http_config here = client();
	struct https *s = https_start(&there);
	struct mp_http *h = must_open(&here);
	struct mp_http_reply reply;
	struct mp_error e;

	(void)state;
	play.close = true;
	for (unsigned i = 0; i < 3; i++) {
		if (post(h, address(s, "https", "localhost"), &reply, &e) != 0)
			fail_msg("%s", e.text);
		mp_buf_release(&reply.body);
		(void)usleep(50000);
	}
	assert_int_equal(play.seen[2].connection, 3);
	https_stop(s);
	mp_http_close(h);
}

/* libcurl would ask first whether it may send so much. */
static void
a_large_message_is_sent_without_asking(void **state)
{
	static uint8_t body[3u << 20];
	struct https_config there = server();
	struct mp_http_config here = client();
	struct https *s = https_start(&there);
	struct mp_http *h = must_open(&here);
	struct mp_http_reply reply;
	struct mp_error e;

	(void)state;
	assert_int_equal(mp_http_post(h, address(s, "https", "localhost"), TYPE,
			     body, sizeof(body), &reply, &e),
	    0);
	assert_int_equal(play.seen[0].len, sizeof(body));
	assert_null(strcasestr(play.seen[0].head, "Expect:"));
	mp_buf_release(&reply.body);
	mp_http_close(h);
	https_stop(s);
}

static void
a_server_that_hangs_up_does_not_end_the_program(void **state)
{
	static uint8_t body[3u << 20];
	struct https_config there = server();
	struct mp_http_config here = client();
	struct mp_http_reply reply;
	struct mp_error e;
	struct mp_http *h;
	struct https *s;

	(void)state;
	there.tls_max = TLS1_2_VERSION;
	there.hang_up = true;
	s = https_start(&there);
	h = must_open(&here);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(
		    mp_http_post(h, address(s, "https", "localhost"), TYPE,
			body, sizeof(body), &reply, &e),
		    MP_EREPLY);
		mp_buf_release(&reply.body);
	}
	mp_http_close(h);
	https_stop(s);
}

static void
proxies_of_the_environment_do_not_count(void **state)
{
	struct https_config there = server();
	struct mp_http_config here = client();

	(void)state;
	assert_int_equal(setenv("https_proxy", "http://127.0.0.1:1", 1), 0);
	assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
	must_work(&there, &here, "https");
	assert_int_equal(unsetenv("https_proxy"), 0);
	assert_int_equal(unsetenv("ALL_PROXY"), 0);
}

static void
every_truncation_of_an_answer_is_refused(void **state)
{
	static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: "
				   "12\r\n\r\nHello, world";
	struct https_config there = server();
	struct mp_http_config here = client();
	struct mp_http_reply reply;
	struct mp_error e;
	struct mp_http *h;
	struct https *s;

	(void)state;
	there.cert = NULL; /* quick */
	s = https_start(&there);
	h = must_open(&here);
	play.raw = good;
	play.close = true;
	for (size_t n = 0; n < strlen(good); n++) {
		play.raw_len = n;
		if (post(h, address(s, "http", "localhost"), &reply, &e) == 0)
			fail_msg("accepted with %zu bytes", n);
		assert_int_equal(reply.body.len, 0);
		assert_string_not_equal(e.text, "");
		mp_buf_release(&reply.body);
	}
	play.raw_len = strlen(good);
	assert_int_equal(
	    post(h, address(s, "http", "localhost"), &reply, &e), 0);
	assert_int_equal(reply.body.len, 12);
	mp_buf_release(&reply.body);
	mp_http_close(h);
	https_stop(s);
}

static void
a_broken_answer_over_tls_is_told_as_that(void **state)
{
	static const char torn[] = "HTTP/1.1 200 OK\r\nContent-Length: "
				   "100\r\n\r\nHello";
	struct https_config there = server();
	struct mp_http_config here = client();

	(void)state;
	play.raw = torn;
	play.raw_len = strlen(torn);
	play.close = true;
	must_fail(&there, &here, "https", "localhost", MP_EREPLY,
	    "before its answer was complete");
	play.raw_len = 0;
	must_fail(&there, &here, "https", "localhost", MP_EREPLY,
	    "before its answer was complete");
	/* Without a length, only TLS can tell an end from a break. */
	play.raw = "HTTP/1.1 200 OK\r\n\r\nHello";
	play.raw_len = strlen(play.raw);
	must_work_with(&there, &here, "https", "Hello");
	play.rude = true;
	must_fail(&there, &here, "https", "localhost", MP_EREPLY,
	    "ended its answer before");
}

static void
garbage_is_told_as_that(void **state)
{
	static const char *const junk[] = {"SSH-2.0-OpenSSH_9.2\r\n\r\n",
	    "HTTP/1.1 abc\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"};
	struct https_config there = server();
	struct mp_http_config here = client();

	(void)state;
	play.close = true;
	for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
		play.raw = junk[i];
		play.raw_len = strlen(junk[i]);
		must_fail(&there, &here, "https", "localhost", MP_EREPLY, "");
	}
}

static void
an_answer_beyond_the_limit_is_cut_off(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
	struct https_config there = server();
	struct mp_http_config here = client();
	struct mp_buf big;

	(void)state;
	play.raw = "HTTP/1.1 200 OK\r\nContent-Length: 67108865\r\n\r\n";
	play.raw_len = strlen(play.raw);
	must_fail(&there, &here, "https", "localhost", MP_ELIMIT, "larger");
	/* Without a length, it is counted while it comes. */
	here.timeout_ms = 60000;
	there.cert = NULL;
	mp_buf_init(&big, 80u << 20);
	mp_buf_str(&big, head);
	for (size_t i = 0; i < (MP_REPLY_MAX >> 16) + 2; i++) {
		static const uint8_t zeros[65536];

		mp_buf_add(&big, zeros, sizeof(zeros));
	}
	assert_true(mp_buf_ok(&big));
	play.raw = (const char *)big.data;
	play.raw_len = big.len;
	must_fail(&there, &here, "http", "localhost", MP_ELIMIT, "larger");
	/* Header fields, too. */
	mp_buf_clear(&big);
	mp_buf_str(&big, "HTTP/1.1 200 OK\r\n");
	for (unsigned i = 0; i < 5000; i++)
		mp_buf_printf(&big, "X-Field-%u: nothing at all\r\n", i);
	mp_buf_str(&big, "Content-Length: 0\r\n\r\n");
	play.raw = (const char *)big.data;
	play.raw_len = big.len;
	must_fail(&there, &here, "http", "localhost", MP_ELIMIT, "larger");
	mp_buf_release(&big);
}

static void
a_long_content_type_is_refused(void **state)
{
	struct https_config there = server();
	struct mp_http_config here = client();
	char type[300];

	(void)state;
	memset(type, 'x', sizeof(type) - 1);
	type[sizeof(type) - 1] = '\0';
	play.type = type;
	must_fail(
	    &there, &here, "https", "localhost", MP_ELIMIT, "Content-Type");
}

static void
a_server_that_takes_too_long_is_given_up(void **state)
{
	struct https_config there = server();
	struct mp_http_config here = client();

	(void)state;
	here.timeout_ms = 1200;
	play.pause_ms = 5000;
	must_fail(&there, &here, "https", "localhost", MP_ENET, "in time");
	play.pause_ms = 300; /* a byte now and then */
	play.drip = 1;
	play.drip_after = 20;
	must_fail(&there, &here, "https", "localhost", MP_ENET, "in time");
}

/* A socket of our own that takes connections, and says nothing. */
static void
a_handshake_that_hangs_is_given_up(void **state)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct mp_http_config here = client();
	struct mp_http_reply reply;
	socklen_t len = sizeof(at);
	struct mp_error e;
	struct mp_http *h;
	char url[128];
	int fd;

	(void)state;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	(void)snprintf(
	    url, sizeof(url), "https://localhost:%u/", ntohs(at.sin_port));
	here.connect_ms = 1000;
	h = must_open(&here);
	assert_int_equal(post(h, url, &reply, &e), MP_ENET); /* not listening */
	mp_buf_release(&reply.body);
	assert_non_null(strstr(e.text, "refused"));
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(post(h, url, &reply, &e), MP_ENET);
	mp_buf_release(&reply.body);
	assert_non_null(strstr(e.text, "no connection within 1 s"));
	mp_http_close(h);
	assert_int_equal(close(fd), 0);
}

static void
a_name_that_does_not_exist_is_told_as_that(void **state)
{
	struct mp_http_config here = client();
	struct mp_http *h = must_open(&here);
	struct mp_http_reply reply;
	struct mp_error e;

	(void)state;
	assert_int_equal(post(h, "https://mp1.invalid/", &reply, &e), MP_ENET);
	assert_non_null(strstr(e.text, "mp1.invalid"));
	mp_buf_release(&reply.body);
	mp_http_close(h);
}

#define TEST(f) cmocka_unit_test_setup(f, set_up)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(an_unusable_address_goes_nowhere),
	    TEST(a_field_cannot_smuggle_another),
	    TEST(a_key_needs_its_certificate),
	    TEST(a_message_is_posted_as_the_sdk_posts_it),
	    TEST(the_token_s_key_proves_the_client_in_both_versions),
	    TEST(an_issuer_may_be_named_by_any_kind_of_path),
	    TEST(a_server_that_is_not_the_named_one_is_refused),
	    TEST(a_server_certificate_out_of_its_time_is_refused),
	    TEST(a_refused_client_certificate_is_told_as_that),
	    TEST(a_signer_that_fails_is_named),
	    TEST(an_old_failure_of_the_signer_is_not_told_again),
	    TEST(no_connection_is_made_without_the_certificate),
	    TEST(a_server_that_speaks_no_tls_is_told_as_that),
	    TEST(statuses_are_told_in_words),
	    TEST(a_connection_is_kept),
	    TEST(a_connection_that_the_server_left_is_made_again),
	    TEST(a_large_message_is_sent_without_asking),
	    TEST(a_server_that_hangs_up_does_not_end_the_program),
	    TEST(proxies_of_the_environment_do_not_count),
	    TEST(every_truncation_of_an_answer_is_refused),
	    TEST(a_broken_answer_over_tls_is_told_as_that),
	    TEST(garbage_is_told_as_that),
	    TEST(an_answer_beyond_the_limit_is_cut_off),
	    TEST(a_long_content_type_is_refused),
	    TEST(a_server_that_takes_too_long_is_given_up),
	    TEST(a_handshake_that_hangs_is_given_up),
	    TEST(a_name_that_does_not_exist_is_told_as_that),
	};

	return cmocka_run_group_tests(tests, make_world, end_world);
}
