#include "tests/faultmod/faultmod.h"

#include <string.h>

#include "tests/faultmod/functions.h"

#define NAME(name) "C_" #name,
static const char *const names[] = {FAULTMOD_FUNCTIONS(NAME)};

_Static_assert(sizeof(names) / sizeof(names[0]) == FAULTMOD_CALLS,
    "a function is missing, or there is one too many");

const char *
faultmod_name(unsigned function)
{
	return function < FAULTMOD_CALLS ? names[function] : NULL;
}

unsigned
faultmod_function(const char *name)
{
	unsigned i = 0;

	while (i < FAULTMOD_CALLS && strcmp(names[i], name) != 0)
		i++;
	return i;
}
