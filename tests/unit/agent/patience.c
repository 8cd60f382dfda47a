#include "agent/worker/patience.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "agent/signer.h"

#define MS 1000

/* Tries once a second; the seconds until it ends, at most 100. */
static uint64_t
bears(struct patience *p, int err)
{
	for (uint64_t s = 0; s < 100; s++)
		if (patience_ends(p, err, 0, s * 1000))
			return s;
	return 100;
}

static void
only_device_and_module_end_a_worker(void **state)
{
	struct patience p;

	(void)state;
	for (int err = SIGNER_OK; err >= SIGNER_ENOMEM; err--) {
		patience_init(&p, 10 * MS, 0);
		assert_int_equal(
		    bears(&p, err), err == SIGNER_EDEVICE ? 10 : 100);
	}
}

static void
each_worker_bears_longer_than_the_one_before(void **state)
{
	static const struct {
		uint64_t restarts, seconds;
	} cases[] = {
	    {0, 10}, {1, 20}, {2, 40}, {3, 80}, {4, 80}, {UINT64_MAX, 80}};
	struct patience p;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		patience_init(&p, 10 * MS, cases[i].restarts);
		assert_int_equal(bears(&p, SIGNER_EDEVICE), cases[i].seconds);
	}
}

static void
few_tries_do_not_end_it_however_long_they_took(void **state)
{
	struct patience p;

	(void)state;
	patience_init(&p, MS, 0);
	for (unsigned i = 1; i < PATIENCE_TRIES; i++)
		assert_false(
		    patience_ends(&p, SIGNER_EDEVICE, 0, i * 3600 * 1000));
	assert_true(
	    patience_ends(&p, SIGNER_EDEVICE, 0, PATIENCE_TRIES * 3600 * 1000));
}

static void
whatever_else_happens_begins_the_row_anew(void **state)
{
	struct patience p;

	(void)state;
	patience_init(&p, 10 * MS, 0);
	for (uint64_t s = 0; s < 100; s++)
		assert_false(patience_ends(&p,
		    s % 8 == 0 ? SIGNER_EABSENT : SIGNER_EDEVICE, 0, s * 1000));
}

/* The PIN that this process saw accepted may be sent again; by a fresh one
 * only once. */
static void
a_login_that_fails_keeps_the_worker(void **state)
{
	struct patience p;

	(void)state;
	patience_init(&p, 10 * MS, 0);
	for (uint64_t s = 0; s < 100; s++)
		assert_false(patience_ends(&p, SIGNER_EDEVICE, s, s * 1000));
}

static void
a_worker_that_must_stay_never_ends(void **state)
{
	struct patience p;

	(void)state;
	patience_init(&p, 0, 3);
	assert_int_equal(bears(&p, SIGNER_EDEVICE), 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_device_and_module_end_a_worker),
	    cmocka_unit_test(each_worker_bears_longer_than_the_one_before),
	    cmocka_unit_test(few_tries_do_not_end_it_however_long_they_took),
	    cmocka_unit_test(whatever_else_happens_begins_the_row_anew),
	    cmocka_unit_test(a_login_that_fails_keeps_the_worker),
	    cmocka_unit_test(a_worker_that_must_stay_never_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
