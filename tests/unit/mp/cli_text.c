#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mp/cli/text.h"

struct row {
	const char *in, *out;
};

static void
what_could_move_a_cursor_is_escaped(void **state)
{
	static const struct row rows[] = {
	    {"", ""},
	    {"CN=plain \\ text", "CN=plain \\ text"},
	    {"\033[2J", "\\x1b[2J"},
	    {"a\nb\tc\r", "a\\x0ab\\x09c\\x0d"},
	    {"\x7f", "\\x7f"},
	    {"\xc2\x9b"
	     "31m",
		"\\u{9b}31m"},
	    {"\xe2\x80\xae"
	     "evil",
		"\\u{202e}evil"},
	    {"\xe2\x81\xa6", "\\u{2066}"},
	    {"\xef\xbb\xbf", "\\u{feff}"},
	    {"\xf3\xa0\x81\x81", "\\u{e0041}"},
	    {"J\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x98\x80",
		"J\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x98\x80"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *out = text_printable(rows[i].in);

		assert_string_equal(out, rows[i].out);
		free(out);
	}
}

static void
bytes_that_are_no_utf8_are_shown_one_by_one(void **state)
{
	static const struct row rows[] = {
	    {"\x80", "\\x80"},          /* follower alone */
	    {"\xc0\xaf", "\\xc0\\xaf"}, /* too long a form */
	    {"\xe0\x80\xaf", "\\xe0\\x80\\xaf"},
	    {"\xed\xa0\x80", "\\xed\\xa0\\x80"}, /* surrogate */
	    {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
	    {"\xff\xfe", "\\xff\\xfe"},
	    {"a\xe2\x82", "a\\xe2\\x82"}, /* cut short */
	    {"\xc3(", "\\xc3("},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *out = text_printable(rows[i].in);

		assert_string_equal(out, rows[i].out);
		free(out);
	}
}

/* Every pair of bytes, cut anywhere: nothing raw below 0x20 comes out. */
static void
no_control_byte_survives(void **state)
{
	char in[4] = "";

	(void)state;
	for (unsigned i = 1; i < 65536; i++) {
		char *out, *clean;

		in[0] = (char)(i >> 8 == 0 ? 'x' : i >> 8);
		in[1] = (char)(i & 255);
		out = text_printable(in);
		for (char *p = out; *p != '\0'; p++)
			assert_true((uint8_t)*p >= 0x20 && *p != 0x7f);
		free(out);
		clean = text_utf8(in);
		assert_non_null(clean);
		free(clean);
	}
}

static void
a_block_of_text_keeps_its_lines(void **state)
{
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);

	(void)state;
	text_put(f, "<a>\n\t<b>\033</b>\r\n", 15, true);
	fclose(f);
	assert_string_equal(out, "<a>\n\t<b>\\x1b</b>\\x0d\n");
	free(out);
}

static void
invalid_bytes_become_the_replacement_character(void **state)
{
	char *out = text_utf8("a\xff"
			      "b\xe2\x82");

	(void)state;
	assert_string_equal(out, "a\xef\xbf\xbd"
				 "b\xef\xbf\xbd\xef\xbf\xbd");
	free(out);
}

static void
width_counts_characters(void **state)
{
	(void)state;
	assert_int_equal(text_width(""), 0);
	assert_int_equal(text_width("abc"), 3);
	assert_int_equal(text_width("J\xc3\xbcr"), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_could_move_a_cursor_is_escaped),
	    cmocka_unit_test(bytes_that_are_no_utf8_are_shown_one_by_one),
	    cmocka_unit_test(no_control_byte_survives),
	    cmocka_unit_test(a_block_of_text_keeps_its_lines),
	    cmocka_unit_test(invalid_bytes_become_the_replacement_character),
	    cmocka_unit_test(width_counts_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
