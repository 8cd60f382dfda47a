/* One connection for many clients: an ISV proxy changes whom it speaks for. */
#include <string.h>

#include "mp/client_internal.h"

int
mp_client_speak(struct mp_client *c, const char *client_id, const char *netbios,
    const char *fqdn, struct mp_error *e)
{
	struct mp_client_config before = c->cfg;
	char managed[sizeof(c->managed)];
	int r;

	memcpy(managed, c->managed, sizeof(managed));
	memset(c->managed, 0, sizeof(c->managed));
	c->cfg.client_id = client_id;
	c->cfg.netbios = netbios;
	c->cfg.fqdn = fqdn;
	r = mp_client_check(c, e);
	if (r != 0) {
		c->cfg = before;
		memcpy(c->managed, managed, sizeof(managed));
	}
	return r;
}
