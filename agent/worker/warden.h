/*
 * The warden: keeps the token shut while it is locked, and its brought PIN no
 * longer than it may. Obeys the front's orders that are about the token as a
 * whole: lock, unlock, probe, counts. Knows no client; the door (door.h)
 * brings it PINs.
 *
 * Any thread may call; LOCK and UNLOCK take turns.
 */
#ifndef AGENT_WORKER_WARDEN_H
#define AGENT_WORKER_WARDEN_H

#include <pthread.h>
#include <stdbool.h>

#include "agent/worker/desk.h"
#include "agent/worker/pin.h"

struct warden {
	int link;          /* to the front */
	const char *state; /* directory of the marks, see mark.h; borrowed */
	const struct conf_token *conf;
	struct token *token;
	struct pin *pin;
	struct desk *desk;     /* set before any order can come */
	pthread_mutex_t turns; /* of locking and unlocking */
	bool shut;
	uint32_t heard; /* number of the front's last word about it */
};

/* Shuts the token if its mark is there. All pointers of w are set. */
void warden_init(struct warden *w);

/* How the desk passes on what is none of its own; ctx is the warden. */
void warden_obey(void *ctx, uint8_t kind, struct wire_reader *r);

/*
 * Somebody brought the PIN, which is wiped here: opens the token and logs in.
 * SIGNER_OK, or an enum signer_err with a sentence: then all is as before, and
 * the PIN is forgotten.
 */
int warden_admit(
    struct warden *w, uint8_t *pin, size_t len, struct signer_trouble *why);

/* The time of the PIN that was brought is over. */
void warden_expire(struct warden *w);

#endif
