#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "agent/front/quota.h"

#define SECOND UINT64_C(1000000) /* us */
#define START (1000 * SECOND)

static const uint8_t key[SIGNER_SHA256_LEN] = {1},
		     other[SIGNER_SHA256_LEN] = {2};

static int
make(void **state)
{
	*state = quota_new();
	return *state == NULL ? -1 : 0;
}

static int
end(void **state)
{
	quota_free(*state);
	return 0;
}

/* How many of so many questions at once are granted. */
static unsigned
granted(struct quota *q, uid_t uid, uint64_t rate, uint64_t now, unsigned asked)
{
	unsigned n = 0;

	while (asked-- > 0)
		n += quota_take(q, QUOTA_USE, uid, key, rate, now) == 0;
	return n;
}

static void
a_burst_is_what_one_second_allows_and_one_at_least(void **state)
{
	static const struct {
		uint64_t rate;
		unsigned burst;
	} cases[] = {{1, 1}, {60, 1}, {3599, 1}, {3600, 1}, {7200, 2},
	    {36000, 10}, {3600 * 500, 500}};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(granted(*state, i, cases[i].rate, START, 1000),
		    cases[i].burst);
}

static void
after_the_time_that_was_said_one_more_is_granted(void **state)
{
	static const uint64_t rates[] = {1, 60, 3600, 7200, 100000, 72000000};

	for (unsigned i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		uint64_t now = START;
		uint32_t after_ms;

		(void)granted(*state, i, rates[i], now, 30000);
		after_ms = quota_take(*state, QUOTA_USE, i, key, rates[i], now);
		assert_true(after_ms >= 1);
		assert_true(after_ms <= 3600 * 1000 / rates[i] + 1);
		now += after_ms * UINT64_C(1000);
		assert_int_equal(
		    quota_take(*state, QUOTA_USE, i, key, rates[i], now), 0);
	}
}

static void
over_a_long_time_no_more_than_the_rate_is_granted(void **state)
{
	const uint64_t rate = 10 * 3600;
	unsigned n = 0;

	for (uint64_t now = START; now < START + 10 * SECOND; now += 7777)
		n += granted(*state, 1, rate, now, 3);
	assert_in_range(n, 99, 110);
}

static void
users_keys_and_kinds_are_counted_apart(void **state)
{
	assert_int_equal(granted(*state, 1, 1, START, 2), 1);
	assert_int_equal(granted(*state, 2, 1, START, 2), 1);
	assert_int_equal(quota_take(*state, QUOTA_USE, 1, other, 1, START), 0);
	assert_int_equal(
	    quota_take(*state, QUOTA_PACKET, 1, NULL, 1, START), 0);
	assert_int_equal(quota_take(*state, QUOTA_LINE, 1, NULL, 1, START), 0);
	assert_int_not_equal(
	    quota_take(*state, QUOTA_LINE, 1, NULL, 1, START), 0);
}

static void
another_rate_holds_at_once_and_leaves_the_first_as_it_was(void **state)
{
	assert_int_equal(granted(*state, 1, 1, START, 2), 1);
	/* An hour is to be waited at that rate, a tenth of a second here. */
	assert_int_equal(granted(*state, 1, 36000, START, 99), 10);
	assert_int_equal(granted(*state, 1, 36000, START + SECOND, 99), 10);
	assert_int_equal(granted(*state, 1, 1, START + SECOND, 9), 0);
}

static void
no_rate_is_no_limit(void **state)
{
	assert_int_equal(granted(*state, 1, 0, START, 100), 100);
}

static void
the_table_never_overflows_and_forgets_the_oldest(void **state)
{
	for (uid_t uid = 0; uid < 3 * QUOTA_MAX; uid++)
		assert_int_equal(granted(*state, uid, 1, START, 2), 1);
	/* The younger ones are known, the oldest start afresh. */
	assert_int_equal(granted(*state, 3 * QUOTA_MAX - 1, 1, START, 1), 0);
	assert_int_equal(granted(*state, 2 * QUOTA_MAX, 1, START, 1), 0);
	assert_int_equal(granted(*state, 0, 1, START, 1), 1);
}

static void
one_who_asks_on_is_not_forgotten(void **state)
{
	assert_int_equal(granted(*state, 77777, 1, START, 1), 1);
	for (uid_t uid = 0; uid < 3 * QUOTA_MAX; uid++) {
		(void)granted(*state, uid, 1, START, 1);
		assert_int_equal(granted(*state, 77777, 1, START, 1), 0);
	}
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, make, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    EACH(a_burst_is_what_one_second_allows_and_one_at_least),
	    EACH(after_the_time_that_was_said_one_more_is_granted),
	    EACH(over_a_long_time_no_more_than_the_rate_is_granted),
	    EACH(users_keys_and_kinds_are_counted_apart),
	    EACH(another_rate_holds_at_once_and_leaves_the_first_as_it_was),
	    EACH(no_rate_is_no_limit),
	    EACH(the_table_never_overflows_and_forgets_the_oldest),
	    EACH(one_who_asks_on_is_not_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
