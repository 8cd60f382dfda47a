#include "tests/timing/welch.h"

#include <math.h>
#include <stdlib.h>

struct moments {
	double n, mean, squares;
};

static int
by_time(const void *a, const void *b)
{
	const struct welch_sample *x = a, *y = b;

	return (x->ns > y->ns) - (x->ns < y->ns);
}

/* Welford's way: no difference of large sums. */
static void
add(struct moments *m, double x)
{
	double from = x - m->mean;

	m->n++;
	m->mean += from / m->n;
	m->squares += from * (x - m->mean);
}

static double
test(const struct welch_sample *list, size_t n)
{
	struct moments m[2] = {{0}};
	double spread;

	for (size_t i = 0; i < n; i++)
		add(&m[list[i].class], (double)list[i].ns);
	if (m[0].n < 2 || m[1].n < 2)
		return 0;
	spread = m[0].squares / (m[0].n - 1) / m[0].n +
		 m[1].squares / (m[1].n - 1) / m[1].n;
	return spread > 0 ? (m[0].mean - m[1].mean) / sqrt(spread) : 0;
}

double
welch_t(struct welch_sample *list, size_t n)
{
	static const double kept[] = {1, 0.95, 0.9, 0.75, 0.5, 0.25};
	double most = 0;

	qsort(list, n, sizeof(*list), by_time);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		double t = test(list, (size_t)((double)n * kept[i]));

		if (fabs(t) > fabs(most))
			most = t;
	}
	return most;
}
