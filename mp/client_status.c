/* What HTTP said last: for callers that tell 403 from 500. */
#include "mp/client_internal.h"
#include "mp/client_send.h"

long
mp_client_status(const struct mp_client *c)
{
	return c->x.status;
}
