#include "mp/http.h"

#include <sys/socket.h>

#include <arpa/inet.h>
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

#include "mp/reply.h"
#include "tests/unit/mp/http_scene.h"

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
	struct mp_sealed none;
	struct mp_error e;

	(void)state;
	mp_sealed_init(&none);
	assert_int_equal(
	    mp_http_get(h, address(s, "https", "localhost"), evil, &reply, &e),
	    MP_EARG);
	mp_buf_release(&reply.body);
	assert_int_equal(mp_http_post(h, address(s, "https", "localhost"),
			     "text/xml\nX: y", &none, &reply, &e),
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
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)(i * 7 + i / 256);
	assert_int_equal(post_bytes(h, address(s, "https", "localhost"), body,
			     sizeof(body), &reply, &e),
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
		assert_int_equal(post_bytes(h, address(s, "https", "localhost"),
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

/* In pieces, with fields behind them (RFC 9112, 7.1.2), after another. */
static void
an_answer_in_chunks_is_whole_with_all_its_parts(void **state)
{
	static const char good[] =
	    "HTTP/1.1 100 Continue\r\n\r\n"
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "5;x=y\r\nHello\r\n7\r\n, world\r\n0\r\nX-Sum: 12\r\n\r\n";
	struct https_config there = server();
	struct mp_http_config here = client();
	struct mp_http_reply reply;
	struct mp_error e;
	struct mp_http *h;
	struct https *s;

	(void)state;
	there.cert = NULL;
	s = https_start(&there);
	h = must_open(&here);
	play.raw = good;
	play.close = true;
	for (size_t n = 0; n <= strlen(good); n++) {
		int r;

		play.raw_len = n;
		r = post(h, address(s, "http", "localhost"), &reply, &e);
		/* libcurl does without the very last line feed. */
		if ((r == 0) != (n + 1 >= strlen(good)))
			fail_msg("%zu bytes: %s", n, e.text);
		assert_int_equal(reply.body.len, r == 0 ? 12 : 0);
		mp_buf_release(&reply.body);
	}
	mp_http_close(h);
	https_stop(s);
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
	/* One of them alone. */
	mp_buf_clear(&big);
	mp_buf_str(&big, "HTTP/1.1 200 OK\r\nX-Field: ");
	for (unsigned i = 0; i < 200000; i++)
		mp_buf_str(&big, "x");
	mp_buf_str(&big, "\r\nContent-Length: 0\r\n\r\n");
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
	    TEST(statuses_are_told_in_words),
	    TEST(a_connection_is_kept),
	    TEST(a_connection_that_the_server_left_is_made_again),
	    TEST(a_large_message_is_sent_without_asking),
	    TEST(a_server_that_hangs_up_does_not_end_the_program),
	    TEST(proxies_of_the_environment_do_not_count),
	    TEST(an_answer_in_chunks_is_whole_with_all_its_parts),
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
