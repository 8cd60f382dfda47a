#include "agent/front/choice.h"

/* Is a before b? */
static bool
better(const struct choice *a, const struct choice *b)
{
	if (a->health != b->health)
		return a->health < b->health;
	if (a->prefer != b->prefer)
		return a->prefer;
	/* With one more each, so that idle ones count by their weight. */
	return (uint64_t)(a->load + 1) * b->weight <
	       (uint64_t)(b->load + 1) * a->weight;
}

int
choice_best(const struct choice *c, size_t n, uint32_t among)
{
	int best = -1;

	for (size_t i = 0; i < n; i++) {
		if ((among >> i & 1) == 0 || c[i].health == CHOICE_UNUSED)
			continue;
		if (best == -1 || better(&c[i], &c[best]))
			best = (int)i;
	}
	return best;
}
