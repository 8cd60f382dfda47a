/*
 * Are two classes of measured times alike? Welch's t-test, as dudect does it:
 * over all samples, and over what is left when the slow end, which is the
 * machine's noise, is cut off at several places. Knows nothing of what was
 * measured.
 *
 * Source: Reparaz, Balasch, Verbauwhede, "Dude, is my code constant time?"
 * (2016).
 */
#ifndef TESTS_TIMING_WELCH_H
#define TESTS_TIMING_WELCH_H

#include <stddef.h>
#include <stdint.h>

struct welch_sample {
	uint64_t ns;
	unsigned class; /* 0 or 1 */
};

/*
 * The t whose absolute value is greatest; positive if class 0 is the slower
 * one. Sorts the samples.
 */
double welch_t(struct welch_sample *list, size_t n);

#endif
