/*
 * Decimal numbers of strangers: digits only, and not above a limit. Knows
 * nothing of what they count.
 */
#ifndef MP_NUMBER_H
#define MP_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* False, and *value 0, if text is anything but a number up to max. */
bool mp_number(const char *text, uint64_t max, uint64_t *value);

#endif
