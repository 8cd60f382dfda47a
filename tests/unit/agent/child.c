#include "agent/supervisor/child.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#define LONG_MS 40000 /* it lived well */

/* As it was started that long ago. */
static void
live(struct child *c, uint64_t ms)
{
	c->pid = 1;
	c->started = child_now() - ms;
}

static void
one_that_lived_long_starts_again_at_once(void **state)
{
	struct child c = {.delay_ms = 6400};

	(void)state;
	live(&c, LONG_MS);
	child_ended(&c);
	assert_int_equal(c.pid, 0);
	assert_in_range(c.due, 0, child_now());
}

static void
one_that_keeps_ending_waits_ever_longer(void **state)
{
	struct child c = {0};
	uint64_t least = 0;

	(void)state;
	for (int i = 0; i < 12; i++) {
		live(&c, 1);
		child_ended(&c);
		/* A quarter more, by chance; 1 s for this machine. */
		assert_in_range(c.due + 1000, child_now() + least,
		    child_now() + least * 5 / 4 + 1000);
		least = least == 0 ? 100 : 2 * least;
		least = least > 30000 ? 30000 : least;
	}
}

/* Its program is gone, or there is no process to be had. */
static void
one_that_lived_long_and_cannot_start_is_not_tried_without_end(void **state)
{
	struct child c = {0};

	(void)state;
	live(&c, LONG_MS);
	child_ended(&c);
	child_ended(&c); /* the start failed */
	assert_in_range(c.due, child_now() + 50, child_now() + 200);
	child_ended(&c);
	assert_in_range(c.due, child_now() + 150, child_now() + 400);
}

static void
one_that_was_of_use_waits_little(void **state)
{
	struct child c = {.delay_ms = 12800};

	(void)state;
	live(&c, 1);
	child_ready(&c);
	child_ended(&c);
	assert_in_range(c.due, child_now(), child_now() + 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_that_lived_long_starts_again_at_once),
	    cmocka_unit_test(one_that_keeps_ending_waits_ever_longer),
	    cmocka_unit_test(
		one_that_lived_long_and_cannot_start_is_not_tried_without_end),
	    cmocka_unit_test(one_that_was_of_use_waits_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
