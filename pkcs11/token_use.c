#include <stdio.h>
#include <string.h>

#include <openssl/rand.h>
#include <p11-kit/pkcs11.h>

#include "pkcs11/decrypt.h"
#include "pkcs11/login.h"
#include "pkcs11/sign.h"
#include "pkcs11/tick.h"
#include "pkcs11/token_impl.h"
#include "pkcs11/trouble.h"

#define VERIFY_FIRST 64 /* signatures after a bringing-up */
#define VERIFY_ONE_OF 16

#define PAUSE_MS 40u /* before the first repeat on a busy token */
#define VAIN_MAX 3   /* tries that got no session */

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
	    job->doing, token_brief(text, job->key));
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
	    name, job->doing, token_brief(text, job->key));
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
	*ran = job->refused = false;
	r = token_look_up(t, &job->use, job->key, &e, job->why);
	if (r != TOKEN_OK && r != TOKEN_ENOKEY) {
		/* It may be among the objects that could not be read. */
		*ran = true;
		*rv = (struct rv){CKR_KEY_CHANGED, "C_GetAttributeValue"};
	} else if (r == TOKEN_OK && e->key.always) {
		r = vet(t, job, job->why);
	}
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
	return token_end(r, why);
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

/*
 * A handle that names another key now, or a fault in the token, would make a
 * signature that is wrong. Of RSA that can give the key away, so each one is
 * verified, which costs little. Elsewhere verifying costs more than signing:
 * the first after each bringing-up are, and then one of so many.
 */
static bool
must_verify(struct token *t, const struct link_use *use, const struct key *k)
{
	uint64_t n;

	if (k->pub.type == TOKEN_RSA)
		return true;
	if (atomic_exchange(&t->epoch, use->epoch) != use->epoch)
		atomic_store(&t->unwatched, 0);
	n = atomic_fetch_add(&t->unwatched, 1);
	return n < VERIFY_FIRST || n % VERIFY_ONE_OF == 0;
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
	if (*err == TOKEN_OK && must_verify(t, &job->use, &e->key) &&
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

/* A key that signs without being asked for its PIN, and how it may. */
static bool
choose(const struct link_use *use, uint8_t key[TOKEN_SHA256_LEN],
    enum token_scheme *scheme)
{
	static const enum token_scheme all[] = {
	    TOKEN_ECDSA, TOKEN_EDDSA, TOKEN_RSA_PKCS1, TOKEN_RSA_PSS};
	const struct index_entry *e;

	for (size_t i = 0; (e = index_identity(use->index, i)) != NULL; i++)
		for (size_t j = 0; j < sizeof(all) / sizeof(all[0]); j++)
			if (!e->key.always &&
			    (e->key.mechs & TOKEN_MECH(all[j])) != 0) {
				memcpy(key, e->cert.sha256, TOKEN_SHA256_LEN);
				*scheme = all[j];
				return true;
			}
	return false;
}

int
token_probe(struct token *t, struct token_trouble *why)
{
	uint8_t key[TOKEN_SHA256_LEN], digest[32], sig[SIGN_RAW_MAX];
	size_t len = sizeof(sig);
	enum token_scheme scheme;
	struct link_use use;
	bool able;
	int r;

	link_begin(t->link, &use);
	r = link_enter(t->link, &use, why);
	if (r != TOKEN_OK)
		return r;
	able = choose(&use, key, &scheme);
	link_leave(t->link, &use, true);
	if (!able || RAND_bytes(digest, sizeof(digest)) != 1)
		return token_end(TOKEN_OK, why);
	return token_sign(t, key, scheme,
	    scheme == TOKEN_EDDSA ? TOKEN_HASH_NONE : TOKEN_SHA256,
	    scheme == TOKEN_RSA_PSS ? sizeof(digest) : 0, digest,
	    sizeof(digest), sig, &len, why);
}
