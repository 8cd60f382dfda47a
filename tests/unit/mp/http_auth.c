#include "mp/http.h"

#include <sys/stat.h>

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "tests/unit/mp/http_scene.h"

/* A second message of NTLM: Unicode, a challenge, the domain DOM. */
#define CHALLENGE                                                              \
	"TlRMTVNTUAACAAAAAAAAADAAAAADAogAAQIDBAUGBwgAAAAAAAAAAA4ADgAwAAAAAgAG" \
	"AEQATwBNAAAAAAA="

/* Of each request, as the server saw it. */
static struct {
	char method[32], path[256], login[8][1200];
	size_t len[8];
	unsigned count;
	uint8_t list[4096], outer[4096];
	size_t listlen, outerlen; /* the latter: of /root.crl */
	unsigned asked;           /* for the list */
} seen;

static char dir[PATH_MAX], login[PATH_MAX];

static int
each(void **state)
{
	FILE *f;

	memset(&seen, 0, sizeof(seen));
	pki_dir(dir);
	pki_path(login, dir, "login");
	f = fopen(login, "we");
	assert_non_null(f);
	assert_true(fputs("DOM\\joe:hunter2\n", f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(login, 0600), 0);
	return set_up(state);
}

static int
after(void **state)
{
	(void)state;
	pki_remove(dir);
	return 0;
}

/* The value of a field, or "". */
static void
field_of(const char *head, const char *name, char *out, size_t max)
{
	const char *p = strcasestr(head, name);

	(void)snprintf(out, max, "%.*s",
	    p != NULL ? (int)strcspn(p + strlen(name), "\r") : 0,
	    p != NULL ? p + strlen(name) : "");
}

static void
note(const struct https_request *q, const char *name)
{
	unsigned i = seen.count < 7 ? seen.count++ : 7;

	(void)snprintf(seen.method, sizeof(seen.method), "%s", q->method);
	(void)snprintf(seen.path, sizeof(seen.path), "%.255s", q->path);
	field_of(q->head, name, seen.login[i], sizeof(seen.login[i]));
	seen.len[i] = q->len;
}

static void
deny(struct mp_buf *answer, int status, const char *more)
{
	mp_buf_printf(answer,
	    "HTTP/1.1 %d No\r\n%s\r\nContent-Length: 0\r\n\r\n", status, more);
}

/* IIS with Windows authentication: three legs on one connection. */
static void
windows(void *ctx, struct https_request *q, struct mp_buf *answer)
{
	(void)ctx;
	note(q, "\r\nAuthorization: ");
	if (seen.count == 1)
		deny(answer, 401, "WWW-Authenticate: NTLM " CHALLENGE);
	else if (seen.count == 2 && q->len == 5)
		https_answer(answer, 200, "text/plain", "ok", 2);
	else
		deny(answer, 401, "WWW-Authenticate: NTLM");
}

static void
stubborn(void *ctx, struct https_request *q, struct mp_buf *answer)
{
	(void)ctx;
	note(q, "\r\nAuthorization: ");
	deny(answer, 401,
	    seen.count == 1 ? "WWW-Authenticate: NTLM " CHALLENGE
			    : "WWW-Authenticate: NTLM");
}

static void
a_password_means_ntlm(void **state)
{
	struct mp_http_config here = client();
	struct https_config there = server();

	(void)state;
	here.windows = true;
	here.login = login;
	there.handle = windows;
	must_work(&there, &here, "https");
	assert_int_equal(seen.count, 2);
	assert_memory_equal(seen.login[0], "NTLM TlRMTVNTUAAB", 17);
	assert_memory_equal(seen.login[1], "NTLM TlRMTVNTUAAD", 17);
	assert_int_equal(seen.len[0], 0); /* the body goes when it is heard */
	assert_int_equal(seen.len[1], 5);
}

static void
a_wrong_login_is_told(void **state)
{
	struct mp_http_config here = client();
	struct https_config there = server();

	(void)state;
	here.windows = true;
	here.login = login;
	there.handle = stubborn;
	must_fail(&there, &here, "https", "127.0.0.1", MP_EHTTP,
	    "does not take the Windows login");
}

static void
without_a_login_nothing_is_shown(void **state)
{
	struct mp_http_config here = client();
	struct https_config there = server();

	(void)state;
	here.login = login; /* but not asked for */
	there.handle = stubborn;
	must_fail(&there, &here, "https", "127.0.0.1", MP_EHTTP,
	    "wants a Windows login");
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.login[0], "");
	here.windows = true;
	here.login = NULL;
	must_fail(
	    &there, &here, "https", "127.0.0.1", MP_EHTTP, "Kerberos ticket");
	assert_string_equal(seen.login[1], "");
}

static void
bad_files_and_addresses_are_refused(void **state)
{
	static const char *const bad[] = {"https://p:1", "p:1/x", "u@p:1",
	    "http://u:p@p:1", "", "socks5://p:1", "p:0"};
	struct mp_http_config here = client();
	struct mp_http *h = (void *)1;
	struct mp_error e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		here.proxy = bad[i];
		assert_int_equal(mp_http_open(&h, &here, &e), MP_EARG);
		assert_null(h);
		assert_non_null(strstr(e.text, "no address of an HTTP proxy"));
	}
	here.proxy = NULL;
	here.proxy_login = login;
	assert_int_equal(mp_http_open(&h, &here, &e), MP_EARG);
	assert_non_null(strstr(e.text, "but no proxy"));
	here.proxy_login = NULL;
	assert_int_equal(chmod(login, 0644), 0);
	here.windows = true;
	here.login = login;
	assert_int_equal(mp_http_open(&h, &here, &e), MP_EARG);
	assert_non_null(strstr(e.text, "chmod 600"));
	assert_null(strstr(e.text, "hunter2"));
}

/* A proxy that wants a login, and then says what ctx says. */
static void
proxy(void *ctx, struct https_request *q, struct mp_buf *answer)
{
	const int *status = ctx;

	note(q, "\r\nProxy-Authorization: ");
	if (seen.login[seen.count - 1][0] == '\0')
		deny(answer, 407, "Proxy-Authenticate: Basic realm=\"x\"");
	else
		deny(answer, *status, "X: y");
}

/* One exchange over a proxy that leads nowhere. */
static void
over(int status, bool with_login, const char *words)
{
	struct https *p = https_start(
	    &(struct https_config){.handle = proxy, .ctx = &status});
	struct mp_http_config here = client();
	struct mp_http_reply reply;
	struct mp_error e;
	struct mp_http *h;
	char address[64];

	memset(&seen, 0, sizeof(seen));
	(void)snprintf(address, sizeof(address), "127.0.0.1:%u", https_port(p));
	here.proxy = address;
	here.proxy_login = with_login ? login : NULL;
	h = must_open(&here);
	assert_int_equal(
	    post(h, "https://mp1.dom/ccm_system/request", &reply, &e),
	    MP_EHTTP);
	if (strstr(e.text, words) == NULL || strstr(e.text, address) == NULL)
		fail_msg("not said: \"%s\" in \"%s\"", words, e.text);
	mp_buf_release(&reply.body);
	mp_http_close(h);
	https_stop(p);
}

static void
a_proxy_is_asked_to_connect(void **state)
{
	(void)state;
	over(403, false, "wants a login");
	assert_string_equal(seen.method, "CONNECT");
	assert_string_equal(seen.path, "mp1.dom:443");
	assert_int_equal(seen.count, 1);
	over(403, true, "does not connect to mp1.dom (status 403)");
	assert_string_equal(
	    seen.login[seen.count - 1], "Basic RE9NXGpvZTpodW50ZXIy");
	over(407, true, "wants a login");
}

static void
what_a_status_means_is_told(void **state)
{
	static const struct {
		int status;
		const char *type, *words, *not ;
	} cases[] = {
	    {401, NULL, "wants a Windows login", "it says"},
	    {403, NULL, "client certificate", "it says"},
	    {404, "text/plain", "(it says: \"ok\")", "<"},
	    {404, "text/html", "is a management point's", "it says"},
	    {407, NULL, "a proxy on the way", "it says"},
	    {413, NULL, "too large", "it says"},
	    {500, "text/plain; charset=utf-8", "(it says: \"ok\")", "<"},
	    {503, "text/html", "in trouble", "it says"},
	    {204, NULL, "no answer to a message", "it says"},
	};
	struct https_config there = server();
	struct mp_http_config here = client();
	struct mp_http_reply reply;
	struct mp_error e;
	struct mp_http *h;
	struct https *s;

	(void)state;
	s = https_start(&there);
	h = must_open(&here);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		play.status = cases[i].status;
		play.type = cases[i].type;
		play.close = true;
		assert_int_equal(
		    post(h, address(s, "https", "127.0.0.1"), &reply, &e),
		    MP_EHTTP);
		if (strstr(e.text, cases[i].words) == NULL ||
		    strstr(e.text, cases[i].not ) != NULL)
			fail_msg("case %zu: %s", i, e.text);
		assert_int_equal(reply.status, cases[i].status);
		assert_int_equal(reply.body.len, 0);
		mp_buf_release(&reply.body);
	}
	mp_http_close(h);
	https_stop(s);
}

static void
words_of_others_are_one_short_clean_line(void **state)
{
	static const char raw[] =
	    "HTTP/1.1 500 X\r\nContent-Type: text/plain\r\n"
	    "Content-Length: 300\r\n\r\n";
	static char answer[sizeof(raw) + 300];
	struct https_config there = server();
	struct mp_http_config here = client();
	struct https *s = https_start(&there);
	struct mp_http *h = must_open(&here);
	struct mp_http_reply reply;
	struct mp_error e;

	(void)state;
	memset(answer, 'y', sizeof(answer));
	memcpy(answer, raw, sizeof(raw) - 1);
	memcpy(answer + sizeof(raw) - 1, " \r\n\033[31mred\xff", 12);
	play.raw = answer;
	play.raw_len = sizeof(raw) - 1 + 300;
	assert_int_equal(
	    post(h, address(s, "https", "127.0.0.1"), &reply, &e), MP_EHTTP);
	assert_non_null(strstr(e.text, "(it says: \"[31mred yyy"));
	assert_true(strlen(e.text) < 400);
	for (const char *p = e.text; *p != '\0'; p++)
		assert_true(*p >= ' ' && *p <= '~');
	mp_buf_release(&reply.body);
	mp_http_close(h);
	https_stop(s);
}

/* The authority's web server. */
static void
authority(void *ctx, struct https_request *q, struct mp_buf *answer)
{
	bool root = strcmp(q->path, "/root.crl") == 0;
	size_t len = root ? seen.outerlen : seen.listlen;

	(void)ctx;
	seen.asked++;
	https_answer(answer, len > 0 ? 200 : 404, NULL,
	    root ? seen.outer : seen.list, len);
}

/* One exchange with a server whose certificate names a list. */
static int
checked(bool revoked, bool published, unsigned times, struct mp_error *e)
{
	struct https *web = https_start(
	    &(struct https_config){.handle = authority, .ctx = NULL});
	struct pki_list list = {.issuer = w.ca, .issuer_key = w.ca_key};
	struct pki_wish wish = {.cn = "MP1",
	    .san = "IP:127.0.0.1",
	    .issuer = w.ca,
	    .issuer_key = w.ca_key};
	struct https_config there = server();
	struct mp_http_config here = client();
	struct mp_http_reply reply;
	char place[64];
	struct mp_http *h;
	struct https *s;
	int r = 0;

	(void)snprintf(place, sizeof(place), "URI:http://127.0.0.1:%u/ca.crl",
	    https_port(web));
	wish.lists = place;
	there.cert = pki_cert(w.server_key, &wish);
	list.revoked = revoked ? there.cert : NULL;
	memset(&seen, 0, sizeof(seen));
	if (published)
		seen.listlen = pki_crl(&list, seen.list, sizeof(seen.list));
	here.crl = true;
	play.close = true; /* each exchange on a connection of its own */
	s = https_start(&there);
	h = must_open(&here);
	for (unsigned i = 0; r == 0 && i < times; i++) {
		r = post(h, address(s, "https", "127.0.0.1"), &reply, e);
		mp_buf_release(&reply.body);
	}
	mp_http_close(h);
	https_stop(s);
	https_stop(web);
	X509_free(there.cert);
	return r;
}

static void
every_connection_is_checked_for_revocation(void **state)
{
	struct mp_error e = {0};

	(void)state;
	if (checked(false, true, 3, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(seen.asked, 3); /* no directory keeps the list */
	assert_int_equal(play.count, 3);
}

static void
a_revoked_server_gets_nothing(void **state)
{
	struct mp_error e = {0};

	(void)state;
	assert_int_equal(checked(true, true, 1, &e), MP_ETLS);
	assert_non_null(strstr(e.text, "CN=MP1"));
	assert_non_null(strstr(e.text, "was revoked"));
	assert_int_equal(checked(false, false, 1, &e), MP_ETLS);
	assert_non_null(strstr(e.text, "is missing"));
	assert_int_equal(play.count, 0);
}

/* --ca names an issuing authority and its root: then neither is the end. */
static void
an_authority_below_a_known_root_is_checked_too(void **state)
{
	struct https *web = https_start(
	    &(struct https_config){.handle = authority, .ctx = NULL});
	struct pki_wish wish = {.cn = "Issuing",
	    .issuer = w.ca,
	    .issuer_key = w.ca_key,
	    .ca = true};
	struct pki_list list = {.issuer = w.ca, .issuer_key = w.ca_key};
	struct mp_http_config here = client();
	struct https_config there = server();
	char place[64], path[PATH_MAX], trust[PATH_MAX];
	X509 *issuing;

	(void)state;
	(void)snprintf(place, sizeof(place), "URI:http://127.0.0.1:%u/root.crl",
	    https_port(web));
	wish.lists = place;
	issuing = pki_cert(w.server_key, &wish);
	list.revoked = issuing;
	seen.outerlen = pki_crl(&list, seen.outer, sizeof(seen.outer));
	list = (struct pki_list){.issuer = issuing, .issuer_key = w.server_key};
	seen.listlen = pki_crl(&list, seen.list, sizeof(seen.list));
	(void)snprintf(place, sizeof(place), "URI:http://127.0.0.1:%u/sub.crl",
	    https_port(web));
	there.cert = pki_cert(w.server_key, &(struct pki_wish){.cn = "MP1",
						.san = "IP:127.0.0.1",
						.issuer = issuing,
						.issuer_key = w.server_key,
						.lists = place});
	there.client_ca = NULL;
	pki_path(trust, dir, "trust");
	assert_int_equal(mkdir(trust, 0700), 0);
	pki_save(trust, "issuing.pem", issuing, path);
	here.ca_file = trust;
	here.crl = true;
	must_work(&there, &here, "https"); /* it is the end, and trusted */
	pki_save(trust, "root.pem", w.ca, path);
	must_fail(&there, &here, "https", "127.0.0.1", MP_ETLS, "CN=Issuing");
	pki_remove(trust);
	https_stop(web);
	X509_free(there.cert);
	X509_free(issuing);
}

static void
a_server_that_cannot_be_checked_gets_nothing(void **state)
{
	struct mp_http_config here = client();
	struct https_config there = server();
	char path[PATH_MAX];

	(void)state;
	here.crl = true;
	must_fail(&there, &here, "https", "127.0.0.1", MP_ETLS,
	    "names no revocation list");
	pki_save(dir, "mp.pem", w.server, path);
	here.ca_file = path;
	there.client_ca = NULL; /* and so it sends no issuer along */
	must_fail(
	    &there, &here, "https", "127.0.0.1", MP_ETLS, "trusted by itself");
	here.ca_file = w.other_path; /* distrust goes first */
	must_fail(&there, &here, "https", "127.0.0.1", MP_ETLS,
	    "issuer that is not trusted");
	assert_int_equal(play.count, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, each, after)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(a_password_means_ntlm),
	    TEST(a_wrong_login_is_told),
	    TEST(without_a_login_nothing_is_shown),
	    TEST(bad_files_and_addresses_are_refused),
	    TEST(a_proxy_is_asked_to_connect),
	    TEST(what_a_status_means_is_told),
	    TEST(words_of_others_are_one_short_clean_line),
	    TEST(every_connection_is_checked_for_revocation),
	    TEST(a_revoked_server_gets_nothing),
	    TEST(an_authority_below_a_known_root_is_checked_too),
	    TEST(a_server_that_cannot_be_checked_gets_nothing),
	};

	return cmocka_run_group_tests(tests, make_world, end_world);
}
