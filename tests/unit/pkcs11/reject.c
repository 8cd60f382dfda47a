#include "pkcs11/reject.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

static const uint8_t seed[TOKEN_SEED_LEN] = {1, 2, 3};
static const uint8_t key[PUB_DIGEST_LEN] = {4, 5, 6};

static void
lengths_that_no_modulus_has_are_refused(void **state)
{
	uint8_t in[REJECT_MAX + 1] = {0};
	struct reject r;

	(void)state;
	assert_int_equal(reject_make(&r, seed, key, in, 0), -1);
	assert_int_equal(reject_make(&r, seed, key, in, 10), -1);
	assert_int_equal(reject_make(&r, seed, key, in, REJECT_MAX + 1), -1);
	assert_int_equal(reject_make(&r, seed, key, in, 11), 0);
	assert_int_equal(r.len, 0);
}

/*
 * Written down once, so that a change of the construction shows: the same
 * ciphertext must give the same message in every version, or replies tell.
 */
static void
the_message_depends_on_seed_key_and_ciphertext_only(void **state)
{
	static const uint8_t other[32] = {9};
	uint8_t in[256] = {0};
	struct reject a, b;

	(void)state;
	assert_int_equal(reject_make(&a, seed, key, in, 256), 0);
	assert_int_equal(reject_make(&b, seed, key, in, 256), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(reject_make(&b, other, key, in, 256), 0);
	assert_memory_not_equal(&a, &b, sizeof(a));
	assert_int_equal(reject_make(&b, seed, other, in, 256), 0);
	assert_memory_not_equal(&a, &b, sizeof(a));
	in[255] = 1;
	assert_int_equal(reject_make(&b, seed, key, in, 256), 0);
	assert_memory_not_equal(&a, &b, sizeof(a));
}

static void
lengths_spread_over_all_that_a_message_may_have(void **state)
{
	uint8_t in[128] = {0};
	unsigned low = 0, high = 0;
	struct reject r;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		in[0] = (uint8_t)i;
		in[1] = (uint8_t)(i >> 8);
		assert_int_equal(reject_make(&r, seed, key, in, 128), 0);
		assert_in_range(r.len, 0, 117);
		low += r.len < 59;
		high += r.len >= 59;
		for (size_t j = r.len; j < sizeof(r.message); j++)
			assert_int_equal(r.message[j], 0);
	}
	assert_in_range(low, 400, 600);
	assert_in_range(high, 400, 600);
}

static void
the_choice_keeps_good_messages_and_replaces_bad_ones(void **state)
{
	static const struct {
		unsigned good;
		size_t len;
		bool kept;
	} cases[] = {
	    {1, 0, true},
	    {1, 1, true},
	    {1, 245, true},
	    {1, 246, false},
	    {1, 256, false},
	    {1, SIZE_MAX, false},
	    {0, 0, false},
	    {0, 32, false},
	    {0, 256, false},
	};
	uint8_t in[256] = {7}, out[256];
	struct reject r;

	(void)state;
	assert_int_equal(reject_make(&r, seed, key, in, 256), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = cases[i].len;

		memset(out, 0xee, sizeof(out));
		reject_select(&r, cases[i].good, out, 256, &len);
		assert_int_equal(len, cases[i].kept ? cases[i].len : r.len);
		for (size_t j = 0; j < 256; j++)
			assert_int_equal(out[j], j >= len ? 0
						 : cases[i].kept
						     ? 0xee
						     : r.message[j]);
	}
	reject_wipe(&r);
	assert_int_equal(r.len, 0);
}

/* A block with a message of that length, which ends it. */
static void
pad(uint8_t block[256], size_t len)
{
	memset(block, 0x11, 256);
	block[0] = 0;
	block[1] = 2;
	block[255 - len] = 0;
	for (size_t i = 0; i < len; i++)
		block[256 - len + i] = (uint8_t)(i * 7);
}

static void
a_padded_block_of_every_length_gives_its_message(void **state)
{
	uint8_t in[256] = {7}, out[256];
	struct reject r;

	(void)state;
	assert_int_equal(reject_make(&r, seed, key, in, 256), 0);
	for (size_t n = 0; n <= 245; n++) {
		/* Some tokens leave out the zero at the begin. */
		for (size_t cut = 0; cut < 2; cut++) {
			size_t len = 256 - cut;

			pad(out, n);
			memmove(out, out + cut, len);
			reject_open(&r, out, 256, &len);
			assert_int_equal(len, n);
			for (size_t i = 0; i < 256; i++)
				assert_int_equal(
				    out[i], i < n ? (uint8_t)(i * 7) : 0);
		}
	}
}

static void
a_block_that_is_padded_wrongly_gives_the_synthetic_message(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} cases[] = {{0, 1}, {0, 0xff}, {1, 0}, {1, 1}, {1, 3}, {1, 0x82},
	    {2, 0}, {3, 0}, {8, 0}, {9, 0}, {255 - 32, 1}};
	uint8_t in[256] = {7}, out[256];
	struct reject r;
	size_t len;

	(void)state;
	assert_int_equal(reject_make(&r, seed, key, in, 256), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pad(out, 32);
		memset(out + 256 - 32, 0x22, 32);
		out[cases[i].at] = cases[i].value;
		len = 256;
		reject_open(&r, out, 256, &len);
		assert_int_equal(len, r.len);
		assert_memory_equal(out, r.message, 256);
	}
	for (len = 257; len < 260; len++) {
		size_t n = len;

		pad(out, 32);
		reject_open(&r, out, 256, &n);
		assert_int_equal(n, r.len);
		assert_memory_equal(out, r.message, 256);
	}
}

static void
the_eighth_byte_of_padding_is_the_last_that_is_needed(void **state)
{
	uint8_t in[256] = {7}, out[256];
	struct reject r;
	size_t len = 256;

	(void)state;
	assert_int_equal(reject_make(&r, seed, key, in, 256), 0);
	pad(out, 32);
	out[10] = 0;
	reject_open(&r, out, 256, &len);
	assert_int_equal(len, 245);
	assert_int_equal(out[0], 0x11);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lengths_that_no_modulus_has_are_refused),
	    cmocka_unit_test(
		the_message_depends_on_seed_key_and_ciphertext_only),
	    cmocka_unit_test(lengths_spread_over_all_that_a_message_may_have),
	    cmocka_unit_test(
		the_choice_keeps_good_messages_and_replaces_bad_ones),
	    cmocka_unit_test(a_padded_block_of_every_length_gives_its_message),
	    cmocka_unit_test(
		a_block_that_is_padded_wrongly_gives_the_synthetic_message),
	    cmocka_unit_test(
		the_eighth_byte_of_padding_is_the_last_that_is_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
