#include "agent/worker/breaker.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "agent/signer.h"

static void
a_token_that_is_well_is_open_to_all(void **state)
{
	struct breaker b = {0};
	uint32_t left;

	(void)state;
	for (uint64_t now = 0; now < 10; now++)
		assert_false(breaker_open(&b, now, &left));
	assert_false(breaker_note(&b, SIGNER_OK, 5, 0, 0));
	assert_int_equal(breaker_due(&b), 0);
}

static void
a_failure_is_news_once_and_so_is_its_end(void **state)
{
	struct breaker b = {0};

	(void)state;
	assert_true(breaker_note(&b, SIGNER_EDEVICE, 0, 0, 0));
	for (uint64_t now = 1; now < 50; now++)
		assert_false(breaker_note(&b, SIGNER_EDEVICE, now, 0, 0));
	assert_true(breaker_note(&b, SIGNER_EABSENT, 50, 0, 0));
	assert_true(breaker_note(&b, SIGNER_OK, 51, 0, 0));
	assert_false(breaker_note(&b, SIGNER_OK, 52, 0, 0));
}

/* Whatever is drawn: half of the pause at least, all of it at most. */
static void
pauses_grow_and_end_within_two_seconds(void **state)
{
	static const unsigned pauses[] = {100, 200, 400, 800, 1500, 1500};
	struct breaker b = {0};
	uint32_t left;

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		(void)breaker_note(&b, SIGNER_EDEVICE, 1000, 0, i * 7919);
		assert_true(breaker_open(&b, 1000, &left));
		assert_in_range(left, pauses[i] / 2, pauses[i]);
		assert_int_equal(breaker_due(&b), 1000 + left);
	}
	for (unsigned i = 0; i < 5000; i++)
		(void)breaker_note(&b, SIGNER_EDEVICE, 1000, 0, i);
	assert_in_range(breaker_due(&b), 1000 + 750, 1000 + 1500);
	(void)breaker_note(&b, SIGNER_OK, 1000, 0, 0);
	(void)breaker_note(&b, SIGNER_EDEVICE, 1000, 0, 0);
	assert_int_equal(breaker_due(&b), 1000 + 100);
}

static void
one_try_at_a_time_is_let_through(void **state)
{
	struct breaker b = {0};
	uint32_t left;

	(void)state;
	(void)breaker_note(&b, SIGNER_EDEVICE, 0, 0, 0);
	assert_true(breaker_open(&b, 99, &left));
	assert_false(breaker_open(&b, 100, &left));
	assert_true(breaker_open(&b, 100, &left));
	/* It was about its own request only. */
	breaker_pass(&b, 150);
	assert_true(breaker_open(&b, 249, &left));
	assert_false(breaker_open(&b, 250, &left));
	/* It hangs: another one may try, much later. */
	assert_false(breaker_open(&b, 250 + BREAKER_PROBE_MS, &left));
}

static void
an_absent_token_is_looked_for_as_configured(void **state)
{
	struct breaker b = {0};

	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		(void)breaker_note(&b, SIGNER_EABSENT, 0, 300, 0);
		assert_int_equal(breaker_due(&b), 300);
	}
}

/* A look would be of no use: the PIN is not sent again. */
static void
for_a_pin_nothing_is_looked_at_unasked(void **state)
{
	struct breaker b = {0};
	uint32_t left;

	(void)state;
	(void)breaker_note(&b, SIGNER_EPIN, 0, 500, 0);
	assert_int_equal(breaker_due(&b), 0);
	assert_true(breaker_open(&b, 10, &left));
	assert_false(breaker_open(&b, BREAKER_MAX_MS, &left));
	(void)breaker_note(&b, SIGNER_EPINLOCKED, 0, 500, 0);
	assert_int_equal(breaker_due(&b), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_token_that_is_well_is_open_to_all),
	    cmocka_unit_test(a_failure_is_news_once_and_so_is_its_end),
	    cmocka_unit_test(pauses_grow_and_end_within_two_seconds),
	    cmocka_unit_test(one_try_at_a_time_is_let_through),
	    cmocka_unit_test(an_absent_token_is_looked_for_as_configured),
	    cmocka_unit_test(for_a_pin_nothing_is_looked_at_unasked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
