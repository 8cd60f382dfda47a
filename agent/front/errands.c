#include "agent/front/errands.h"

#include <stdlib.h>

struct errand {
	struct errand *next;
	struct link_request q;
};

int
errands_put(struct errands *es, const struct link_request *q)
{
	struct errand *e = malloc(sizeof(*e));

	if (e == NULL)
		return -1;
	e->next = NULL;
	e->q = *q;
	if (es->last != NULL)
		es->last->next = e;
	else
		es->first = e;
	es->last = e;
	return 0;
}

const struct link_request *
errands_first(const struct errands *es)
{
	return es->first == NULL ? NULL : &es->first->q;
}

void
errands_drop(struct errands *es)
{
	struct errand *e = es->first;

	es->first = e->next;
	if (es->first == NULL)
		es->last = NULL;
	free(e);
}
