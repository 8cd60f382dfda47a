#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "agent/wire.h"

static const uint8_t good[] = {0x2a, 0x12, 0x34, 0xde, 0xad, 0xbe, 0xef, 1, 2,
    3, 4, 5, 6, 7, 8, 0, 2, 'h', 'i', 0, 3, 'a', 'b', 'c'};

static void
fields_come_back_as_they_went(void **state)
{
	uint8_t buf[64];
	struct wire_writer w;
	struct wire_reader r;
	char text[8];
	size_t len;

	(void)state;
	wire_write(&w, buf, sizeof(buf));
	wire_put_u8(&w, 0x2a);
	wire_put_u16(&w, 0x1234);
	wire_put_u32(&w, 0xdeadbeef);
	wire_put_u64(&w, 0x0102030405060708);
	wire_put_str(&w, "hi");
	wire_put_blob(&w, (const uint8_t *)"abc", 3);
	assert_int_equal(wire_len(&w), sizeof(good));
	assert_memory_equal(buf, good, sizeof(good));

	wire_read(&r, buf, wire_len(&w));
	assert_int_equal(wire_get_u8(&r), 0x2a);
	assert_int_equal(wire_get_u16(&r), 0x1234);
	assert_int_equal(wire_get_u32(&r), 0xdeadbeef);
	assert_true(wire_get_u64(&r) == 0x0102030405060708);
	wire_get_str(&r, text, sizeof(text));
	assert_string_equal(text, "hi");
	assert_memory_equal(wire_get_blob(&r, 3, &len), "abc", 3);
	assert_int_equal(len, 3);
	assert_true(wire_end(&r));
}

static void
every_truncation_is_refused(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(good); n++) {
		struct wire_reader r;
		char text[8];
		size_t len;

		wire_read(&r, good, n);
		(void)wire_get_u8(&r);
		(void)wire_get_u16(&r);
		(void)wire_get_u32(&r);
		(void)wire_get_u64(&r);
		wire_get_str(&r, text, sizeof(text));
		(void)wire_get_blob(&r, 8, &len);
		assert_false(wire_end(&r));
	}
}

static void
trailing_bytes_are_not_the_end(void **state)
{
	struct wire_reader r;

	(void)state;
	wire_read(&r, good, 2);
	(void)wire_get_u8(&r);
	assert_false(wire_end(&r));
	(void)wire_get_u8(&r);
	assert_true(wire_end(&r));
}

static void
a_blob_longer_than_allowed_is_refused(void **state)
{
	const uint8_t blob[] = {0, 3, 'a', 'b', 'c'};
	struct wire_reader r;
	size_t len = 9;

	(void)state;
	wire_read(&r, blob, sizeof(blob));
	assert_null(wire_get_blob(&r, 2, &len));
	assert_int_equal(len, 0);
	assert_false(wire_end(&r));
}

static void
a_string_with_a_nul_or_no_room_is_refused(void **state)
{
	const uint8_t nul[] = {0, 3, 'a', 0, 'c'};
	const uint8_t whole[] = {0, 3, 'a', 'b', 'c'};
	struct wire_reader r;
	char text[4];

	(void)state;
	wire_read(&r, nul, sizeof(nul));
	wire_get_str(&r, text, sizeof(text));
	assert_string_equal(text, "");
	assert_false(wire_end(&r));
	wire_read(&r, whole, sizeof(whole));
	wire_get_str(&r, text, 3);
	assert_string_equal(text, "");
	assert_false(wire_end(&r));
}

static void
writing_past_the_room_sticks(void **state)
{
	uint8_t buf[3] = {0};
	struct wire_writer w;

	(void)state;
	wire_write(&w, buf, sizeof(buf));
	wire_put_u32(&w, 1);
	wire_put_u8(&w, 7);
	assert_int_equal(wire_len(&w), 0);
	assert_int_equal(buf[0], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fields_come_back_as_they_went),
	    cmocka_unit_test(every_truncation_is_refused),
	    cmocka_unit_test(trailing_bytes_are_not_the_end),
	    cmocka_unit_test(a_blob_longer_than_allowed_is_refused),
	    cmocka_unit_test(a_string_with_a_nul_or_no_room_is_refused),
	    cmocka_unit_test(writing_past_the_room_sticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
