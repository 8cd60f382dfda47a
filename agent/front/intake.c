#include "agent/front/intake.h"

#include <stdlib.h>
#include <string.h>

#include "agent/front/catalogue.h"
#include "agent/link.h"
#include "agent/log.h"

void
intake_drop(struct intake *in)
{
	free(in->ids);
	in->ids = NULL;
	in->n = 0;
}

void
intake_page(struct intake *in, const struct front *f, unsigned index,
    struct wire_reader *r)
{
	static struct link_catalogue page; /* one thread */
	struct signer_identity *grown;

	if (link_catalogue_parse(r, &page) != SIGNER_OK)
		return;
	if (page.from == 0)
		in->n = 0;
	if (page.from != in->n || page.total > CATALOGUE_MAX ||
	    page.from + page.n > page.total)
		return;
	grown = realloc(in->ids, (page.from + page.n + 1) * sizeof(*in->ids));
	if (grown == NULL)
		return;
	in->ids = grown;
	memcpy(grown + page.from, page.ids, page.n * sizeof(*grown));
	in->n += page.n;
	if (in->n < page.total)
		return;
	if (catalogue_replace(f->catalogue, index, in->ids, in->n) != 0)
		log_line(LOG_LEVEL_ERROR,
		    "token %s: no memory for its %zu keys",
		    f->conf->tokens[index].name, in->n);
	intake_drop(in);
}
