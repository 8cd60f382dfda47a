#include "mp/packer.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mp/zip.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define LIMIT (1u << 20)
#define KEPT 65536u /* bytes that mp/zip.c packs at once */
#define THREADS 8   /* more than a packer keeps compressors for */

static int
keep(void *ctx, const void *data, size_t len, struct mp_error *e)
{
	(void)e;
	mp_buf_add(ctx, data, len);
	return MP_OK;
}

static int
refuse(void *ctx, const void *data, size_t len, struct mp_error *e)
{
	(void)ctx;
	(void)data;
	(void)len;
	return mp_fail(e, MP_ELIMIT, "no more");
}

/* Text that compresses, and differs from place to place. */
static uint8_t *
make_text(size_t len)
{
	uint8_t *text = malloc(len + 1);

	assert_non_null(text);
	for (size_t i = 0; i < len; i++)
		text[i] = (uint8_t)('a' + i % 10 + i / 997 % 7);
	return text;
}

/* Does the stream hold exactly this? */
static bool
holds(const struct mp_buf *packed, const uint8_t *data, size_t len)
{
	struct mp_error e;
	struct mp_buf out;
	bool same;

	mp_buf_init(&out, LIMIT);
	same = mp_unzip(packed->data, packed->len, &out, &e) == MP_OK &&
	       out.len == len && (len == 0 || memcmp(out.data, data, len) == 0);
	mp_buf_release(&out);
	return same;
}

/* In pieces of `piece` bytes. */
static int
zip(struct mp_packer *p, const uint8_t *data, size_t len, size_t piece,
    struct mp_buf *packed, struct mp_error *e)
{
	const struct mp_sink to = {keep, packed};
	struct mp_zip_stream *z;
	int r;

	r = mp_zip_open(&z, p, &to, e);
	for (size_t at = 0, n; r == MP_OK && at < len; at += n) {
		n = len - at < piece ? len - at : piece;
		r = mp_zip_add(z, data + at, n, e);
	}
	if (r == MP_OK)
		r = mp_zip_end(z, e);
	mp_zip_close(z);
	return r;
}

static void
every_size_comes_back_whether_packed_at_once_or_streamed(void **state)
{
	static const size_t sizes[] = {
	    0, 1, 2, 1000, KEPT - 1, KEPT, KEPT + 1, KEPT + 5000, 5 * KEPT};
	static const size_t pieces[] = {7, 4096, KEPT - 1, LIMIT};
	struct mp_packer *p = mp_packer_new();
	struct mp_error e;
	struct mp_buf packed;

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i < COUNT(sizes) * COUNT(pieces); i++) {
		size_t len = sizes[i / COUNT(pieces)];
		uint8_t *text = make_text(len);

		mp_buf_init(&packed, LIMIT);
		assert_int_equal(
		    zip(p, text, len, pieces[i % COUNT(pieces)], &packed, &e),
		    MP_OK);
		assert_true(holds(&packed, text, len));
		if (len > 500)
			assert_true(packed.len < len / 4);
		mp_buf_release(&packed);
		free(text);
	}
	mp_packer_free(p);
	mp_packer_free(NULL);
}

/* Grows by less than the blocks' own headers, at any length. */
static void
what_does_not_compress_comes_back_too(void **state)
{
	struct mp_packer *p = mp_packer_new();
	uint8_t *noise = malloc(KEPT);
	struct mp_error e;
	struct mp_buf packed;

	(void)state;
	assert_non_null(noise);
	for (size_t i = 0, x = 1; i < KEPT; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		noise[i] = (uint8_t)(x >> 56);
	}
	for (size_t len = 0; len <= KEPT; len += len < 600 ? 1 : 3247) {
		mp_buf_init(&packed, LIMIT);
		assert_int_equal(zip(p, noise, len, LIMIT, &packed, &e), MP_OK);
		assert_true(holds(&packed, noise, len));
		assert_true(packed.len <= len + 32);
		mp_buf_release(&packed);
	}
	mp_packer_free(p);
	free(noise);
}

static void
no_packer_packs_the_same_bytes(void **state)
{
	struct mp_packer *p = mp_packer_new();
	uint8_t *text = make_text(3000);
	struct mp_buf with, without;
	struct mp_error e;

	(void)state;
	mp_buf_init(&with, LIMIT);
	mp_buf_init(&without, LIMIT);
	for (unsigned i = 0; i < 2; i++) { /* the second is used again */
		mp_buf_clear(&with);
		assert_int_equal(zip(p, text, 3000, LIMIT, &with, &e), MP_OK);
	}
	assert_int_equal(zip(NULL, text, 3000, LIMIT, &without, &e), MP_OK);
	assert_int_equal(with.len, without.len);
	assert_memory_equal(with.data, without.data, with.len);
	mp_buf_release(&with);
	mp_buf_release(&without);
	mp_packer_free(p);
	free(text);
}

static void
what_the_sink_refuses_is_told_as_it_said(void **state)
{
	static const struct mp_sink no = {refuse, NULL};
	struct mp_packer *p = mp_packer_new();
	struct mp_error e;

	(void)state;
	assert_int_equal(
	    mp_packer_pack(p, (const uint8_t *)"text", 4, &no, &e), MP_ELIMIT);
	assert_string_equal(e.text, "no more");
	mp_packer_free(p);
}

static void *
work(void *arg)
{
	struct mp_packer *p = arg;
	uint8_t *text = make_text(9000);
	bool good = true;

	for (size_t i = 0; good && i < 50; i++) {
		struct mp_buf packed;
		struct mp_error e;

		mp_buf_init(&packed, LIMIT);
		good = zip(p, text, 9000 - i, LIMIT, &packed, &e) == MP_OK &&
		       holds(&packed, text, 9000 - i);
		mp_buf_release(&packed);
	}
	free(text);
	return good ? arg : NULL;
}

static void
many_threads_use_one_packer_at_once(void **state)
{
	struct mp_packer *p = mp_packer_new();
	pthread_t thread[THREADS];

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, work, p), 0);
	for (size_t i = 0; i < THREADS; i++) {
		void *good = NULL;

		assert_int_equal(pthread_join(thread[i], &good), 0);
		assert_ptr_equal(good, p);
	}
	mp_packer_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		every_size_comes_back_whether_packed_at_once_or_streamed),
	    cmocka_unit_test(what_does_not_compress_comes_back_too),
	    cmocka_unit_test(no_packer_packs_the_same_bytes),
	    cmocka_unit_test(what_the_sink_refuses_is_told_as_it_said),
	    cmocka_unit_test(many_threads_use_one_packer_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
