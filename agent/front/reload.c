#include "agent/front/reload.h"

#include <string.h>

#include "agent/front/auditor.h"
#include "agent/front/catalogue.h"
#include "agent/front/locks.h"
#include "agent/front/metrics.h"
#include "agent/front/peers.h"
#include "agent/front/route.h"
#include "agent/front/workers.h"
#include "agent/log.h"
#include "agent/snapshot.h"

int
reload_from(struct front *f, int fd)
{
	static struct conf
	    two[2]; /* large; f->conf is one of them, or main's */
	struct conf *next = f->conf == &two[0] ? &two[1] : &two[0];
	const struct conf *now = f->conf;

	if (snapshot_read(fd, next) != 0) {
		log_line(LOG_LEVEL_ERROR,
		    "the new configuration cannot be read; the front process "
		    "starts again with it");
		return -1;
	}
	f->conf = next;
	peers_reconsider(f->peers);
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++) {
		if (conf_token_same(&now->tokens[i], &next->tokens[i]))
			continue;
		/* Its requests are parked until all tokens are as described. */
		(void)catalogue_replace(f->catalogue, i, NULL, 0);
		workers_reset(f, i);
		metrics_reset(f->metrics, i);
		locks_reset(f, i,
		    strcmp(now->tokens[i].name, next->tokens[i].name) != 0);
	}
	auditor_reload(f);
	route_wake(f);
	return 0;
}
