#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/front/queue.h"

#define MANY 4

static void
put(struct queue *q, struct queue_item *it, uint64_t caller)
{
	assert_int_equal(
	    queue_put(q, it, (struct queue_name){caller, caller * 3}), 0);
}

static size_t
ahead(const struct queue *q, uint64_t caller)
{
	return queue_ahead(q, (struct queue_name){caller, caller * 3});
}

static void
an_empty_queue_has_nothing_to_take(void **state)
{
	struct queue *q = queue_new();

	(void)state;
	assert_null(queue_take(q));
	assert_int_equal(queue_count(q), 0);
	assert_int_equal(ahead(q, 1), 0);
	queue_free(q);
}

static void
each_flow_has_its_turn_and_one_each(void **state)
{
	struct queue *q = queue_new();
	struct queue_item a[MANY], b[2], c[1];
	struct queue_item *order[] = {
	    &a[0], &b[0], &c[0], &a[1], &b[1], &a[2], &a[3], NULL};

	(void)state;
	for (int i = 0; i < MANY; i++)
		put(q, &a[i], 1);
	put(q, &b[0], 2);
	put(q, &b[1], 2);
	put(q, &c[0], 3);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		assert_ptr_equal(queue_take(q), order[i]);
	queue_free(q);
}

static void
one_caller_has_a_flow_for_each_key(void **state)
{
	struct queue *q = queue_new();
	struct queue_item a[3];

	(void)state;
	assert_int_equal(queue_put(q, &a[0], (struct queue_name){1, 1}), 0);
	assert_int_equal(queue_put(q, &a[1], (struct queue_name){1, 1}), 0);
	assert_int_equal(queue_put(q, &a[2], (struct queue_name){1, 2}), 0);
	assert_ptr_equal(queue_take(q), &a[0]);
	assert_ptr_equal(queue_take(q), &a[2]);
	assert_ptr_equal(queue_take(q), &a[1]);
	queue_free(q);
}

static void
any_of_them_can_leave(void **state)
{
	struct queue *q = queue_new();
	struct queue_item a[3], b;

	(void)state;
	for (int i = 0; i < 3; i++)
		put(q, &a[i], 1);
	put(q, &b, 2);
	queue_remove(q, &a[1]);
	queue_remove(q, &a[0]);
	assert_int_equal(queue_count(q), 2);
	assert_ptr_equal(queue_take(q), &a[2]);
	queue_remove(q, &b);
	assert_null(queue_take(q));
	put(q, &a[0], 1);
	assert_ptr_equal(queue_take(q), &a[0]);
	queue_free(q);
}

static void
it_holds_so_many_and_no_more(void **state)
{
	static struct queue_item all[QUEUE_MAX + 1];
	struct queue *q = queue_new();

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (uint64_t i = 0; i < QUEUE_MAX; i++)
			put(q, &all[i], i);
		assert_int_equal(
		    queue_put(q, &all[QUEUE_MAX], (struct queue_name){0, 0}),
		    -1);
		for (uint64_t i = 0; i < QUEUE_MAX; i++)
			assert_ptr_equal(queue_take(q), &all[i]);
	}
	queue_free(q);
}

/* Whatever is in it: the forecast is what happens if nobody else comes. */
static void
how_many_are_ahead_is_foretold(void **state)
{
	struct queue_item all[64], one;
	uint32_t chance = 7;

	(void)state;
	for (int round = 0; round < 500; round++) {
		struct queue *q = queue_new();
		size_t expected, n = 0;

		for (int i = 0; i < 64; i++) {
			chance = chance * 1103515245 + 12345;
			put(q, &all[i], chance / 65536 % 6);
			if (chance / 256 % 5 == 0)
				(void)queue_take(q);
		}
		chance = chance * 1103515245 + 12345;
		expected = ahead(q, chance / 65536 % 8);
		put(q, &one, chance / 65536 % 8);
		while (queue_take(q) != &one)
			n++;
		assert_int_equal(n, expected);
		queue_free(q);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_empty_queue_has_nothing_to_take),
	    cmocka_unit_test(each_flow_has_its_turn_and_one_each),
	    cmocka_unit_test(one_caller_has_a_flow_for_each_key),
	    cmocka_unit_test(any_of_them_can_leave),
	    cmocka_unit_test(it_holds_so_many_and_no_more),
	    cmocka_unit_test(how_many_are_ahead_is_foretold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
