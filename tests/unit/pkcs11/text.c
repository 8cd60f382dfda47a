#include "pkcs11/text.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

static void
hostile_text_is_made_harmless(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
	    {"", ""},
	    {"label      ", "label"},
	    {"      ", ""},
	    {" a b ", " a b"},
	    {"Z\xc3\xbcrich", "Z\xc3\xbcrich"},
	    {"\xe2\x82\xac", "\xe2\x82\xac"},
	    {"\xf0\x9f\x94\x91", "\xf0\x9f\x94\x91"},
	    {"a\x1b[31mb", "a?[31mb"},
	    {"a\nb\tc\x7f"
	     "d",
		"a?b?c?d"},
	    {"\xc2\x9b"
	     "31m",
		"??31m"}, /* C1 control */
	    {"\xe2\x80\xae"
	     "x",
		"???x"},        /* right to left */
	    {"\xc0\xaf", "??"}, /* overlong */
	    {"\xe0\x80\xaf", "???"},
	    {"\xed\xa0\x80", "???"},      /* surrogate */
	    {"\xf4\x90\x80\x80", "????"}, /* past the end */
	    {"\xe2\x82", "??"},           /* cut off */
	    {"\xff\xfe", "??"},
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		text_clean(cases[i].in, strlen(cases[i].in), out, sizeof(out));
		assert_string_equal(out, cases[i].out);
	}
}

static void
no_character_is_cut_in_two(void **state)
{
	static const char in[] = "ab\xc3\xbc\xe2\x82\xac\xf0\x9f\x94\x91";
	static const size_t kept[] = {0, 0, 1, 2, 2, 4, 4, 4, 7, 7, 7, 7, 11};
	char out[16];

	(void)state;
	for (size_t room = 0; room < sizeof(kept) / sizeof(kept[0]); room++) {
		memset(out, 'x', sizeof(out));
		text_clean(in, strlen(in), out, room);
		if (room == 0)
			assert_int_equal(out[0], 'x');
		else
			assert_int_equal(strlen(out), kept[room]);
		assert_int_equal(out[room], 'x');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hostile_text_is_made_harmless),
	    cmocka_unit_test(no_character_is_cut_in_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
