#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/front/choice.h"

#define ALL 0xffffffffu

static void
the_best_token_is_chosen(void **state)
{
	static const struct {
		const char *why;
		struct choice c[3];
		uint32_t among;
		int best;
	} cases[] = {
	    {"nobody", {{0}}, 0, -1},
	    {"idle equals: the first",
		{{CHOICE_READY, false, 1, 0}, {CHOICE_READY, false, 1, 0},
		    {CHOICE_READY, false, 1, 0}},
		ALL, 0},
	    {"it does not hold the key",
		{{CHOICE_READY, false, 1, 0}, {CHOICE_READY, false, 1, 0},
		    {CHOICE_READY, false, 1, 0}},
		4, 2},
	    {"less load",
		{{CHOICE_READY, false, 1, 5}, {CHOICE_READY, false, 1, 4},
		    {CHOICE_READY, false, 1, 6}},
		ALL, 1},
	    {"less load for its weight",
		{{CHOICE_READY, false, 1, 2}, {CHOICE_READY, false, 10, 11},
		    {CHOICE_READY, false, 2, 4}},
		ALL, 1},
	    {"preferred, though loaded",
		{{CHOICE_READY, false, 1, 0}, {CHOICE_READY, true, 1, 900},
		    {CHOICE_READY, false, 9, 0}},
		ALL, 1},
	    {"healthy before preferred",
		{{CHOICE_AILING, true, 1, 0}, {CHOICE_STARTING, true, 1, 0},
		    {CHOICE_READY, false, 1, 90}},
		ALL, 2},
	    {"one that starts before one in trouble",
		{{CHOICE_AILING, true, 1, 0}, {CHOICE_DOWN, true, 1, 0},
		    {CHOICE_STARTING, false, 1, 9}},
		ALL, 2},
	    {"one that can tell its trouble before none",
		{{CHOICE_DOWN, true, 1, 0}, {CHOICE_AILING, false, 1, 7},
		    {CHOICE_UNUSED, true, 1, 0}},
		ALL, 1},
	    {"a number that is not in use",
		{{CHOICE_UNUSED, true, 1, 0}, {CHOICE_UNUSED, true, 1, 0},
		    {CHOICE_UNUSED, true, 1, 0}},
		ALL, -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (choice_best(cases[i].c, 3, cases[i].among) != cases[i].best)
			fail_msg("another one: %s", cases[i].why);
}

/* Requests that stay: how they are shared out follows the weights. */
static void
load_is_shared_by_weight(void **state)
{
	struct choice c[2] = {
	    {CHOICE_READY, false, 3, 0}, {CHOICE_READY, false, 1, 0}};

	(void)state;
	for (int i = 0; i < 400; i++)
		c[choice_best(c, 2, ALL)].load++;
	assert_int_equal(c[0].load, 300);
	assert_int_equal(c[1].load, 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_best_token_is_chosen),
	    cmocka_unit_test(load_is_shared_by_weight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
