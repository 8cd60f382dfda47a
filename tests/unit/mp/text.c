#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mp/buf.h"
#include "mp/error.h"
#include "mp/hex.h"
#include "mp/message.h"
#include "mp/number.h"
#include "mp/text.h"
#include "mp/utf16.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define LONG 1200 /* longer than all that is done in one go */

static void
a_buffer_never_outgrows_its_maximum(void **state)
{
	struct mp_buf b;

	(void)state;
	mp_buf_init(&b, 5);
	mp_buf_str(&b, "12345");
	assert_true(mp_buf_ok(&b));
	mp_buf_add(&b, "6", 1);
	assert_false(mp_buf_ok(&b));
	assert_int_equal(b.len, 5);
	mp_buf_add(&b, "", 0); /* the failure sticks */
	assert_false(mp_buf_ok(&b));
	mp_buf_clear(&b);
	assert_true(mp_buf_ok(&b));
	mp_buf_printf(&b, "%d", 123456);
	assert_false(mp_buf_ok(&b));
	mp_buf_release(&b);
	mp_buf_release(NULL);
}

static void
a_buffer_ends_in_a_nul_it_does_not_count(void **state)
{
	struct mp_buf b;

	(void)state;
	mp_buf_init(&b, 100000);
	for (int i = 0; i < 20000; i++) {
		mp_buf_printf(&b, "%s", "abcd");
		assert_int_equal(b.data[b.len], '\0');
	}
	assert_int_equal(b.len, 80000);
	assert_int_equal(strlen((char *)b.data), 80000);
	mp_buf_release(&b);
	assert_null(b.data);
}

static void
a_sentence_is_printable_and_fits(void **state)
{
	char longer[2 * MP_TEXT_MAX];
	struct mp_error e;

	(void)state;
	assert_int_equal(mp_fail(NULL, MP_ENET, "x"), MP_ENET);
	(void)mp_fail(&e, MP_EREPLY,
	    "a\x1b[2Jb\nc\xC2\x9B"
	    "d\xFF"
	    "\xC3\xA4");
	assert_string_equal(e.text, "a?[2Jb?c??d?\xC3\xA4");
	assert_int_equal(mp_fail_in(&e, "%s", "policy \xE2\x82"), MP_EREPLY);
	assert_string_equal(e.text, "policy ??: a?[2Jb?c??d?\xC3\xA4");
	/* Too long a form of a control character, a surrogate, beyond all. */
	(void)mp_fail(&e, MP_EREPLY,
	    "\xE0\x82\x9B \xED\xA0\x80 \xF0\x82\x82\x9B \xF4\x90\x80\x80 "
	    "\xE0\xA4\x85\xED\x9F\xBF\xF0\x9F\x94\x91\xF4\x8F\xBF\xBD");
	assert_string_equal(e.text,
	    "??? ??? ???? ???? "
	    "\xE0\xA4\x85\xED\x9F\xBF\xF0\x9F\x94\x91\xF4\x8F\xBF\xBD");
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	(void)mp_fail(&e, MP_EARG, "%s", longer);
	assert_int_equal(strlen(e.text), MP_TEXT_MAX - 1);
	assert_int_equal(mp_fail_in(&e, "%s", longer), MP_EARG);
	assert_int_equal(strlen(e.text), MP_TEXT_MAX - 1);
}

static void
hex_that_is_none_adds_nothing(void **state)
{
	static const char *const bad[] = {
	    "0", "0g", "A B", "0x00", "00-00", "000000000000000000"};
	struct mp_buf b;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		mp_buf_init(&b, 8);
		mp_buf_str(&b, "z");
		assert_false(mp_hex_decode(bad[i], strlen(bad[i]), &b));
		assert_string_equal((char *)b.data, "z");
		mp_buf_release(&b);
	}
}

static void
hex_goes_both_ways_and_backwards(void **state)
{
	static const uint8_t raw[] = {0x00, 0xA4, 0x7f};
	struct mp_buf b, back;

	(void)state;
	mp_buf_init(&b, 100);
	mp_buf_init(&back, 100);
	mp_hex_add(&b, raw, sizeof(raw));
	mp_hex_add_reversed(&b, raw, sizeof(raw));
	assert_string_equal((char *)b.data, "00A47F7FA400");
	assert_true(mp_hex_decode("00 a4\r\n7F", 9, &back));
	assert_int_equal(back.len, sizeof(raw));
	assert_memory_equal(back.data, raw, sizeof(raw));
	mp_buf_release(&b);
	mp_buf_release(&back);
}

static void
a_number_is_digits_up_to_its_limit(void **state)
{
	static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x1",
	    "43", "18446744073709551616", "99999999999999999999999", "4a"};
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_false(mp_number(bad[i], 42, &n));
		assert_int_equal(n, 0);
	}
	assert_true(mp_number("0042", 42, &n));
	assert_int_equal(n, 42);
	assert_true(mp_number("18446744073709551615", UINT64_MAX, &n));
	assert_true(n == UINT64_MAX);
	assert_false(mp_number("1", 0, &n));
	assert_true(mp_number("0", 0, &n));
}

static void
utf8_that_is_malformed_is_refused(void **state)
{
	static const char *const bad[] = {"\x80", "\xC0\x80", "\xC1\xBF",
	    "\xC3", "\xE0\x80\x80", "\xE2\x82", "\xED\xA0\x80", "\xED\xBF\xBF",
	    "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "a\xFF",
	    "\xE2\x61\x80"};
	struct mp_error e;
	struct mp_buf b;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		mp_buf_init(&b, 100);
		assert_int_equal(
		    mp_utf16_add(&b, bad[i], strlen(bad[i]), &e), MP_EARG);
		mp_buf_clear(&b);
		assert_int_equal(mp_text_to_utf8((const uint8_t *)bad[i],
				     strlen(bad[i]), &b, &e),
		    MP_EREPLY);
		mp_buf_release(&b);
	}
}

static void
text_survives_the_way_there_and_back(void **state)
{
	static const char *const good[] = {"", "a", "\x7F", "\xC2\x80",
	    "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
	    "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF",
	    "x\xF0\x9F\x94\x91y"};
	struct mp_buf wide, back;
	struct mp_error e;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		mp_buf_init(&wide, 100);
		mp_buf_init(&back, 100);
		assert_int_equal(
		    mp_utf16_add(&wide, good[i], strlen(good[i]), &e), 0);
		assert_int_equal(
		    mp_utf16_to_utf8(wide.data, wide.len, &back, &e), 0);
		assert_int_equal(back.len, strlen(good[i]));
		assert_memory_equal(back.data, good[i], back.len);
		mp_buf_release(&wide);
		mp_buf_release(&back);
	}
}

static void
a_lone_surrogate_is_refused(void **state)
{
	static const struct {
		const char *data;
		size_t len;
	} bad[] = {{"<\0\x00\xD8", 4}, {"<\0\x00\xDC", 4},
	    {"<\0\xFF\xDB<\0", 6}, {"<\0\x00\xDC\x00\xDC", 6},
	    {"<\0\x00\xDC\x00\xD8", 6}, {"<\0\x00\xD8\x00\xD8", 6},
	    {"<\0\x00", 3}, {"<\0\x00\xD8\x00", 5}};
	struct mp_error e;
	struct mp_buf b;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		mp_buf_init(&b, 100);
		assert_int_equal(mp_utf16_to_utf8((const uint8_t *)bad[i].data,
				     bad[i].len, &b, &e),
		    MP_EREPLY);
		mp_buf_release(&b);
	}
}

static void
peers_text_is_read_in_each_of_its_forms(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		const char *want; /* NULL: refused */
	} forms[] = {{"<a/>", 4, "<a/>"}, {"\xEF\xBB\xBF<a/>", 7, "<a/>"},
	    {"<a/>\0", 5, "<a/>"}, {"<\0a\0/\0>\0", 8, "<a/>"},
	    {"\xFF\xFE<\0a\0/\0>\0", 10, "<a/>"},
	    {"\xFF\xFE<\0a\0/\0>\0\0\0", 12, "<a/>"},
	    {"<\0a\0/\0>\0\0\0\r\n", 12, "<a/>"}, {"", 0, ""},
	    {"\xFF\xFE", 2, ""}, {"<a/>\0b", 6, NULL},
	    {"<\0a\0/\0>\0\0\0<\0", 12, NULL}, {"\xFE\xFF\0<\0a", 6, NULL},
	    {"<\0a\0/\0>", 7, NULL},
	    {"<?xml version=\"1.0\" encoding=\"utf-16\"?><a/>", 43, "<a/>"},
	    {"<?xml version=\"1.0\"?><a encoding=\"\"/>", 37,
		"<?xml version=\"1.0\"?><a encoding=\"\"/>"}};
	struct mp_error e;
	struct mp_buf b;
	int r;

	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		mp_buf_init(&b, 100);
		r = mp_text_to_utf8(
		    (const uint8_t *)forms[i].data, forms[i].len, &b, &e);
		assert_int_equal(r, forms[i].want == NULL ? MP_EREPLY : MP_OK);
		if (forms[i].want != NULL) {
			assert_int_equal(b.len, strlen(forms[i].want));
			assert_memory_equal(b.data, forms[i].want, b.len);
		}
		mp_buf_release(&b);
	}
}

static void
text_beyond_a_buffers_maximum_is_refused(void **state)
{
	struct mp_error e;
	struct mp_buf b;

	(void)state;
	mp_buf_init(&b, 3);
	assert_int_equal(mp_utf16_add(&b, "ab", 2, &e), MP_ELIMIT);
	mp_buf_clear(&b);
	assert_int_equal(
	    mp_text_to_utf8((const uint8_t *)"abcd", 4, &b, &e), MP_ELIMIT);
	mp_buf_release(&b);
}

static void
an_smsid_is_a_guid_without_braces(void **state)
{
	static const char *const bad[] = {"",
	    "GUID:", "GUID:{0D5A4B1C-1111-2222-3333-44445555666}",
	    "GUID:0D5A4B1C-1111-2222-3333-44445555666",
	    "GUID:0D5A4B1C-1111-2222-3333-4444555566667",
	    "GUID:0D5A4B1C-1111-2222-3333-44445555666G",
	    "GUID:0D5A4B1C11111-2222-3333-444455556666",
	    "GUIX:0D5A4B1C-1111-2222-3333-444455556666"};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(mp_smsid_valid(bad[i]));
	assert_true(
	    mp_smsid_valid("GUID:0D5A4B1C-1111-2222-3333-444455556666"));
	assert_true(
	    mp_smsid_valid("GUID:1af488d8-7b42-4842-a4bd-b3a2842bbc42"));
}

static void
a_message_begins_with_an_id_and_the_time(void **state)
{
	struct mp_message one, two;
	char text[MP_TIME_MAX];

	(void)state;
	assert_int_equal(mp_message_init(&one), 0);
	assert_int_equal(mp_message_init(&two), 0);
	assert_string_not_equal(one.id, two.id);
	assert_int_equal(strlen(one.id), 38);
	assert_int_equal(one.id[15], '4');
	assert_int_equal(strlen(one.sent), 20);
	assert_int_equal(mp_time_text(1795356538, text), 0);
	assert_string_equal(text, "2026-11-22T14:08:58Z");
	assert_int_equal(mp_time_text(INT64_MAX, text), -1);
	assert_string_equal(text, "");
}

/* The quick way through plain text must not lose what is not plain. */
static void
a_character_is_widened_wherever_it_stands(void **state)
{
	static const char *const list[] = {
	    "\xC3\xA4", "\xEF\xBF\xBD", "\xF0\x9F\x98\x80"};

	(void)state;
	for (size_t i = 0; i < COUNT(list) * LONG; i++) {
		const char *c = list[i / LONG];
		size_t at = i % LONG, n = strlen(c);
		struct mp_buf wide, back;
		char text[LONG + 8];
		struct mp_error e;

		memset(text, 'x', sizeof(text));
		memcpy(text + at, c, n);
		mp_buf_init(&wide, 100000);
		mp_buf_init(&back, 100000);
		assert_int_equal(mp_utf16_add(&wide, text, LONG + 4, &e), 0);
		assert_int_equal(
		    wide.data[2 * (n == 4 ? at + 2 : at + 1)], 'x');
		assert_int_equal(
		    mp_utf16_to_utf8(wide.data, wide.len, &back, &e), 0);
		assert_int_equal(back.len, LONG + 4);
		assert_memory_equal(back.data, text, back.len);
		text[at] = '\xFF';
		mp_buf_clear(&wide);
		assert_int_equal(mp_utf16_put(&wide, text, LONG + 4), at);
		assert_int_equal(wide.len, 2 * at);
		mp_buf_release(&wide);
		mp_buf_release(&back);
	}
}

static int
discard(void *ctx, const void *data, size_t len, struct mp_error *e)
{
	(void)data;
	(void)e;
	*(size_t *)ctx += len;
	return MP_OK;
}

static void
a_character_that_xml_cannot_hold_is_found_anywhere(void **state)
{
	static const char *const list[] = {
	    "\x01", "\x1F", "\xEF\xBF\xBE", "\xEF\xBF\xBF"};

	(void)state;
	for (size_t i = 0; i < COUNT(list) * LONG; i++) {
		size_t at = i % LONG, passed = 0, used;
		const struct mp_sink out = {discard, &passed};
		uint8_t text[LONG + 8];
		char where[32];
		struct mp_text t;
		struct mp_error e;

		memset(text, 'x', sizeof(text));
		text[at == 0 ? LONG : 0] = '\t';
		memcpy(text + at, list[i / LONG], strlen(list[i / LONG]));
		mp_text_init(&t, &out);
		assert_int_equal(
		    mp_text_put(&t, text, LONG + 4, true, &used, &e), MP_EARG);
		(void)snprintf(where, sizeof(where), "byte %zu is", at);
		assert_non_null(strstr(e.text, where));
		assert_int_equal(passed, 0);
		mp_text_release(&t);
	}
}

static void
hex_of_any_length_reads_back_in_both_directions(void **state)
{
	uint8_t data[LONG];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + (i >> 8) * 3);
	for (size_t len = 0; len <= sizeof(data); len++) {
		struct mp_buf hex, back;

		mp_buf_init(&hex, 4 * LONG);
		mp_buf_init(&back, 2 * LONG);
		mp_hex_add(&hex, data, len);
		mp_hex_add_reversed(&hex, data, len);
		assert_int_equal(hex.len, 4 * len);
		assert_true(mp_hex_decode((char *)hex.data, hex.len, &back));
		assert_int_equal(back.len, 2 * len);
		for (size_t i = 0; i < len; i++) {
			assert_int_equal(back.data[i], data[i]);
			assert_int_equal(back.data[len + i], data[len - 1 - i]);
		}
		mp_buf_release(&hex);
		mp_buf_release(&back);
	}
}

/* Room is made at once, and a hint that cannot be met is no failure. */
static void
a_reserve_beyond_the_maximum_is_passed_over(void **state)
{
	struct mp_buf b;

	(void)state;
	mp_buf_init(&b, 1000);
	mp_buf_reserve(&b, SIZE_MAX);
	mp_buf_reserve(&b, 1001);
	assert_true(mp_buf_ok(&b));
	assert_null(b.data);
	mp_buf_reserve(&b, 1000);
	assert_true(b.cap >= 1001);
	mp_buf_str(&b, "1");
	assert_int_equal(b.len, 1);
	mp_buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_buffer_never_outgrows_its_maximum),
	    cmocka_unit_test(a_buffer_ends_in_a_nul_it_does_not_count),
	    cmocka_unit_test(a_sentence_is_printable_and_fits),
	    cmocka_unit_test(hex_that_is_none_adds_nothing),
	    cmocka_unit_test(hex_goes_both_ways_and_backwards),
	    cmocka_unit_test(a_number_is_digits_up_to_its_limit),
	    cmocka_unit_test(utf8_that_is_malformed_is_refused),
	    cmocka_unit_test(text_survives_the_way_there_and_back),
	    cmocka_unit_test(a_lone_surrogate_is_refused),
	    cmocka_unit_test(peers_text_is_read_in_each_of_its_forms),
	    cmocka_unit_test(text_beyond_a_buffers_maximum_is_refused),
	    cmocka_unit_test(an_smsid_is_a_guid_without_braces),
	    cmocka_unit_test(a_message_begins_with_an_id_and_the_time),
	    cmocka_unit_test(a_character_is_widened_wherever_it_stands),
	    cmocka_unit_test(
		a_character_that_xml_cannot_hold_is_found_anywhere),
	    cmocka_unit_test(hex_of_any_length_reads_back_in_both_directions),
	    cmocka_unit_test(a_reserve_beyond_the_maximum_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
