#include "agent/front/operation.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/front/auditor.h"
#include "agent/front/catalogue.h"
#include "agent/front/explain.h"
#include "agent/front/grant.h"
#include "agent/front/lanes.h"
#include "agent/front/locks.h"
#include "agent/front/metrics.h"
#include "agent/front/policy.h"
#include "agent/front/purpose.h"
#include "agent/front/workers.h"
#include "agent/log.h"
#include "version.h"

static const struct policy_request to_see = {.use = 0};

/* Has every worker said, at least once, what it holds? */
static bool
all_reported(const struct front *f)
{
	bool reported;

	for (unsigned i = 0; i < f->conf->ntokens; i++) {
		(void)workers_state(f, i, &reported);
		if (f->conf->tokens[i].name[0] != '\0' && !reported)
			return false;
	}
	return true;
}

/* The first token that is not well; -1 if all are. */
static int
ailing(const struct front *f)
{
	bool reported;

	for (unsigned i = 0; i < f->conf->ntokens; i++)
		if (f->conf->tokens[i].name[0] != '\0' &&
		    workers_state(f, i, &reported)->err != SIGNER_OK)
			return (int)i;
	return -1;
}

/* A token's trouble as the reason why something is not there. */
static void
blame(struct ask *a, int index)
{
	bool reported;
	const struct link_state *s =
	    workers_state(a->f, (unsigned)index, &reported);

	ask_fail(a, s->err, &s->why);
}

/* Of the sections none is about this caller. */
static bool
stranger(struct ask *a)
{
	if (a->p->sections != 0)
		return false;
	auditor_deny(a, NULL, NULL, SIGNER_EDENIED,
	    "no [allow] section is about this user");
	ask_refuse(a, SIGNER_EDENIED, false,
	    "uid %u may use no key here; an [allow] "
	    "section of sealpointd.conf must name this user, or a group of it",
	    a->p->who.uid);
	return true;
}

static void
hello(struct ask *a)
{
	struct proto_hello h = {
	    .version = PROTO_VERSION,
	    .packet_max = PROTO_PACKET_MAX,
	    .inflight_max = FRONT_INFLIGHT_MAX,
	    .server = "sealpointd " SEALPOINT_VERSION,
	};
	uint8_t reply[256];

	ask_answer(a, reply,
	    proto_hello_reply_pack(reply, sizeof(reply), a->h.id, &h));
}

static void
ping(struct ask *a)
{
	uint8_t reply[PROTO_HEADER_LEN];

	ask_answer(
	    a, reply, proto_ping_reply_pack(reply, sizeof(reply), a->h.id));
}

/* What this caller may see, from its number `from` on. */
static size_t
visible(
    const struct ask *a, uint32_t from, struct signer_identity *ids, size_t max)
{
	const struct catalogue *c = a->f->catalogue;
	const struct catalogue_entry *e;
	size_t n = 0, seen = 0;

	for (size_t i = 0; n < max && (e = catalogue_at(c, i)) != NULL; i++) {
		uint32_t uses = policy_uses(a->f->conf, a->sections, &e->id);

		if (uses == 0 || seen++ < from)
			continue;
		ids[n] = e->id;
		ids[n++].uses = uses;
	}
	return n;
}

/*
 * The tokens may have changed since they were looked at: true while the
 * request waits for one more look, which it gets once.
 */
static bool
look_again(struct ask *a)
{
	if (a->k == NULL || !a->k->rescanned) {
		workers_rescan(a->f);
		if (!workers_scanning(a->f))
			return false;
		ask_park(a, true);
		return true;
	}
	return workers_scanning(a->f);
}

static void
list(struct ask *a, uint32_t from)
{
	struct signer_identity ids[PROTO_LIST_MAX];
	size_t n;

	if (stranger(a))
		return;
	if (!all_reported(a->f)) {
		ask_park(a, false);
		return;
	}
	n = visible(a, from, ids, PROTO_LIST_MAX);
	if (n == 0 && from == 0 && ailing(a->f) >= 0) {
		if (look_again(a))
			return;
		blame(a, ailing(a->f));
		return;
	}
	ask_answer(a, a->f->out,
	    proto_list_reply_pack(
		a->f->out, sizeof(a->f->out), a->h.id, ids, n));
}

/*
 * Nothing has that thumbprint. The tokens may have changed since they were
 * read: the request waits for one look at them.
 */
static void
miss(struct ask *a, const uint8_t *thumb, size_t thumblen)
{
	char text[SIGNER_THUMB_TEXT] = "";

	if (!all_reported(a->f)) {
		ask_park(a, false);
		return;
	}
	if (look_again(a))
		return;
	if (ailing(a->f) >= 0) {
		blame(a, ailing(a->f));
		return;
	}
	signer_thumbprint_print(thumb, thumblen, text);
	ask_refuse(a, SIGNER_ENOKEY, false,
	    "no token has a certificate with its "
	    "private key under thumbprint %s; see 'sealpoint keys' for what "
	    "there is",
	    text);
}

/* The entry if the caller may use it so; else the request is answered. */
static const struct catalogue_entry *
allowed(struct ask *a, const uint8_t key[SIGNER_SHA256_LEN],
    const struct policy_request *what)
{
	const struct catalogue_entry *e;

	if (stranger(a))
		return NULL;
	e = catalogue_by_sha256(a->f->catalogue, key);
	if (e == NULL) {
		miss(a, key, SIGNER_SHA256_LEN);
		return NULL;
	}
	return grant_use(a, &e->id, what) ? e : NULL;
}

/*
 * Of certificates with one SHA-1 the one that this caller may see; NULL when
 * it may see more: then the request is answered.
 */
static const struct catalogue_entry *
single_out(struct ask *a, const struct catalogue_entry *e, size_t others)
{
	const struct catalogue_entry *twin = catalogue_twin(a->f->catalogue, e);
	char first[SIGNER_THUMB_TEXT] = "", second[SIGNER_THUMB_TEXT] = "";

	if (others == 1 && policy_uses(a->f->conf, a->sections, &e->id) == 0)
		return twin;
	if (others == 1 && policy_uses(a->f->conf, a->sections, &twin->id) == 0)
		return e;
	signer_thumbprint_print(e->id.sha256, SIGNER_SHA256_LEN, first);
	signer_thumbprint_print(twin->id.sha256, SIGNER_SHA256_LEN, second);
	ask_refuse(a, SIGNER_EAMBIGUOUS, false,
	    "%zu certificates share that SHA-1 thumbprint; "
	    "use a SHA-256 one: %s or %s",
	    others + 1, first, second);
	return NULL;
}

static void
find(struct ask *a, const uint8_t *thumb, size_t thumblen)
{
	const struct catalogue_entry *e;
	uint8_t reply[512];
	struct signer_identity id;
	size_t others = 0;

	if (stranger(a))
		return;
	if (thumblen == SIGNER_SHA1_LEN)
		e = catalogue_by_sha1(a->f->catalogue, thumb, &others);
	else
		e = catalogue_by_sha256(a->f->catalogue, thumb);
	if (e == NULL) {
		miss(a, thumb, thumblen);
		return;
	}
	if (others != 0) {
		e = single_out(a, e, others);
		if (e == NULL)
			return;
	}
	e = allowed(a, e->id.sha256, &to_see);
	if (e == NULL)
		return;
	id = e->id;
	id.uses = policy_uses(a->f->conf, a->sections, &e->id);
	ask_answer(a, reply,
	    proto_find_reply_pack(reply, sizeof(reply), a->h.id, &id));
}

static void
certificate(struct ask *a, const struct proto_certificate *c)
{
	const struct catalogue_entry *e = allowed(a, c->key, &to_see);

	if (e != NULL)
		ask_forward(a, e, 0, a->f->out,
		    proto_certificate_pack(
			a->f->out, sizeof(a->f->out), a->h.id, c));
}

static void
sign(struct ask *a, const struct proto_sign *s)
{
	const struct policy_request what = {.use = purpose_of(&s->what),
	    .scheme = s->what.scheme,
	    .hash = s->what.hash,
	    .digest = s->what.digest};
	const struct catalogue_entry *e = allowed(a, s->key, &what);

	if (e != NULL &&
	    auditor_allow(a, &e->id, &what, s->what.data, s->what.len))
		ask_forward(a, e, what.use, a->f->out,
		    proto_sign_pack(a->f->out, sizeof(a->f->out), a->h.id, s));
}

static void
decrypt(struct ask *a, const struct proto_decrypt *d)
{
	const struct policy_request what = {
	    .use = SIGNER_USE_DECRYPT, .scheme = d->scheme, .hash = d->hash};
	const struct catalogue_entry *e = allowed(a, d->key, &what);

	if (e != NULL && auditor_allow(a, &e->id, &what, d->data, d->len))
		ask_forward(a, e, SIGNER_USE_DECRYPT, a->f->out,
		    proto_decrypt_pack(
			a->f->out, sizeof(a->f->out), a->h.id, d));
}

void
operation_report(const struct front *f, unsigned index, struct client_token *t)
{
	struct timespec ts;
	uint64_t now = front_now();

	lanes_report(f->lanes, index, t);
	if (t->last_ms == 0)
		return;
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	t->last_ms = (uint64_t)ts.tv_sec * 1000 +
		     (uint64_t)ts.tv_nsec / 1000000 - (now - t->last_ms);
}

/* What the front itself knows of a token whose worker cannot say. */
static void
status_here(struct ask *a, unsigned index)
{
	struct client_token t;
	uint8_t reply[2048];
	bool reported;
	const struct link_state *s = workers_state(a->f, index, &reported);

	memset(&t, 0, sizeof(t));
	(void)snprintf(
	    t.name, sizeof(t.name), "%s", a->f->conf->tokens[index].name);
	(void)snprintf(t.label, sizeof(t.label), "%s", s->label);
	(void)snprintf(t.state, sizeof(t.state), "%s",
	    s->err == SIGNER_OK ? "starting" : proto_state_name(s->err));
	(void)snprintf(t.trouble, sizeof(t.trouble), "%s", s->why.text);
	t.ckr = s->why.ckr;
	if (locks_on(a->f, index)) {
		struct signer_trouble why;

		(void)locks_explain(a->f, index, &why);
		metrics_report(a->f->metrics, index, &t);
		(void)snprintf(t.state, sizeof(t.state), "locked");
		(void)snprintf(t.trouble, sizeof(t.trouble), "%s", why.text);
		t.ckr = 0;
	}
	t.since = s->since;
	t.restarts = workers_generation(a->f, index);
	if (t.restarts > 0)
		t.restarts--;
	operation_report(a->f, index, &t);
	ask_answer(a, reply,
	    proto_status_reply_pack(reply, sizeof(reply), a->h.id, &t));
}

static void
status(struct ask *a, uint16_t nth)
{
	int index = conf_token_nth(a->f->conf, nth);

	/* Names of tokens are for those who may use one, root and ourselves. */
	if (!peers_owner(a->p->who.uid) && stranger(a))
		return;
	if (index < 0) {
		ask_refuse(a, SIGNER_ENOKEY, false,
		    "there is no token number %u", nth);
		return;
	}
	/* Of a locked one nobody asks the worker: it may hang. */
	if (!workers_up(a->f, (unsigned)index) ||
	    locks_on(a->f, (unsigned)index)) {
		status_here(a, (unsigned)index);
		return;
	}
	ask_deliver(a, (unsigned)index, a->f->out,
	    proto_status_pack(a->f->out, sizeof(a->f->out), a->h.id, nth));
}

int
operation_dispatch(struct ask *a)
{
	struct client_question q;
	struct proto_certificate c;
	struct proto_decrypt d;
	struct proto_sign s;
	const uint8_t *thumb;
	size_t thumblen;
	uint32_t from;
	uint16_t index;
	uint8_t version;
	int r = SIGNER_EPROTO;

	switch (a->h.type) {
	case PROTO_HELLO:
		if ((r = proto_hello_parse(&a->r, &version)) == SIGNER_OK)
			hello(a);
		return r;
	case PROTO_PING:
		if ((r = proto_ping_parse(&a->r)) == SIGNER_OK)
			ping(a);
		return r;
	case PROTO_LIST:
		if ((r = proto_list_parse(&a->r, &from)) == SIGNER_OK)
			list(a, from);
		return r;
	case PROTO_FIND:
		r = proto_find_parse(&a->r, &thumb, &thumblen);
		if (r == SIGNER_OK)
			find(a, thumb, thumblen);
		return r;
	case PROTO_CERTIFICATE:
		if ((r = proto_certificate_parse(&a->r, &c)) == SIGNER_OK)
			certificate(a, &c);
		return r;
	case PROTO_SIGN:
		if ((r = proto_sign_parse(&a->r, &s)) == SIGNER_OK)
			sign(a, &s);
		return r;
	case PROTO_DECRYPT:
		if ((r = proto_decrypt_parse(&a->r, &d)) == SIGNER_OK)
			decrypt(a, &d);
		return r;
	case PROTO_STATUS:
		if ((r = proto_status_parse(&a->r, &index)) == SIGNER_OK)
			status(a, index);
		return r;
	case PROTO_EXPLAIN:
		if ((r = proto_explain_parse(&a->r, &q)) == SIGNER_OK)
			explain_answer(a, &q);
		return r;
	default:
		return r;
	}
}
