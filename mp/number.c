#include "mp/number.h"

bool
mp_number(const char *text, uint64_t max, uint64_t *value)
{
	uint64_t v = 0;

	*value = 0;
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		uint64_t digit = (uint64_t)(*text - '0');

		if (*text < '0' || *text > '9' || digit > max ||
		    v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*value = v;
	return true;
}
