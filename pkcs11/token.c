#include "pkcs11/token.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <p11-kit/pkcs11.h>

#include "pkcs11/decrypt.h"
#include "pkcs11/link.h"
#include "pkcs11/login.h"
#include "pkcs11/sign.h"
#include "pkcs11/tick.h"
#include "pkcs11/trouble.h"

#define PAUSE_MS 40 /* before the first repeat on a busy token */
#define VAIN_MAX 3  /* tries that got no session */

struct token {
	struct uri *uri;
	struct module *module;
	struct link *link;
	uint8_t seed[TOKEN_SEED_LEN];
	_Atomic uint64_t signatures;
	_Atomic uint64_t decryptions;
	_Atomic uint64_t retries;
	enum token_reauth reauth;
};

/* One use of one key: what token_sign() and token_decrypt() have in common. */
struct job {
	const uint8_t *key;
	const char *doing;

	/* Before a session is taken. A clause in *reason, or TOKEN_OK. */
	int (*prepare)(struct token *t, struct job *job, const struct key *k,
	    const char **reason);
	struct rv (*run)(struct token *t, struct job *job,
	    const struct index_entry *e, int *err);

	struct token *t;
	struct link_use use;
	struct token_trouble *why;
	unsigned runs, vain; /* tries, and those that got no session */
	bool alone;          /* must be, on the token */
	bool refused;        /* the permit was; why is filled */

	struct sign_request sign;
	struct sign_plan sign_plan;
	struct decrypt_plan decrypt_plan;
	uint8_t raw[SIGN_RAW_MAX];
	size_t rawlen;
	uint8_t *out;
	size_t room, outlen;
};

int
token_open(struct token **tp, const struct token_config *cfg,
    struct token_trouble *why)
{
	struct token *t = calloc(1, sizeof(*t));
	int r;

	*tp = NULL;
	r = trouble_say(why, TOKEN_ENOMEM, true, "out of memory");
	if (t == NULL)
		goto out;
	r = trouble_say(why, TOKEN_ECONFIG, false,
	    "a token needs a module and a URI; configure both");
	if (cfg->module == NULL || cfg->uri == NULL)
		goto out;
	memcpy(t->seed, cfg->seed, sizeof(t->seed));
	t->reauth = cfg->reauth;
	r = uri_open(&t->uri, cfg->uri, why);
	if (r == TOKEN_OK)
		r = module_open(&t->module, cfg->module, why);
	if (r == TOKEN_OK)
		r = link_open(&t->link, t->module, t->uri, cfg, why);
	if (r != TOKEN_OK)
		goto out;
	trouble_clear(why);
	*tp = t;
	t = NULL;
out:
	token_close(t);
	return r;
}

void
token_close(struct token *t)
{
	if (t == NULL)
		return;
	link_close(t->link);
	module_close(t->module);
	uri_close(t->uri);
	OPENSSL_cleanse(t->seed, sizeof(t->seed));
	free(t);
}

/* On success nothing of an earlier try stays in `why`. */
static int
end(int r, struct token_trouble *why)
{
	if (r == TOKEN_OK)
		trouble_clear(why);
	return r;
}

int
token_ready(struct token *t, struct token_trouble *why)
{
	struct link_use use;
	int r;

	link_begin(t->link, &use);
	r = link_enter(t->link, &use, why);
	if (r == TOKEN_OK)
		link_leave(t->link, &use, true);
	return end(r, why);
}

int
token_forget(struct token *t, struct token_trouble *why)
{
	return end(link_down(t->link, false, why), why);
}

int
token_lock(struct token *t, struct token_trouble *why)
{
	return end(link_down(t->link, true, why), why);
}

void
token_unlock(struct token *t)
{
	link_unlock(t->link);
}

unsigned
token_tend(struct token *t)
{
	return link_tend(t->link);
}

int
token_rescan(struct token *t, struct token_trouble *why)
{
	return end(link_rescan(t->link, why), why);
}

size_t
token_list(struct token *t, size_t from, struct token_identity *ids, size_t max,
    uint64_t *generation)
{
	struct link_use use;
	size_t n = 0;

	*generation = 0;
	link_begin(t->link, &use);
	if (link_enter(t->link, &use, NULL) != TOKEN_OK)
		return 0;
	*generation = use.generation;
	while (n < max) {
		const struct index_entry *e =
		    index_identity(use.index, from + n);

		if (e == NULL)
			break;
		memcpy(ids[n].sha1, e->cert.sha1, sizeof(ids[n].sha1));
		memcpy(ids[n].sha256, e->cert.sha256, sizeof(ids[n].sha256));
		ids[n].type = e->key.pub.type;
		ids[n].bits = e->key.pub.bits;
		/* A key that may not be used is listed, and can nothing. */
		ids[n].mechs = e->key.always && t->reauth == TOKEN_REAUTH_NEVER
				   ? 0
				   : e->key.mechs;
		n++;
	}
	link_leave(t->link, &use, true);
	return n;
}

uint64_t
token_generation(struct token *t)
{
	return link_generation(t->link);
}

/* The beginning of a thumbprint, enough for a person to know it again. */
static const char *
brief(char text[20], const uint8_t key[TOKEN_SHA256_LEN])
{
	(void)snprintf(text, 20, "%02x%02x%02x%02x%02x%02x...", key[0], key[1],
	    key[2], key[3], key[4], key[5]);
	return text;
}

/* The entry with that key. Of one without a key only its certificate counts. */
static int
look_up(struct token *t, const struct link_use *use, const uint8_t *key,
    const struct index_entry **e, struct token_trouble *why)
{
	char name[URI_TEXT_MAX], text[20];

	*e = index_find(use->index, key);
	if (*e != NULL && (*e)->keyed)
		return TOKEN_OK;
	link_name(t->link, name);
	if (*e != NULL)
		return trouble_say(why, TOKEN_ENOKEY, false,
		    "%s: the certificate with SHA-256 %s is there, but not "
		    "its private key; choose a certificate whose key is on "
		    "the token",
		    name, brief(text, key));
	return trouble_say(why, TOKEN_ENOKEY, false,
	    "%s: has no certificate with SHA-256 %s; list the token's keys",
	    name, brief(text, key));
}

int
token_certificate(struct token *t, const uint8_t key[TOKEN_SHA256_LEN],
    unsigned depth, uint8_t *der, size_t *len, struct token_trouble *why)
{
	const struct index_entry *e;
	const struct cert *c = NULL;
	size_t room = *len;
	struct link_use use;
	char text[20];
	int r;

	*len = 0;
	link_begin(t->link, &use);
	r = link_enter(t->link, &use, why);
	if (r != TOKEN_OK)
		return r;
	r = look_up(t, &use, key, &e, why);
	if (r != TOKEN_OK)
		goto out;
	c = index_chain(use.index, e, depth);
	r = trouble_say(why, TOKEN_ENOKEY, false,
	    "the chain of certificate %s has no more than %u certificates on "
	    "its token",
	    brief(text, key), depth);
	if (c == NULL)
		goto out;
	r = trouble_say(why, TOKEN_EARG, false,
	    "the certificate has %zu bytes, and there is room for %zu", c->len,
	    room);
	if (c->len > room)
		goto out;
	memcpy(der, c->der, c->len);
	*len = c->len;
	r = TOKEN_OK;
out:
	link_leave(t->link, &use, true);
	return end(r, why);
}

/* Whether the session may serve again after the operation said rv. */
static bool
sound(struct rv rv)
{
	enum rv_class class = rv_class(rv);

	/* A refused ...Init has left no operation behind. */
	return rv_ok(rv) || ((class == RV_MECHANISM || class == RV_ARGUMENT) &&
				(strcmp(rv.call, "C_SignInit") == 0 ||
				    strcmp(rv.call, "C_DecryptInit") == 0));
}

/* Says why the job failed; rv, if it is not CKR_OK, is the reason. */
static int
blame(struct token *t, const struct job *job, int err, struct rv rv,
    const char *reason, struct token_trouble *why)
{
	char name[URI_TEXT_MAX], text[20], doing[64];

	link_name(t->link, name);
	(void)snprintf(doing, sizeof(doing), "cannot %s with key %s",
	    job->doing, brief(text, job->key));
	if (rv_ok(rv))
		return trouble_say(why, err, err == TOKEN_EDEVICE, "%s: %s: %s",
		    name, doing, reason);
	(void)trouble_rv(why, name, doing, rv);
	return err != TOKEN_OK ? err : rv_err(rv);
}

/* struct key_permit's: brings the PIN between ...Init and the operation. */
static int
permit(void *ctx, unsigned long session, struct rv *rv)
{
	struct job *job = ctx;
	int r = link_permit(job->t->link, &job->use, session, rv, job->why);

	job->refused = r != TOKEN_OK;
	/* What cannot be cured by trying again is not the token's to answer. */
	if (r != TOKEN_OK && !login_again(*rv))
		rv->value = CKR_OK;
	return r;
}

/* The key may be used only with the PIN, and perhaps not at all. */
static int
vet(struct token *t, const struct job *job, struct token_trouble *why)
{
	char name[URI_TEXT_MAX], text[20];

	if (t->reauth != TOKEN_REAUTH_NEVER)
		return TOKEN_OK;
	link_name(t->link, name);
	return trouble_say(why, TOKEN_EPIN, false,
	    "%s: cannot %s with key %s, which wants the PIN for each use "
	    "(CKA_ALWAYS_AUTHENTICATE), and the token's setting is reauth = "
	    "never; set reauth = cached or ask, or use another key",
	    name, job->doing, brief(text, job->key));
}

/*
 * One try. *rv is CKR_OK unless the token said, or did, something that r is
 * about.
 */
static int
attempt(struct token *t, struct job *job, struct rv *rv, bool *ran)
{
	const struct index_entry *e;
	const char *reason;
	int r, err = TOKEN_OK;

	rv->value = CKR_OK;
	*ran = false;
	r = look_up(t, &job->use, job->key, &e, job->why);
	if (r == TOKEN_OK && e->key.always)
		r = vet(t, job, job->why);
	if (r != TOKEN_OK)
		return r;
	r = job->prepare(t, job, &e->key, &reason);
	if (r != TOKEN_OK)
		return blame(t, job, r, *rv, reason, job->why);
	job->alone = e->key.always;
	if (job->alone && !job->use.alone)
		return TOKEN_OK;
	r = link_session(t->link, &job->use, rv, job->why);
	if (r != TOKEN_OK)
		return r;
	*ran = true;
	job->refused = false;
	*rv = job->run(t, job, e, &err);
	if (job->refused || (rv_ok(*rv) && err == TOKEN_OK))
		return err;
	reason = err == TOKEN_EDATA ? "the ciphertext is damaged, or was made "
				      "for another key, hash or "
				      "label"
				    : "the token's answer is not what its key "
				      "makes; try again, and if it stays so, "
				      "update its module";
	r = blame(t, job, err, *rv, reason, job->why);
	/* A wrong answer may come from another key under the same handle. */
	if (rv_ok(*rv) && err == TOKEN_EDEVICE)
		*rv = (struct rv){CKR_KEY_CHANGED, "C_Sign"};
	return r;
}

/*
 * Whether the job is to be tried again after rv; waits as long as that takes
 * with a token that is busy.
 */
static bool
again(struct token *t, struct job *job, struct rv rv, bool ran, int r)
{
	unsigned tries = ran ? ++job->runs : ++job->vain;
	unsigned pause = tick_jitter(PAUSE_MS << (tries - 1));
	bool busy = rv_repeats(rv) > 1;

	/* To find the pool shut, or no session in time, is not yet a try. */
	if (!ran && r == TOKEN_EBUSY)
		return false;
	if (tries > (ran ? rv_repeats(rv) : VAIN_MAX))
		return false;
	if (busy && (!rv_mendable(rv) || tries > 1)) {
		if (tick_now() + pause >= job->use.deadline)
			return false;
		tick_nap(pause);
	}
	t->retries += ran;
	return true;
}

/*
 * Does the job. If the token had to be mended for it, or was busy, does it
 * again: see rv_repeats().
 */
static int
perform(struct token *t, struct job *job, struct token_trouble *why)
{
	struct token_trouble local;
	struct rv rv;
	bool ran;
	int r;

	job->t = t;
	job->why = why != NULL ? why : &local;
	job->runs = job->vain = 0;
	job->alone = false;
	link_begin(t->link, &job->use);
	for (;;) {
		job->use.alone = job->alone;
		r = link_enter(t->link, &job->use, job->why);
		if (r != TOKEN_OK)
			break;
		r = attempt(t, job, &rv, &ran);
		link_leave(t->link, &job->use,
		    sound(rv) && r != TOKEN_EDEVICE && !job->refused);
		if (r == TOKEN_OK && job->alone && !ran)
			continue;
		if (r == TOKEN_OK || rv_ok(rv) || !again(t, job, rv, ran, r))
			break;
		if (rv_mendable(rv))
			r = link_mend(t->link, job->use.epoch, rv, job->why);
		if (rv_mendable(rv) && r != TOKEN_OK)
			break;
	}
	return end(r, why);
}

static int
sign_ready(
    struct token *t, struct job *job, const struct key *k, const char **reason)
{
	int r = sign_prepare(&job->sign_plan, k, &job->sign, reason);

	(void)t;
	if (r != TOKEN_OK || job->sign_plan.siglen <= job->room)
		return r;
	*reason = "there is not room enough for the signature";
	return TOKEN_EARG;
}

static struct rv
sign_go(struct token *t, struct job *job, const struct index_entry *e, int *err)
{
	const struct key_permit allow = {permit, job};
	const struct sign_request *q = &job->sign;
	struct rv rv;

	job->rawlen = sizeof(job->raw);
	rv = sign_run(&job->sign_plan, t->module, job->use.session,
	    e->key.handle, e->key.always ? &allow : NULL, job->raw,
	    &job->rawlen, err);
	if (!rv_ok(rv) || *err != TOKEN_OK)
		return rv;
	*err = sign_finish(
	    &job->sign_plan, job->raw, job->rawlen, job->out, &job->outlen);
	/*
	 * A handle that names another key now, or a fault in the token, would
	 * make a signature that is wrong; of RSA it can give the key away.
	 */
	if (*err == TOKEN_OK &&
	    !cert_verify(&e->cert, q->scheme, q->hash, q->saltlen, q->digest,
		q->len, job->out, job->outlen))
		*err = TOKEN_EDEVICE;
	return rv;
}

int
token_sign(struct token *t, const uint8_t key[TOKEN_SHA256_LEN],
    enum token_scheme scheme, enum token_hash hash, unsigned saltlen,
    const uint8_t *digest, size_t digestlen, uint8_t *sig, size_t *siglen,
    struct token_trouble *why)
{
	struct job job;
	int r;

	job.key = key;
	job.doing = "sign";
	job.prepare = sign_ready;
	job.run = sign_go;
	job.sign.scheme = scheme;
	job.sign.hash = hash;
	job.sign.saltlen = saltlen;
	job.sign.digest = digest;
	job.sign.len = digestlen;
	job.out = sig;
	job.room = *siglen;
	job.outlen = 0;
	*siglen = 0;
	r = perform(t, &job, why);
	if (r != TOKEN_OK) {
		memset(sig, 0, job.room);
		return r;
	}
	*siglen = job.outlen;
	t->signatures++;
	return TOKEN_OK;
}

static int
decrypt_ready(
    struct token *t, struct job *job, const struct key *k, const char **reason)
{
	struct decrypt_plan *plan = &job->decrypt_plan;

	if (job->room < plan->len) {
		*reason = "the room must be as long as the key's modulus";
		return TOKEN_EARG;
	}
	return decrypt_prepare(plan, k, t->seed, plan->scheme, plan->hash,
	    plan->in, plan->len, reason);
}

static struct rv
decrypt_go(
    struct token *t, struct job *job, const struct index_entry *e, int *err)
{
	const struct key_permit allow = {permit, job};

	return decrypt_run(&job->decrypt_plan, t->module, job->use.session,
	    e->key.handle, e->key.always ? &allow : NULL, job->out,
	    &job->outlen, err);
}

int
token_decrypt(struct token *t, const uint8_t key[TOKEN_SHA256_LEN],
    enum token_scheme scheme, enum token_hash hash, const uint8_t *in,
    size_t inlen, uint8_t *out, size_t *outlen, struct token_trouble *why)
{
	struct job job;
	int r;

	job.key = key;
	job.doing = "decrypt";
	job.prepare = decrypt_ready;
	job.run = decrypt_go;
	job.decrypt_plan.scheme = scheme;
	job.decrypt_plan.hash = hash;
	job.decrypt_plan.in = in;
	job.decrypt_plan.len = inlen;
	job.out = out;
	job.room = *outlen;
	job.outlen = 0;
	*outlen = 0;
	r = perform(t, &job, why);
	decrypt_wipe(&job.decrypt_plan);
	if (r != TOKEN_OK)
		return r;
	*outlen = job.outlen;
	t->decryptions++;
	return TOKEN_OK;
}

void
token_stats(struct token *t, struct token_stats *st)
{
	struct module_counts calls = module_counts(t->module);
	struct link_state link;

	link_state(t->link, &link);
	memset(st, 0, sizeof(*st));
	memcpy(st->label, link.name, sizeof(st->label));
	st->ready = link.ready;
	st->identities = link.counts.identities;
	st->sessions = link.sessions;
	st->signatures = t->signatures;
	st->decryptions = t->decryptions;
	st->logins = calls.logins;
	st->searches = calls.searches;
	st->recoveries = link.recoveries;
	st->retries = t->retries;
	st->certs_without_key = link.counts.certs_without_key;
	st->keys_without_cert = link.counts.keys_without_cert;
}

const char *
token_strerror(int err)
{
	switch ((enum token_err)err) {
	case TOKEN_OK:
		return "no error";
	case TOKEN_ECONFIG:
		return "the token's configuration can never work";
	case TOKEN_EMODULE:
		return "the token's module cannot be used";
	case TOKEN_EABSENT:
		return "the token is absent";
	case TOKEN_EPIN:
		return "the token needs its PIN";
	case TOKEN_EPINLOCKED:
		return "the token's PIN is locked";
	case TOKEN_ENOKEY:
		return "no such key on the token";
	case TOKEN_EAMBIGUOUS:
		return "the URI fits several tokens";
	case TOKEN_EMECH:
		return "the key or its token cannot do this";
	case TOKEN_EARG:
		return "lengths or values that cannot be";
	case TOKEN_EBUSY:
		return "the token is busy";
	case TOKEN_EDEVICE:
		return "the token failed";
	case TOKEN_EDATA:
		return "the data cannot be decrypted";
	case TOKEN_ENOMEM:
		return "out of memory";
	}
	return "unknown error";
}
