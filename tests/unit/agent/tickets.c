#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/front/tickets.h"

static void
all_can_be_taken_and_no_more(void **state)
{
	struct tickets *t = tickets_new();

	(void)state;
	for (uint64_t i = 0; i < TICKETS_MAX; i++) {
		struct ticket *k = tickets_take(t, i);

		assert_non_null(k);
		k->type = 1;
	}
	assert_null(tickets_take(t, 1));
	assert_int_equal(tickets_count(t), TICKETS_MAX);
	tickets_release(t, tickets_first(t));
	assert_non_null(tickets_take(t, 1));
	tickets_free(t);
}

static void
they_stand_in_the_order_of_their_deadlines(void **state)
{
	struct tickets *t = tickets_new();
	struct ticket *k[4];

	(void)state;
	for (uint64_t i = 0; i < 4; i++) {
		k[i] = tickets_take(t, 10 + i);
		k[i]->type = 1;
	}
	tickets_release(t, k[1]);
	tickets_release(t, k[0]);
	assert_ptr_equal(tickets_first(t), k[2]);
	assert_ptr_equal(k[2]->next, k[3]);
	tickets_release(t, k[3]);
	assert_null(k[2]->next);
	tickets_release(t, k[2]);
	assert_null(tickets_first(t));
	tickets_free(t);
}

static void
an_old_number_never_fits_a_new_ticket(void **state)
{
	struct tickets *t = tickets_new();
	struct ticket *k = tickets_take(t, 1);
	uint64_t old = k->number;

	(void)state;
	k->type = 1;
	assert_ptr_equal(tickets_find(t, old), k);
	assert_null(tickets_find(t, old + 1));
	tickets_release(t, k);
	assert_null(tickets_find(t, old));
	k = tickets_take(t, 1);
	k->type = 1;
	assert_null(tickets_find(t, old));
	assert_ptr_equal(tickets_find(t, k->number), k);
	assert_null(tickets_find(t, 0));
	assert_null(tickets_find(t, UINT64_MAX));
	tickets_free(t);
}

static void
a_parked_request_is_freed_with_its_ticket(void **state)
{
	struct tickets *t = tickets_new();
	struct ticket *k = tickets_take(t, 1);

	(void)state;
	k->type = 1;
	k->packet = malloc(16);
	tickets_release(t, k);
	k = tickets_take(t, 1);
	k->type = 1;
	assert_null(k->packet);
	k->packet = malloc(16);
	tickets_free(t); /* the leak checker watches */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_can_be_taken_and_no_more),
	    cmocka_unit_test(they_stand_in_the_order_of_their_deadlines),
	    cmocka_unit_test(an_old_number_never_fits_a_new_ticket),
	    cmocka_unit_test(a_parked_request_is_freed_with_its_ticket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
