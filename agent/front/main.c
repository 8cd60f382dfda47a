/*
 * sealpoint-front: the agent's face to its clients. Started by sealpointd,
 * with the listening socket as descriptor 3, the supervisor as 4, the
 * configuration as 5 and the listening control socket, if any, as 6.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "agent/front/auditor.h"
#include "agent/front/auditseal.h"
#include "agent/front/catalogue.h"
#include "agent/front/control.h"
#include "agent/front/front.h"
#include "agent/front/lanes.h"
#include "agent/front/locks.h"
#include "agent/front/metrics.h"
#include "agent/front/overseer.h"
#include "agent/front/peers.h"
#include "agent/front/quota.h"
#include "agent/front/tickets.h"
#include "agent/front/timer.h"
#include "agent/front/workers.h"
#include "agent/harden.h"
#include "agent/link.h"
#include "agent/log.h"
#include "agent/sandbox.h"
#include "agent/snapshot.h"

#define LISTEN_FD 3
#define OVERSEER_FD 4
#define CONF_FD 5
#define CONTROL_FD 6 /* if the configuration has a control socket */
#define SPARE_FDS 64 /* besides the clients' */

/* Large, and one per process. */
static struct conf conf;
static struct front front;

/* A descriptor for every client that the configuration admits. */
static int
make_room(void)
{
	unsigned files = harden_files();

	if (files >= conf.clients + SPARE_FDS)
		return 0;
	log_line(LOG_LEVEL_ERROR,
	    "clients = %u needs a limit of %u open files, "
	    "and it is %u; raise it (LimitNOFILE=) or lower clients",
	    conf.clients, conf.clients + SPARE_FDS, files);
	return -1;
}

/* The end is in order: what is left of the audit log is written. */
static void
on_term(evutil_socket_t sig, short what, void *base)
{
	(void)sig;
	(void)what;
	(void)event_base_loopbreak(base);
}

static int
furnish(struct front *f)
{
	f->conf = &conf;
	f->base = event_base_new();
	if (f->base == NULL)
		return -1;
	f->term = evsignal_new(f->base, SIGTERM, on_term, f->base);
	if (f->term == NULL || evsignal_add(f->term, NULL) != 0)
		return -1;
	f->auditor = auditor_open(f);
	f->seal = auditseal_open();
	f->catalogue = catalogue_new();
	f->lanes = lanes_new();
	f->locks = locks_new();
	f->metrics = metrics_new(f);
	f->quota = quota_new();
	f->tickets = tickets_new();
	f->timer = timer_open(f);
	f->workers = workers_open(f);
	f->overseer = overseer_open(f, OVERSEER_FD);
	if (f->catalogue == NULL || f->lanes == NULL || f->locks == NULL ||
	    f->metrics == NULL || f->tickets == NULL || f->timer == NULL ||
	    f->workers == NULL || f->overseer == NULL || f->quota == NULL ||
	    f->auditor == NULL || f->seal == NULL)
		return -1;
	f->control =
	    control_open(f, f->conf->control[0] == '\0' ? -1 : CONTROL_FD);
	if (f->control == NULL)
		return -1;
	/* Last: from here on clients come. */
	f->peers = peers_open(f, LISTEN_FD);
	return f->peers == NULL ? -1 : 0;
}

static void
clear_out(struct front *f)
{
	peers_close(f->peers);
	control_close(f->control);
	auditor_close(f->auditor);
	auditseal_close(f->seal);
	overseer_close(f->overseer);
	workers_close(f->workers);
	timer_close(f->timer);
	tickets_free(f->tickets);
	lanes_free(f->lanes);
	locks_free(f->locks);
	metrics_free(f->metrics);
	quota_free(f->quota);
	catalogue_free(f->catalogue);
	event_free(f->term);
	event_base_free(f->base);
}

/* From whoever started it to a front that can do its work and no more. */
static int
shed(const char *parent)
{
	if (harden_user(conf.uid, conf.gid) == 0 &&
	    harden_child((int)strtol(parent, NULL, 10)) == 0 &&
	    harden(conf.control[0] == '\0' ? CONTROL_FD : CONTROL_FD + 1) ==
		0 &&
	    harden_childless() == 0)
		return 0;
	log_line(LOG_LEVEL_ERROR,
	    "the front process cannot give up its powers: %s", strerror(errno));
	return -1;
}

/* All is open that will ever be, and no stranger was heard yet. */
static int
enter(void)
{
	char text[CONF_TEXT_MAX];
	int r = sandbox_enter(SANDBOX_FRONT, NULL, 0, text, sizeof(text));

	if (r != SANDBOX_OK)
		log_line(
		    r == SANDBOX_NOFILES ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR,
		    "the front process: %s", text);
	return r == SANDBOX_EFAILED ? -1 : 0;
}

int
main(int argc, char **argv)
{
	if (argc != 3) {
		(void)fprintf(stderr,
		    "usage: sealpoint-front PARENT VERSION\n"
		    "sealpointd starts this program; see sealpointd(8)\n");
		return 2;
	}
	log_open("sealpointd");
	if (!link_same_build(argv[2])) {
		log_line(LOG_LEVEL_ERROR,
		    "sealpointd is of another version than this program; "
		    "restart sealpointd");
		return 1;
	}
	if (snapshot_read(CONF_FD, &conf) != 0) {
		log_line(LOG_LEVEL_ERROR,
		    "the front process cannot read its configuration; restart "
		    "sealpointd");
		return 1;
	}
	if (shed(argv[1]) != 0)
		return 1;
	if (make_room() != 0 || furnish(&front) != 0 || enter() != 0) {
		log_line(LOG_LEVEL_ERROR, "the front process cannot start");
		return 1;
	}
	(void)event_base_dispatch(front.base);
	clear_out(&front);
	return 0;
}
