#include "agent/front/auditseal.h"

#include <stdlib.h>
#include <string.h>

#include "agent/front/auditor.h"
#include "agent/front/catalogue.h"
#include "agent/front/lanes.h"
#include "agent/front/policy.h"
#include "agent/front/route.h"
#include "agent/front/timer.h"
#include "agent/front/workers.h"
#include "agent/log.h"

#define AGAIN_MS 5000   /* after one that failed */
#define SETTLE_MS 10000 /* from the start until a missing key is told */

struct auditseal {
	bool due;
	bool told;           /* of a failure, since the last good one */
	uint64_t ticket;     /* of the one on its way; 0: none */
	uint64_t not_before; /* ms, monotonic, as is the next */
	uint64_t opened;
	struct audit_chain last; /* what the last one covers */
	struct audit_record r;   /* the one on its way */
};

static const struct catalogue_entry *
find_key(const struct front *f)
{
	const struct conf_key *k = &f->conf->audit.key;
	const struct catalogue_entry *e;
	size_t others = 0;

	if (k->len == SIGNER_SHA256_LEN)
		return catalogue_by_sha256(f->catalogue, k->thumb);
	e = catalogue_by_sha1(f->catalogue, k->thumb, &others);
	return others == 0 ? e : NULL;
}

/* Who may sign with the key can forge a seal: that is to be known. */
static void
caution(const struct front *f, const struct signer_identity *key)
{
	uint64_t all = 0;

	for (size_t i = 0; i < f->conf->nallows; i++)
		all |= UINT64_C(1) << i;
	if ((policy_uses(f->conf, all, key) & SIGNER_USE_SIGN) != 0)
		log_line(LOG_LEVEL_WARNING,
		    "audit: an [allow] section lets somebody sign with the "
		    "audit-key, who can therefore forge seals; give the log a "
		    "key of its own");
}

/* What is to be signed, as the key can. */
static struct signer_sign
form(const struct signer_identity *key, const char *text, size_t len)
{
	struct signer_sign w = {
	    .hash = SIGNER_SHA256, .data = (const uint8_t *)text, .len = len};

	switch (key->type) {
	case SIGNER_KEY_RSA:
		w.scheme = SIGNER_RSA_PKCS1;
		if ((key->mechs & SIGNER_MECH(SIGNER_RSA_PKCS1)) == 0) {
			w.scheme = SIGNER_RSA_PSS;
			w.saltlen = SIGNER_SHA256_LEN;
		}
		break;
	case SIGNER_KEY_EC:
		w.scheme = SIGNER_ECDSA;
		break;
	case SIGNER_KEY_ED25519:
		w.scheme = SIGNER_EDDSA;
		w.hash = SIGNER_HASH_NONE;
		break;
	}
	return w;
}

/* To the best token, if one is well and has time. */
static int
send_off(struct front *f, struct ticket *k, uint32_t among)
{
	int i = workers_choose(f, among);
	const struct conf_token *ct;
	uint32_t after_ms;

	if (i < 0 || workers_health(f, (unsigned)i) != CHOICE_READY)
		return -1;
	ct = &f->conf->tokens[i];
	k->worker = (uint16_t)i;
	tickets_due(f->tickets, k, front_now() + ct->deadline_ms);
	timer_arm(f->timer, ct->deadline_ms);
	if (lanes_enter(f->lanes, ct, k, front_now(), &after_ms) != 0)
		return -1;
	k->place = TICKET_QUEUED;
	return i;
}

/* Asks for the signature. 0, or -1: not now. */
static int
start(struct front *f, const struct catalogue_entry *e)
{
	struct auditseal *s = f->seal;
	const struct audit_chain *c = auditor_chain(f);
	struct proto_sign what;
	char text[AUDIT_SEAL_MAX];
	struct ticket *k;
	size_t len;
	int i = -1;

	k = tickets_take(f->tickets, front_now() + f->conf->deadline_ms);
	if (k == NULL)
		return -1;
	memset(&s->r, 0, sizeof(s->r));
	s->r.event = AUDIT_SEAL;
	s->r.records = c->number;
	memcpy(s->r.head, c->value, sizeof(s->r.head));
	memcpy(s->r.key, e->id.sha256, sizeof(s->r.key));
	memcpy(what.key, e->id.sha256, sizeof(what.key));
	what.what =
	    form(&e->id, text, audit_seal_text(text, c->number, c->value));
	s->r.scheme = (uint64_t)what.what.scheme;
	s->r.hash = (uint64_t)what.what.hash;
	k->ours = true;
	k->repeated = true; /* the next one will do as well */
	k->type = PROTO_SIGN;
	k->use = SIGNER_USE_SIGN;
	k->client = (struct link_client){UINT32_MAX, 0};
	k->arrived_us = front_now_us();
	memcpy(k->key, what.key, sizeof(k->key));
	len = proto_sign_pack(f->out, sizeof(f->out), 0, &what);
	if (len != 0 && tickets_keep(f->tickets, k, f->out, len) == 0)
		i = send_off(f, k, e->tokens);
	if (i < 0) {
		tickets_release(f->tickets, k);
		return -1;
	}
	s->ticket = k->number;
	s->last = *c;
	s->due = false;
	route_pump(f, (unsigned)i);
	return 0;
}

static void
fail(struct auditseal *s, const char *why)
{
	s->due = true;
	s->not_before = front_now() + AGAIN_MS;
	if (!s->told)
		log_line(LOG_LEVEL_WARNING,
		    "audit: the log could not be sealed: %s; it is tried "
		    "again",
		    why);
	s->told = true;
}

void
auditseal_tend(struct front *f)
{
	struct auditseal *s = f->seal;
	const struct audit_chain *c = auditor_chain(f);
	const struct catalogue_entry *e;

	if (c == NULL || f->conf->audit.key.len == 0 || s->ticket != 0 ||
	    front_now() < s->not_before)
		return;
	if (!s->due && c->number - s->last.number < f->conf->audit.every)
		return;
	e = find_key(f);
	if (e == NULL) {
		/* Tokens have their time to come up before it is news. */
		if (front_now() - s->opened > SETTLE_MS)
			fail(s, "no token that is ready has the audit-key, or "
				"its SHA-1 thumbprint fits two certificates");
		return;
	}
	if (s->last.number == 0)
		caution(f, &e->id);
	if (start(f, e) != 0)
		s->not_before = front_now() + AGAIN_MS;
}

void
auditseal_done(struct front *f, const struct ticket *k, int err,
    const uint8_t *reply, size_t len)
{
	const struct audit_chain *c = auditor_chain(f);
	struct auditseal *s = f->seal;
	struct signer_trouble why = {0};
	struct proto_header h;
	struct wire_reader r;
	size_t siglen = sizeof(s->r.sig.data);

	if (k->number != s->ticket)
		return;
	s->ticket = 0;
	if (reply == NULL || proto_header_parse(&r, reply, len, &h) != 0) {
		fail(s, "the token did not answer");
	} else if (err != SIGNER_OK) {
		(void)proto_failure_parse(&r, &why);
		fail(s, why.text);
	} else if (proto_blob_reply_parse(&r, s->r.sig.data, &siglen) != 0) {
		fail(s, "the worker's answer is malformed");
	} else if (c == NULL ||
		   c->number + 1 - s->r.records > AUDIT_SEAL_SPAN) {
		fail(s, "too much was written meanwhile");
	} else {
		s->r.sig.len = siglen;
		s->told = false;
		auditor_add(f, &s->r);
	}
}

void
auditseal_due(struct front *f)
{
	f->seal->due = true;
}

void
auditseal_reload(struct front *f)
{
	f->seal->due = true;
	f->seal->not_before = 0;
	f->seal->last.number = 0;
	auditseal_tend(f);
}

struct auditseal *
auditseal_open(void)
{
	struct auditseal *s = calloc(1, sizeof(*s));

	if (s != NULL)
		s->opened = front_now();
	return s;
}

void
auditseal_close(struct auditseal *s)
{
	free(s);
}
