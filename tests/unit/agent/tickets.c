#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/front/tickets.h"

static void
all_can_be_taken_and_no_more(void **state)
{
	struct tickets *t = tickets_new();

	(void)state;
	for (uint64_t i = 0; i < TICKETS_MAX; i++)
		assert_non_null(tickets_take(t, i));
	assert_null(tickets_take(t, 1));
	assert_int_equal(tickets_count(t), TICKETS_MAX);
	tickets_release(t, tickets_first(t));
	assert_non_null(tickets_take(t, 1));
	tickets_free(t);
}

static void
they_stand_in_the_order_in_which_they_came(void **state)
{
	struct tickets *t = tickets_new();
	struct ticket *k[4];

	(void)state;
	for (uint64_t i = 0; i < 4; i++)
		k[i] = tickets_take(t, 20 - i);
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
	assert_ptr_equal(tickets_find(t, old), k);
	assert_null(tickets_find(t, old + 1));
	tickets_release(t, k);
	assert_null(tickets_find(t, old));
	k = tickets_take(t, 1);
	assert_null(tickets_find(t, old));
	assert_ptr_equal(tickets_find(t, k->number), k);
	assert_null(tickets_find(t, 0));
	assert_null(tickets_find(t, UINT64_MAX));
	tickets_free(t);
}

/* The nearest deadline, found the slow way. */
static uint64_t
nearest(const struct tickets *t)
{
	uint64_t d = UINT64_MAX;

	for (const struct ticket *k = tickets_first(t); k != NULL; k = k->next)
		d = k->deadline < d ? k->deadline : d;
	return d;
}

static void
the_soonest_is_known_however_they_come_and_go(void **state)
{
	struct tickets *t = tickets_new();
	struct ticket *k[200] = {NULL};
	uint32_t chance = 1;

	(void)state;
	assert_null(tickets_soonest(t));
	for (int i = 0; i < 20000; i++) {
		size_t at;

		chance = chance * 1103515245 + 12345;
		at = chance / 65536 % 200;
		if (k[at] == NULL) {
			k[at] = tickets_take(t, chance / 7 % 1000);
		} else if (chance / 3 % 2 == 0) {
			tickets_due(t, k[at], chance / 11 % 1000);
		} else {
			tickets_release(t, k[at]);
			k[at] = NULL;
		}
		if (tickets_count(t) == 0)
			assert_null(tickets_soonest(t));
		else
			assert_int_equal(
			    tickets_soonest(t)->deadline, nearest(t));
	}
	tickets_free(t);
}

static void
a_packet_of_any_size_lives_as_long_as_its_ticket(void **state)
{
	static const size_t sizes[] = {
	    1, TICKETS_INLINE, TICKETS_INLINE + 1, 65000};
	static uint8_t packet[65000];
	struct tickets *t = tickets_new();
	struct ticket *k;

	(void)state;
	memset(packet, 7, sizeof(packet));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		k = tickets_take(t, 1);
		assert_null(k->packet);
		assert_int_equal(tickets_keep(t, k, packet, 9), 0);
		assert_int_equal(tickets_keep(t, k, packet, sizes[i]), 0);
		assert_int_equal(k->len, sizes[i]);
		assert_memory_equal(k->packet, packet, sizes[i]);
		if (i % 2 == 0)
			tickets_release(t, k);
	}
	tickets_free(t); /* the leak checker watches */
}

static void
large_packets_have_a_limit_together(void **state)
{
	static uint8_t packet[65536];
	struct tickets *t = tickets_new();
	struct ticket *k = NULL;
	size_t fit = TICKETS_BYTES_MAX / sizeof(packet);

	(void)state;
	for (size_t i = 0; i < fit; i++) {
		k = tickets_take(t, 1);
		assert_int_equal(tickets_keep(t, k, packet, sizeof(packet)), 0);
	}
	assert_int_equal(
	    tickets_keep(t, tickets_take(t, 1), packet, TICKETS_INLINE), 0);
	assert_int_equal(
	    tickets_keep(t, tickets_take(t, 1), packet, sizeof(packet)), -1);
	tickets_release(t, k);
	assert_int_equal(
	    tickets_keep(t, tickets_take(t, 1), packet, sizeof(packet)), 0);
	tickets_free(t);
}

static void
a_walk_by_numbers_survives_what_it_does(void **state)
{
	struct tickets *t = tickets_new();
	const uint64_t *numbers;
	size_t n, seen = 0;

	(void)state;
	for (int i = 0; i < 10; i++)
		(void)tickets_take(t, 1);
	n = tickets_numbers(t, &numbers);
	assert_int_equal(n, 10);
	for (size_t i = 0; i < n; i++) {
		struct ticket *k = tickets_find(t, numbers[i]);

		if (k == NULL)
			continue;
		seen++;
		if (k->next != NULL)
			tickets_release(t, k->next);
		tickets_release(t, k);
		(void)tickets_take(t, 1); /* takes the place of one of them */
	}
	assert_int_equal(seen, 5);
	tickets_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_can_be_taken_and_no_more),
	    cmocka_unit_test(they_stand_in_the_order_in_which_they_came),
	    cmocka_unit_test(an_old_number_never_fits_a_new_ticket),
	    cmocka_unit_test(the_soonest_is_known_however_they_come_and_go),
	    cmocka_unit_test(a_packet_of_any_size_lives_as_long_as_its_ticket),
	    cmocka_unit_test(large_packets_have_a_limit_together),
	    cmocka_unit_test(a_walk_by_numbers_survives_what_it_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
