#include "agent/worker/patience.h"

#include "agent/signer.h"

#define DOUBLINGS_MAX 3

void
patience_init(struct patience *p, uint64_t ms, uint64_t restarts)
{
	*p = (struct patience){0};
	p->ms = ms << (restarts < DOUBLINGS_MAX ? restarts : DOUBLINGS_MAX);
}

bool
patience_ends(struct patience *p, int err, uint64_t refused, uint64_t now)
{
	if (err != SIGNER_EDEVICE || refused != p->refused) {
		p->fails = 0;
		p->refused = refused;
		return false;
	}
	if (p->fails == 0)
		p->since = now;
	if (p->fails < PATIENCE_TRIES)
		p->fails++;
	return p->ms != 0 && p->fails == PATIENCE_TRIES &&
	       now - p->since >= p->ms;
}
