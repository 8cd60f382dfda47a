/*
 * sealpoint-token: the worker of one configured token. Holds the PIN while
 * it logs in, and the sessions; parses only what our own front sends.
 * Started by sealpointd, with the socket to the front as descriptor 3, the
 * configuration as 4, the memory of logins as 5 and, for some sources of the
 * PIN, what it comes from as 6.
 */
#include <sys/mman.h>

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/conf.h"
#include "agent/harden.h"
#include "agent/link.h"
#include "agent/log.h"
#include "agent/sandbox.h"
#include "agent/snapshot.h"
#include "agent/worker/confine.h"
#include "agent/worker/desk.h"
#include "agent/worker/door.h"
#include "agent/worker/pin.h"
#include "agent/worker/seed.h"
#include "agent/worker/signer_token.h"
#include "agent/worker/warden.h"

#define LINK_FD 3
#define CONF_FD 4
#define MEMORY_FD 5 /* what workers before us knew of logins */
#define MEMORY_LEN 4096
#define PIN_FD 6      /* where the PIN comes from, if that is a descriptor */
#define SPARE_FDS 128 /* of the module, besides the clients' */
#define LARGE (1 << 20)

/* The same words in both: the cast in open_token() is a copy. */
static_assert((int)CONF_REAUTH_CACHED == (int)TOKEN_REAUTH_CACHED &&
		  (int)CONF_REAUTH_ASK == (int)TOKEN_REAUTH_ASK,
    "reauth");
static_assert(CONF_CERTS_MAX <= TOKEN_CERTS_MAX, "certificate files");

/* What the process lives on; static, since threads outlive main's frame. */
static struct conf conf;
static struct pin pin;
static struct warden warden;
static char guard[CONF_PATH_MAX + 16];
static char unlock[SIGNER_TOKEN_MAX + 32];
static char advice[CONF_PATH_MAX + 64];

/* Says why to the log and to the front; the supervisor will try again. */
static int
fail(int err, const struct signer_trouble *why)
{
	log_line(LOG_LEVEL_ERROR, "%s", why->text);
	desk_report_failure(LINK_FD, err, why);
	return 1;
}

/* Whether a login needs somebody, so that the token is not let go. */
static bool
person(const struct conf_token *ct)
{
	return ct->pin == CONF_PIN_ASK || ct->pin == CONF_PIN_ASKPASS ||
	       ct->pin == CONF_PIN_PAD;
}

/* The memory that outlives us, never in a core or on a disk; else none. */
static void *
recollect(void)
{
	void *p = mmap(
	    NULL, MEMORY_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, MEMORY_FD, 0);

	(void)close(MEMORY_FD);
	if (p == MAP_FAILED)
		return NULL;
	(void)madvise(p, MEMORY_LEN, MADV_DONTDUMP);
	(void)mlock(p, MEMORY_LEN);
	return p;
}

static int
open_token(
    const struct conf_token *ct, struct token **t, struct signer_trouble *why)
{
	struct token_config tc = {
	    .module = ct->module,
	    .uri = ct->uri,
	    .guard = guard,
	    .what_to_do = advice,
	    .how_to_open = unlock,
	    .reauth = (enum token_reauth)ct->reauth,
	    .sessions = ct->sessions,
	    .keepalive_ms = ct->keepalive_ms,
	    .release_ms = person(ct) ? 0 : ct->release_ms,
	    .wait_ms = ct->deadline_ms / 2,
	};
	struct token_trouble tt;
	int r;

	memset(&tt, 0, sizeof(tt));
	if (pin_init(&pin, ct, PIN_FD) != 0)
		return signer_fail(why, SIGNER_EPIN,
		    "no memory can be locked for "
		    "the PIN (%s); raise the limit memlock",
		    strerror(errno));
	for (size_t i = 0; i < ct->ncerts; i++)
		tc.certs[i] = ct->certs[i];
	(void)snprintf(
	    unlock, sizeof(unlock), "run sealpoint unlock %s", ct->name);
	tc.pin = pin_lend(&pin);
	pin_advice(&pin, advice, sizeof(advice));
	/* One file for all sections: two of them may name one card. */
	(void)snprintf(guard, sizeof(guard), "%s/pin-guard", conf.state);
	tc.memory = recollect();
	if (seed_load(conf.state, tc.seed, why->text, sizeof(why->text)) != 0)
		return SIGNER_EDEVICE;
	r = token_open(t, &tc, &tt);
	explicit_bzero(tc.seed, sizeof(tc.seed));
	if (r != TOKEN_OK)
		signer_trouble_from_token(why, &tt);
	return signer_err_from_token(r);
}

/* The first descriptor that is none of ours. */
static int
first_strange(const struct conf_token *t)
{
	return t->pin == CONF_PIN_ASK || t->pin == CONF_PIN_FD ||
		       t->pin == CONF_PIN_ASKPASS
		   ? PIN_FD + 1
		   : PIN_FD;
}

/* Until the front hangs up. */
static int
serve(const struct conf_token *ct, struct desk_config *cfg)
{
	warden = (struct warden){
	    .link = LINK_FD,
	    .state = conf.state,
	    .conf = ct,
	    .token = cfg->token,
	    .pin = &pin,
	};
	cfg->pin = &pin;
	cfg->obey = warden_obey;
	cfg->ctx = &warden;
	warden.desk = desk_open(cfg);
	if (warden.desk == NULL)
		return -1;
	warden_init(&warden);
	if (ct->pin == CONF_PIN_ASK &&
	    door_open(&warden, PIN_FD, ct->pin_ttl_ms) != 0) {
		log_line(LOG_LEVEL_ERROR,
		    "token %s: nobody can bring its PIN: %s", ct->name,
		    strerror(errno));
		return -1;
	}
	return desk_run(warden.desk);
}

/* From whoever started it to a worker that can do its work and no more. */
static int
shed(const struct conf_token *t, const char *parent)
{
	if (harden_user(conf.uid, conf.gid) == 0 &&
	    harden_child((int)strtol(parent, NULL, 10)) == 0 &&
	    harden(first_strange(t)) == 0)
		return 0;
	log_line(LOG_LEVEL_ERROR,
	    "token %s: its process cannot give up its powers: %s", t->name,
	    strerror(errno));
	return -1;
}

/* The module is not loaded yet: it never was outside. */
static int
enter(const struct conf_token *t, struct signer_trouble *why)
{
	char text[SIGNER_TEXT_MAX];
	int r = confine_worker(
	    &conf, t, getenv("CREDENTIALS_DIRECTORY"), text, sizeof(text));

	if (r == SANDBOX_NOFILES)
		log_line(LOG_LEVEL_WARNING, "token %s: %s", t->name, text);
	if (r == SANDBOX_EFAILED)
		return signer_fail(why, SIGNER_EDEVICE, "%s", text);
	return SIGNER_OK;
}

int
main(int argc, char **argv)
{
	struct signer_trouble why = {0};
	struct desk_config desk = {.link = LINK_FD};
	unsigned files;
	int err, index;

	if (argc != 5) {
		(void)fprintf(stderr,
		    "usage: sealpoint-token TOKEN RESTARTS "
		    "PARENT VERSION\nsealpointd starts this program; see "
		    "sealpointd(8)\n");
		return 2;
	}
	log_open("sealpoint-token");
	if (!link_same_build(argv[4])) {
		log_line(LOG_LEVEL_ERROR,
		    "sealpointd is of another version than this program; "
		    "restart sealpointd");
		return 1;
	}
	index = snapshot_read(CONF_FD, &conf) == 0
		    ? conf_token_index(&conf, argv[1])
		    : -1;
	if (index < 0) {
		log_line(LOG_LEVEL_ERROR,
		    "token %s: its process cannot read its configuration; "
		    "restart sealpointd",
		    argv[1]);
		return 1;
	}
	if (shed(&conf.tokens[index], argv[3]) != 0)
		return 1;
	/* What a login takes to print the PIN goes back to the system, not
	 * into the store of each thread that ever logged in. */
	(void)mallopt(M_MMAP_THRESHOLD, LARGE);
	files = harden_files();
	err = enter(&conf.tokens[index], &why);
	if (err == SIGNER_OK)
		err = open_token(&conf.tokens[index], &desk.token, &why);
	if (err != SIGNER_OK)
		return fail(err, &why);
	desk.name = conf.tokens[index].name;
	desk.restarts = strtoull(argv[2], NULL, 10);
	/* Who gets no slot here is answered by way of the front. */
	desk.clients = files > conf.clients + SPARE_FDS ? conf.clients
		       : files > SPARE_FDS              ? files - SPARE_FDS
							: 0;
	desk.threads = conf.tokens[index].sessions;
	desk.poll_ms = conf.tokens[index].poll_ms;
	/* A PIN that somebody typed would be lost with the process. */
	if (!person(&conf.tokens[index]))
		desk.patience_ms = conf.tokens[index].start_ms;
	return serve(&conf.tokens[index], &desk) == 0 ? 0 : 1;
}
