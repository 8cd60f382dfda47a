#include "mp/http.h"

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

#include "tests/unit/mp/http_scene.h"

#define LARGE (5u << 20)

/* What was told of the way. */
struct told {
	unsigned times;
	uint64_t last, all;
	bool backwards;
};

static void
watch(void *ctx, uint64_t done, uint64_t all)
{
	struct told *t = ctx;

	t->backwards |= done < t->last || done > all;
	t->times++;
	t->last = done;
	t->all = all;
}

/* A sealed message of LARGE bytes and a little, in a file. */
static void
make(struct mp_sealed *body)
{
	static uint8_t piece[LARGE / 5];
	struct mp_error e;

	for (size_t i = 0; i < sizeof(piece); i++)
		piece[i] = (uint8_t)(i * 7 + i / 256);
	mp_sealed_init(body);
	mp_buf_str(&body->head, "head");
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(
		    mp_spool_write(&body->payload, piece, sizeof(piece), &e),
		    0);
	mp_buf_str(&body->tail, "tail");
	assert_true(body->payload.fd >= 0);
}

static void
a_message_that_cannot_be_read_is_told_and_not_completed(void **state)
{
	struct https_config there = server();
	struct mp_http_config here = client();
	struct https *s = https_start(&there);
	struct mp_http *h = must_open(&here);
	struct mp_http_reply reply;
	struct mp_sealed body;
	struct mp_error e;

	(void)state;
	make(&body);
	assert_int_equal(ftruncate(body.payload.fd, LARGE / 2), 0);
	assert_int_equal(mp_http_post(h, address(s, "https", "localhost"), TYPE,
			     &body, &reply, &e),
	    MP_ESTATE);
	assert_non_null(strstr(e.text, "was not sent to its end"));
	assert_non_null(strstr(e.text, "temporary file"));
	assert_int_equal(reply.body.len, 0);
	mp_buf_release(&reply.body);
	mp_sealed_release(&body);
	/* The handle is as good as new. */
	assert_int_equal(
	    post(h, address(s, "https", "localhost"), &reply, &e), 0);
	mp_buf_release(&reply.body);
	mp_http_close(h);
	https_stop(s);
}

static void
a_large_message_is_sent_whole_with_its_exact_length(void **state)
{
	struct https_config there = server();
	struct mp_http_config here = client();
	struct https *s = https_start(&there);
	struct mp_http *h = must_open(&here);
	struct told told = {0};
	struct mp_http_reply reply;
	struct mp_sealed body;
	struct mp_error e;

	(void)state;
	make(&body);
	mp_http_watch(h, watch, &told);
	for (unsigned i = 0; i < 2; i++) { /* from its start each time */
		told.last = 0;
		if (mp_http_post(h, address(s, "https", "localhost"), TYPE,
			&body, &reply, &e) != 0)
			fail_msg("%s", e.text);
		mp_buf_release(&reply.body);
		assert_int_equal(play.seen[i].len, LARGE + 8);
		assert_non_null(strstr(
		    play.seen[i].head, "\r\nContent-Length: 5242888\r\n"));
		assert_null(strcasestr(play.seen[i].head, "Expect:"));
		assert_null(
		    strcasestr(play.seen[i].head, "Transfer-Encoding:"));
		assert_memory_equal(play.body, "head", 4);
	}
	assert_true(told.times > 0);
	assert_false(told.backwards);
	assert_int_equal(told.last, LARGE + 8);
	assert_int_equal(told.all, LARGE + 8);
	told.times = 0;
	mp_http_watch(h, NULL, NULL);
	assert_int_equal(
	    post(h, address(s, "https", "localhost"), &reply, &e), 0);
	mp_buf_release(&reply.body);
	assert_int_equal(told.times, 0);
	mp_sealed_release(&body);
	mp_http_close(h);
	https_stop(s);
}

/* The server left between two messages: libcurl begins again, from 0. */
static void
a_message_is_sent_again_from_its_start(void **state)
{
	struct https_config there = server();
	struct mp_http_config here = client();
	struct https *s = https_start(&there);
	struct mp_http *h = must_open(&here);
	struct mp_http_reply reply;
	struct mp_sealed body;
	struct mp_error e;

	(void)state;
	make(&body);
	play.close = true;
	play.rude = true;
	for (unsigned i = 0; i < 3; i++) {
		if (mp_http_post(h, address(s, "https", "localhost"), TYPE,
			&body, &reply, &e) != 0)
			fail_msg("%s", e.text);
		mp_buf_release(&reply.body);
		assert_int_equal(play.seen[i].len, LARGE + 8);
		assert_memory_equal(play.body, "head", 4);
	}
	mp_sealed_release(&body);
	mp_http_close(h);
	https_stop(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(
		a_message_that_cannot_be_read_is_told_and_not_completed,
		set_up),
	    cmocka_unit_test_setup(
		a_large_message_is_sent_whole_with_its_exact_length, set_up),
	    cmocka_unit_test_setup(
		a_message_is_sent_again_from_its_start, set_up),
	};

	return cmocka_run_group_tests(tests, make_world, end_world);
}
