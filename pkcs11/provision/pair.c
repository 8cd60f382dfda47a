#include "pkcs11/provision/pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>
#include <p11-kit/pkcs11.h>

#include "pkcs11/cert.h"
#include "pkcs11/proof.h"
#include "pkcs11/text.h"
#include "pkcs11/trouble.h"

#define KEYS_MAX 4096 /* that fit a choice; 10,000 keys want a label */
#define ID_LEN 20     /* of an id that we make up */

static const struct kind {
	enum provision_kind kind;
	enum token_keytype type;
	unsigned long mech;
	CK_ULONG bits;
	uint8_t params[10];
	size_t paramslen;
} kinds[] = {
    {PROVISION_RSA_2048, TOKEN_RSA, CKM_RSA_PKCS_KEY_PAIR_GEN, 2048, {0}, 0},
    {PROVISION_RSA_3072, TOKEN_RSA, CKM_RSA_PKCS_KEY_PAIR_GEN, 3072, {0}, 0},
    {PROVISION_RSA_4096, TOKEN_RSA, CKM_RSA_PKCS_KEY_PAIR_GEN, 4096, {0}, 0},
    {PROVISION_EC_P256, TOKEN_EC, CKM_EC_KEY_PAIR_GEN, 0,
	{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}, 10},
    {PROVISION_EC_P384, TOKEN_EC, CKM_EC_KEY_PAIR_GEN, 0,
	{0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22}, 7},
};

static const struct kind *
look(enum provision_kind kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].kind == kind)
			return &kinds[i];
	return NULL;
}

static const char *
token_name(const struct desk *d)
{
	return desk_slot(d)->name;
}

void
pair_name(const struct pair *p, char text[PAIR_NAME_MAX])
{
	char label[PROVISION_LABEL_MAX + 1], id[2 * 16 + 1] = "";

	text_clean(
	    p->tags.label.bytes, p->tags.label.len, label, sizeof(label));
	for (size_t i = 0; i < p->tags.id.len && i < 16; i++)
		(void)snprintf(id + 2 * i, sizeof(id) - 2 * i, "%02X",
		    p->tags.id.bytes[i]);
	(void)snprintf(text, PAIR_NAME_MAX, "key %s (id %s%s)",
	    label[0] != '\0' ? label : "without label",
	    id[0] != '\0' ? id : "none", p->tags.id.len > 16 ? "..." : "");
}

/* A template that a choice makes. `class` may be any, below 0. */
struct match {
	CK_OBJECT_CLASS class;
	uint8_t label[PROVISION_LABEL_MAX], id[PROVISION_ID_MAX];
	struct module_attr attrs[3];
	size_t n;
};

static void
match_add(struct match *m, unsigned long type, void *value, size_t len)
{
	m->attrs[m->n].type = type;
	m->attrs[m->n].value = value;
	m->attrs[m->n].len = len;
	m->n++;
}

static int
match_make(struct match *m, const struct provision_choice *c,
    struct token_trouble *why)
{
	size_t labellen = c->label == NULL ? 0 : strlen(c->label);

	memset(m, 0, sizeof(*m));
	if (labellen > sizeof(m->label) || c->idlen > sizeof(m->id))
		return trouble_say(why, TOKEN_ECONFIG, false,
		    "a label or id of more than %d bytes names no key here; "
		    "give a shorter one",
		    PROVISION_ID_MAX);
	if (labellen > 0) {
		memcpy(m->label, c->label, labellen);
		match_add(m, CKA_LABEL, m->label, labellen);
	}
	if (c->idlen > 0) {
		memcpy(m->id, c->id, c->idlen);
		match_add(m, CKA_ID, m->id, c->idlen);
	}
	return TOKEN_OK;
}

static int
lost(struct desk *d, struct rv rv, struct token_trouble *why)
{
	return trouble_rv(why, token_name(d), "cannot look for keys", rv);
}

/* Refuses a label, or an id, that some object of the token has. */
static int
vacant(struct desk *d, const struct provision_choice *c, const char *what,
    struct token_trouble *why)
{
	unsigned long handle;
	struct match m;
	struct rv rv;
	size_t n;
	int r = match_make(&m, c, why);

	if (r != TOKEN_OK)
		return r;
	rv = module_find(
	    desk_module(d), desk_session(d), m.attrs, m.n, &handle, 1, &n);
	if (rv_ok(rv) && n == 0)
		return TOKEN_OK;
	if (!rv_ok(rv) && rv.value != CKR_BUFFER_TOO_SMALL)
		return lost(d, rv, why);
	return trouble_say(why, TOKEN_EAMBIGUOUS, false,
	    "%s: an object with that %s is on it already; choose another %s",
	    token_name(d), what, what);
}

static int
both_vacant(
    struct desk *d, const struct provision_choice *c, struct token_trouble *why)
{
	struct provision_choice label = {.label = c->label};
	struct provision_choice id = {.id = c->id, .idlen = c->idlen};
	int r = TOKEN_OK;

	if (c->label == NULL || c->label[0] == '\0')
		return trouble_say(why, TOKEN_ECONFIG, false,
		    "a new key needs a label; give one that its token does "
		    "not have yet");
	r = vacant(d, &label, "label", why);
	if (r == TOKEN_OK && c->idlen > 0)
		r = vacant(d, &id, "id", why);
	return r;
}

/* Handles of the private keys that fit. */
static int
handles(struct desk *d, const struct provision_choice *c, unsigned long *list,
    size_t *n, struct token_trouble *why)
{
	struct match m;
	struct rv rv;
	int r = match_make(&m, c, why);

	*n = 0;
	if (r != TOKEN_OK)
		return r;
	m.class = CKO_PRIVATE_KEY;
	match_add(&m, CKA_CLASS, &m.class, sizeof(m.class));
	rv = module_find(
	    desk_module(d), desk_session(d), m.attrs, m.n, list, KEYS_MAX, n);
	return rv_ok(rv) ? TOKEN_OK : lost(d, rv, why);
}

/* What the public key object of the same id, or else label, tells. */
static int
borrow_public(struct pair *p, struct desk *d, unsigned long attr,
    const struct key_tag *tag, struct token_trouble *why)
{
	CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
	uint8_t value[KEY_TAG_MAX];
	struct module_attr match[] = {
	    {CKA_CLASS, &class, sizeof(class)},
	    {attr, value, tag->len},
	};
	unsigned long handle;
	struct rv rv;
	size_t n;

	if (p->spkilen > 0 || tag->len == 0)
		return TOKEN_OK;
	memcpy(value, tag->bytes, tag->len);
	rv = module_find(
	    desk_module(d), desk_session(d), match, 2, &handle, 1, &n);
	/* Two that fit tell nothing. */
	if (rv.value == CKR_BUFFER_TOO_SMALL)
		return TOKEN_OK;
	if (!rv_ok(rv))
		return lost(d, rv, why);
	if (n == 1)
		(void)spki_read(desk_module(d), desk_session(d), handle,
		    p->key.pub.type, p->spki, &p->spkilen);
	return TOKEN_OK;
}

/* *use: a key that we can do something with. */
static int
load(struct pair *p, struct desk *d, unsigned long handle, bool *use,
    struct token_trouble *why)
{
	struct module *m = desk_module(d);
	struct key_mechs mechs;
	struct rv rv;
	int r;

	memset(p, 0, sizeof(*p));
	rv = key_mechs_read(&mechs, m, desk_slot(d)->id);
	if (rv_ok(rv))
		rv = key_read(
		    &p->key, &p->tags, m, desk_session(d), handle, &mechs, use);
	if (!rv_ok(rv))
		return trouble_rv(
		    why, token_name(d), "cannot read a private key", rv);
	if (!*use)
		return TOKEN_OK;
	(void)spki_read(
	    m, desk_session(d), handle, p->key.pub.type, p->spki, &p->spkilen);
	r = borrow_public(p, d, CKA_ID, &p->tags.id, why);
	if (r == TOKEN_OK)
		r = borrow_public(p, d, CKA_LABEL, &p->tags.label, why);
	return r;
}

static int
none(struct desk *d, struct token_trouble *why)
{
	return trouble_say(why, TOKEN_ENOKEY, false,
	    "%s: holds no private key with that label and id; make one with "
	    "`sealpoint token generate`, or correct them",
	    token_name(d));
}

int
pair_find(struct pair *p, struct desk *d, const struct provision_choice *c,
    struct token_trouble *why)
{
	unsigned long *list = calloc(KEYS_MAX, sizeof(*list));
	bool use = false;
	size_t n = 0;
	int r;

	memset(p, 0, sizeof(*p));
	if (list == NULL)
		return trouble_say(why, TOKEN_ENOMEM, true, "out of memory");
	r = handles(d, c, list, &n, why);
	if (r == TOKEN_OK && n == 0)
		r = none(d, why);
	if (r == TOKEN_OK && n > 1)
		r = trouble_say(why, TOKEN_EAMBIGUOUS, false,
		    "%s: %zu private keys fit; name one by its label and id",
		    token_name(d), n);
	if (r == TOKEN_OK)
		r = load(p, d, list[0], &use, why);
	if (r == TOKEN_OK && !use)
		r = trouble_say(why, TOKEN_EMECH, false,
		    "%s: that key is of a type or size that is of no use "
		    "here; take RSA of 1024 to 8192 bits, P-256, P-384 or "
		    "P-521",
		    token_name(d));
	free(list);
	return r;
}

/* Whether the pair is the certificate's. */
static int
belongs(struct pair *p, struct desk *d, struct cert *c, bool *yes,
    struct token_trouble *why)
{
	struct rv rv;

	*yes = false;
	if (p->key.pub.type != c->pub.type)
		return TOKEN_OK;
	if (p->key.known) {
		*yes = pub_same(&p->key.pub, &c->pub);
		return TOKEN_OK;
	}
	/* RSA keys always tell; the size of a curve is known here. */
	if (p->key.always || p->key.pub.bits != c->pub.bits)
		return TOKEN_OK;
	rv = proof_sign(desk_module(d), desk_session(d), &p->key, c, yes);
	if (rv_ok(rv))
		return TOKEN_OK;
	return trouble_rv(
	    why, token_name(d), "cannot prove whose certificate it is", rv);
}

static int
search(struct pair *p, struct desk *d, const unsigned long *list, size_t n,
    struct cert *c, struct token_trouble *why)
{
	bool yes;
	int r;

	for (size_t i = 0; i < n; i++) {
		r = load(p, d, list[i], &yes, why);
		if (r == TOKEN_OK && yes)
			r = belongs(p, d, c, &yes, why);
		if (r != TOKEN_OK || yes)
			return r;
	}
	memset(p, 0, sizeof(*p));
	return trouble_say(why, TOKEN_ENOKEY, false,
	    "%s: the certificate is for another key than %s on it, so it is "
	    "not stored; take the certificate that was issued for this key",
	    token_name(d), n == 1 ? "the one" : "any");
}

int
pair_find_for(struct pair *p, struct desk *d, const struct provision_choice *ch,
    const uint8_t *der, size_t len, struct token_trouble *why)
{
	unsigned long *list = calloc(KEYS_MAX, sizeof(*list));
	uint8_t *copy = malloc(len + 1); /* cert_init() takes it over */
	struct cert cert = {0};
	size_t n = 0;
	int r;

	memset(p, 0, sizeof(*p));
	r = trouble_say(why, TOKEN_ENOMEM, true, "out of memory");
	if (list == NULL || copy == NULL) {
		free(copy);
		goto out;
	}
	memcpy(copy, der, len);
	r = TOKEN_OK;
	if (cert_init(&cert, copy, len) != 0)
		r = trouble_say(why, TOKEN_EARG, false,
		    "that is no X.509 certificate; give one in PEM or DER");
	if (r == TOKEN_OK)
		r = handles(d, ch, list, &n, why);
	if (r == TOKEN_OK)
		r = n == 0 ? none(d, why) : search(p, d, list, n, &cert, why);
	cert_release(&cert);
out:
	free(list);
	return r;
}

/* Both halves of a pair in the words of C_GenerateKeyPair. */
struct plan {
	CK_BBOOL yes, no;
	CK_ULONG bits;
	uint8_t exponent[3], params[10], label[PROVISION_LABEL_MAX];
	uint8_t id[PROVISION_ID_MAX];
	struct module_attr public[10], private[10];
	struct desk_template pub, priv;
};

static void
plan_add(struct desk_template *t, unsigned long type, void *value, size_t len)
{
	struct module_attr attr = {type, value, len};

	t->attrs[t->n++] = attr;
}

/*
 * PKCS11_generate_key() of libp11 0.4.12 makes RSA keys only, and its
 * template, seen with OpenSC's pkcs11-spy, leaves CKA_EXTRACTABLE to the
 * token and asks for CKA_WRAP and CKA_UNWRAP, which nobody here needs. So
 * C_GenerateKeyPair is called directly, and asked for exactly this.
 */
static void
plan_make(struct plan *p, const struct kind *k, size_t labellen, size_t idlen)
{
	bool rsa = k->type == TOKEN_RSA;

	p->yes = CK_TRUE;
	p->no = CK_FALSE;
	p->bits = k->bits;
	p->exponent[0] = p->exponent[2] = 1;
	memcpy(p->params, k->params, k->paramslen);
	p->pub.attrs = p->public;
	p->priv.attrs = p->private;
	for (size_t i = 0; i < 2; i++) {
		struct desk_template *t = i == 0 ? &p->pub : &p->priv;

		plan_add(t, CKA_TOKEN, &p->yes, sizeof(p->yes));
		plan_add(t, CKA_LABEL, p->label, labellen);
		plan_add(t, CKA_ID, p->id, idlen);
	}
	plan_add(&p->pub, CKA_VERIFY, &p->yes, sizeof(p->yes));
	if (rsa) {
		plan_add(&p->pub, CKA_ENCRYPT, &p->yes, sizeof(p->yes));
		plan_add(&p->pub, CKA_MODULUS_BITS, &p->bits, sizeof(p->bits));
		plan_add(&p->pub, CKA_PUBLIC_EXPONENT, p->exponent,
		    sizeof(p->exponent));
		plan_add(&p->pub, CKA_WRAP, &p->no, sizeof(p->no));
		plan_add(&p->priv, CKA_DECRYPT, &p->yes, sizeof(p->yes));
		plan_add(&p->priv, CKA_UNWRAP, &p->no, sizeof(p->no));
	} else {
		plan_add(&p->pub, CKA_EC_PARAMS, p->params, k->paramslen);
	}
	plan_add(&p->priv, CKA_PRIVATE, &p->yes, sizeof(p->yes));
	plan_add(&p->priv, CKA_SENSITIVE, &p->yes, sizeof(p->yes));
	plan_add(&p->priv, CKA_EXTRACTABLE, &p->no, sizeof(p->no));
	plan_add(&p->priv, CKA_SIGN, &p->yes, sizeof(p->yes));
}

/* Whether the token really keeps the key that it made. */
static bool
kept(struct desk *d, unsigned long priv)
{
	CK_BBOOL sensitive = CK_FALSE, extractable = CK_TRUE;
	struct module_attr attrs[] = {
	    {CKA_SENSITIVE, &sensitive, sizeof(sensitive)},
	    {CKA_EXTRACTABLE, &extractable, sizeof(extractable)},
	};

	return rv_ok(module_read(
		   desk_module(d), desk_session(d), priv, attrs, 2)) &&
	       attrs[0].len == sizeof(sensitive) && sensitive == CK_TRUE &&
	       attrs[1].len == sizeof(extractable) && extractable == CK_FALSE;
}

static int
generate(struct pair *p, struct desk *d, const struct kind *k,
    struct plan *plan, struct token_trouble *why)
{
	unsigned long pub, priv;
	struct rv rv;
	bool use;
	int r;

	rv = desk_generate(d, k->mech, &plan->pub, &plan->priv, &pub, &priv);
	if (!rv_ok(rv))
		return trouble_rv(
		    why, token_name(d), "cannot make the key pair", rv);
	r = TOKEN_OK;
	if (!kept(d, priv))
		r = trouble_say(why, TOKEN_EMECH, false,
		    "%s: made a private key that could leave it, against what "
		    "was asked, so the pair was destroyed; this token cannot "
		    "keep a key",
		    token_name(d));
	if (r == TOKEN_OK)
		r = load(p, d, priv, &use, why);
	if (r == TOKEN_OK && (!use || p->spkilen == 0))
		r = trouble_say(why, TOKEN_EDEVICE, false,
		    "%s: made a key pair whose public key cannot be read, so "
		    "it was destroyed; use the token's own tool",
		    token_name(d));
	if (r != TOKEN_OK) {
		(void)desk_destroy(d, priv);
		(void)desk_destroy(d, pub);
	}
	return r;
}

int
pair_generate(struct pair *p, struct desk *d, enum provision_kind kind,
    const struct provision_choice *names, struct token_trouble *why)
{
	const struct kind *k = look(kind);
	size_t idlen = names->idlen, labellen;
	struct plan plan;
	int r;

	memset(p, 0, sizeof(*p));
	if (k == NULL)
		return trouble_say(why, TOKEN_EARG, false,
		    "there is no such kind of key; choose another");
	r = both_vacant(d, names, why);
	if (r != TOKEN_OK)
		return r;
	memset(&plan, 0, sizeof(plan));
	labellen = strlen(names->label);
	memcpy(plan.label, names->label, labellen);
	if (idlen > 0)
		memcpy(plan.id, names->id, idlen);
	else if (RAND_bytes(plan.id, ID_LEN) == 1)
		idlen = ID_LEN;
	else
		return trouble_say(why, TOKEN_ENOMEM, true,
		    "no random bytes can be had for the key's id; give --id");
	plan_make(&plan, k, labellen, idlen);
	return generate(p, d, k, &plan, why);
}
