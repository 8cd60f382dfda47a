/*
 * A worker's catalogue on its way in, page by page. Knows no worker.
 */
#ifndef AGENT_FRONT_INTAKE_H
#define AGENT_FRONT_INTAKE_H

#include "agent/front/front.h"
#include "agent/wire.h"

/* All zero at first. */
struct intake {
	struct signer_identity *ids;
	size_t n;
};

/* A page; the last one replaces what token `index` holds. */
void intake_page(struct intake *in, const struct front *f, unsigned index,
    struct wire_reader *r);

/* Forgets what is half there. */
void intake_drop(struct intake *in);

#endif
