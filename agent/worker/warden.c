#include "agent/worker/warden.h"

#include <errno.h>
#include <string.h>

#include "agent/link.h"
#include "agent/log.h"
#include "agent/mark.h"
#include "agent/worker/signer_token.h"
#include "agent/worker/trial.h"

#define LOCK_TRIES 3 /* each lets operations end, for as long as they may */

/* id 0: nobody asked. */
static void
tell_counts(const struct warden *w, uint32_t id)
{
	struct link_counted c = {.id = id};
	struct token_stats st;
	uint8_t p[128];

	token_stats(w->token, &st);
	c.identities = st.identities;
	c.sessions = st.sessions;
	c.signatures = st.signatures;
	c.decryptions = st.decryptions;
	c.logins = st.logins;
	c.searches = st.searches;
	c.recoveries = st.recoveries;
	c.retries = st.retries;
	(void)link_send(
	    w->link, p, link_counted_pack(p, sizeof(p), &c), NULL, 0, -1, 0);
}

/*
 * Takes its turn first. Logs out, and lets nobody in. The front, which asks
 * nothing of a locked token, is told what it did until then.
 */
static void
shut(struct warden *w)
{
	struct token_trouble tt;
	int r = TOKEN_EBUSY;

	w->shut = true;
	pin_forget(w->pin);
	for (int i = 0; i < LOCK_TRIES && r == TOKEN_EBUSY; i++) {
		memset(&tt, 0, sizeof(tt));
		r = token_lock(w->token, &tt);
	}
	if (r != TOKEN_OK)
		log_line(LOG_LEVEL_WARNING,
		    "token %s is locked, but its login did not end: %s",
		    w->conf->name, tt.text);
	tell_counts(w, 0);
}

static void
open_up(struct warden *w)
{
	w->shut = false;
	token_unlock(w->token);
}

void
warden_init(struct warden *w)
{
	(void)pthread_mutex_init(&w->turns, NULL);
	if (mark_is_set(w->state, w->conf->name))
		shut(w);
}

/* The front's word; one that another thread overtook is void. */
static void
turn(struct warden *w, struct wire_reader *r, bool lock)
{
	struct signer_trouble why = {0};
	bool news;
	uint32_t id;

	if (link_order_parse(r, &id) != SIGNER_OK)
		return;
	(void)pthread_mutex_lock(&w->turns);
	news = (int32_t)(id - w->heard) > 0 && w->shut != lock;
	if ((int32_t)(id - w->heard) > 0)
		w->heard = id;
	if (news && lock)
		shut(w);
	else if (news)
		open_up(w);
	(void)pthread_mutex_unlock(&w->turns);
	if (news)
		(void)desk_look(w->desk, &why);
}

static void
probe(struct warden *w, struct wire_reader *r)
{
	struct link_probed b;
	uint8_t p[1024];

	memset(&b, 0, sizeof(b));
	if (link_order_parse(r, &b.id) != SIGNER_OK)
		return;
	b.err = trial_run(w->token, b.sha1, &b.us, &b.why);
	(void)link_send(
	    w->link, p, link_probed_pack(p, sizeof(p), &b), NULL, 0, -1, 0);
}

static void
count(const struct warden *w, struct wire_reader *r)
{
	uint32_t id;

	if (link_order_parse(r, &id) == SIGNER_OK)
		tell_counts(w, id);
}

void
warden_obey(void *ctx, uint8_t kind, struct wire_reader *r)
{
	if (kind == LINK_LOCK)
		turn(ctx, r, true);
	else if (kind == LINK_UNLOCK)
		turn(ctx, r, false);
	else if (kind == LINK_PROBE)
		probe(ctx, r);
	else if (kind == LINK_COUNTS)
		count(ctx, r);
}

/* It is open, and needs no PIN: who brings the one that it has is welcome. */
static int
greet(struct warden *w, const uint8_t *pin, size_t len,
    struct signer_trouble *why)
{
	if (pin_same(w->pin, pin, len))
		return SIGNER_OK;
	return signer_fail(why, SIGNER_EARG,
	    "token %s is unlocked already, with another PIN than this; run "
	    "'sealpoint lock %s' first",
	    w->conf->name, w->conf->name);
}

/*
 * Takes its turn first. With a PIN that nobody tried yet. The mark of the lock
 * is the front's to take away: it knows whether another lock came meanwhile.
 */
static int
try(struct warden *w, struct signer_trouble *why)
{
	bool was = w->shut;
	uint8_t p[8];
	int err;

	open_up(w);
	err = desk_look(w->desk, why);
	if (err == SIGNER_OK)
		(void)link_send(w->link, p,
		    link_order_pack(p, sizeof(p), LINK_UNLOCKED, w->heard),
		    NULL, 0, -1, 0);
	else if (was)
		shut(w);
	else
		pin_forget(w->pin);
	return err;
}

int
warden_admit(
    struct warden *w, uint8_t *pin, size_t len, struct signer_trouble *why)
{
	struct token_stats st;
	int err;

	(void)pthread_mutex_lock(&w->turns);
	token_stats(w->token, &st);
	if (st.ready && !w->shut) {
		err = greet(w, pin, len, why);
		explicit_bzero(pin, len);
	} else {
		pin_bring(w->pin, pin, len);
		explicit_bzero(pin, len);
		err = try(w, why);
	}
	(void)pthread_mutex_unlock(&w->turns);
	return err;
}

void
warden_expire(struct warden *w)
{
	struct signer_trouble why = {0};
	uint8_t p[4];
	bool was;

	(void)pthread_mutex_lock(&w->turns);
	was = w->shut;
	if (!was) {
		/* The mark first: whatever happens then, it stays locked. */
		if (mark_set(w->state, w->conf->name) != 0)
			log_line(LOG_LEVEL_ERROR,
			    "token %s: its lock cannot be written to %s: %s",
			    w->conf->name, w->state, strerror(errno));
		(void)link_send(w->link, p,
		    link_word_pack(p, sizeof(p), LINK_LOCKED), NULL, 0, -1, 0);
		shut(w);
	}
	(void)pthread_mutex_unlock(&w->turns);
	if (!was)
		(void)desk_look(w->desk, &why);
}
