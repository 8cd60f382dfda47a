#include "pkcs11/provision/provision.h"

#include <stdlib.h>
#include <string.h>

#include <p11-kit/pkcs11.h>

#include "pkcs11/module.h"
#include "pkcs11/provision/address.h"
#include "pkcs11/provision/desk.h"
#include "pkcs11/provision/hand.h"
#include "pkcs11/provision/pair.h"
#include "pkcs11/provision/paper.h"
#include "pkcs11/text.h"
#include "pkcs11/trouble.h"
#include "pkcs11/uri.h"

struct provision {
	struct desk *desk;
	struct token_config cfg;
};

static unsigned
state(unsigned long flags)
{
	static const struct {
		unsigned long flag;
		unsigned bit;
	} bits[] = {
	    {CKF_WRITE_PROTECTED, PROVISION_READ_ONLY},
	    {CKF_USER_PIN_COUNT_LOW, PROVISION_PIN_LOW},
	    {CKF_USER_PIN_FINAL_TRY, PROVISION_PIN_FINAL},
	    {CKF_USER_PIN_LOCKED, PROVISION_PIN_LOCKED},
	    {CKF_USER_PIN_TO_BE_CHANGED, PROVISION_PIN_CHANGE},
	    {CKF_PROTECTED_AUTHENTICATION_PATH, PROVISION_PAD},
	};
	unsigned all = 0;

	if ((flags & CKF_TOKEN_INITIALIZED) == 0)
		return PROVISION_BLANK;
	if ((flags & CKF_LOGIN_REQUIRED) == 0)
		all |= PROVISION_OPEN;
	else if ((flags & CKF_USER_PIN_INITIALIZED) == 0)
		all |= PROVISION_NO_PIN;
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		if ((flags & bits[i].flag) != 0)
			all |= bits[i].bit;
	return all;
}

static void
describe(struct provision_token *to, const struct module_token *token)
{
	memset(to, 0, sizeof(*to));
	text_clean(
	    token->label, sizeof(token->label), to->label, sizeof(to->label));
	text_clean(token->manufacturer, sizeof(token->manufacturer),
	    to->manufacturer, sizeof(to->manufacturer));
	text_clean(
	    token->model, sizeof(token->model), to->model, sizeof(to->model));
	text_clean(token->serial, sizeof(token->serial), to->serial,
	    sizeof(to->serial));
	to->state = state(token->flags);
	if ((to->state & PROVISION_BLANK) == 0)
		(void)address_token(token, to->uri, sizeof(to->uri));
}

/* Whether the slot's token can be read, and fits. */
static bool
fits(struct module *m, unsigned long id, const struct uri *u,
    struct module_token *token)
{
	struct module_slot slot;

	if (!rv_ok(module_slot_info(m, id, &slot)) ||
	    !rv_ok(module_token_info(m, id, token)))
		return false;
	return u == NULL ||
	       (uri_fits_slot(u, &slot) && uri_fits_token(u, token));
}

int
provision_list(const char *module, const char *uri,
    struct provision_token *list, size_t max, size_t *n,
    struct token_trouble *why)
{
	unsigned long ids[PROVISION_TOKENS_MAX];
	struct module *m = NULL;
	struct uri *u = NULL;
	struct module_token token;
	size_t slots = 0;
	struct rv rv;
	int r = TOKEN_OK;

	*n = 0;
	if (uri != NULL)
		r = uri_open(&u, uri, why);
	if (r == TOKEN_OK)
		r = module_open(&m, module, why);
	if (r != TOKEN_OK)
		goto out;
	rv = module_slots(m, ids, PROVISION_TOKENS_MAX, &slots);
	if (!rv_ok(rv))
		r = trouble_rv(
		    why, module_path(m), "cannot look for tokens", rv);
	for (size_t i = 0; i < slots && i < PROVISION_TOKENS_MAX; i++)
		if (*n < max && fits(m, ids[i], u, &token))
			describe(&list[(*n)++], &token);
out:
	module_close(m);
	uri_close(u);
	return r;
}

int
provision_open(struct provision **pp, const struct provision_config *cfg,
    struct token_trouble *why)
{
	struct provision *p = calloc(1, sizeof(*p));
	int r;

	*pp = NULL;
	if (p == NULL)
		return trouble_say(why, TOKEN_ENOMEM, true, "out of memory");
	p->cfg.module = cfg->module;
	p->cfg.uri = cfg->uri;
	p->cfg.guard = cfg->guard;
	p->cfg.what_to_do = cfg->what_to_do;
	p->cfg.pin = cfg->pin;
	r = desk_open(&p->desk, &p->cfg, why);
	if (r == TOKEN_OK) {
		*pp = p;
		p = NULL;
	}
	provision_close(p);
	return r;
}

void
provision_close(struct provision *p)
{
	if (p == NULL)
		return;
	desk_close(p->desk);
	free(p);
}

/* What the caller learns of a pair. */
static void
tell(struct provision *p, const struct pair *pair, struct provision_key *key)
{
	const struct key_tags *t = &pair->tags;

	memset(key, 0, sizeof(*key));
	text_clean(
	    t->label.bytes, t->label.len, key->label, sizeof(key->label));
	key->idlen =
	    t->id.len < PROVISION_ID_MAX ? t->id.len : PROVISION_ID_MAX;
	memcpy(key->id, t->id.bytes, key->idlen);
	key->type = pair->key.pub.type;
	key->bits = pair->key.pub.bits;
	(void)address_key(&desk_slot(p->desk)->token, t->label.bytes,
	    t->label.len, t->id.bytes, t->id.len, key->uri, sizeof(key->uri));
}

int
provision_generate(struct provision *p, enum provision_kind kind,
    const struct provision_choice *names, struct provision_key *made,
    struct token_trouble *why)
{
	struct pair pair;
	int r = pair_generate(&pair, p->desk, kind, names, why);

	memset(made, 0, sizeof(*made));
	if (r == TOKEN_OK)
		tell(p, &pair, made);
	return r;
}

static struct paper_key
paper_key(const struct pair *pair)
{
	return (struct paper_key){.type = pair->key.pub.type,
	    .bits = pair->key.pub.bits,
	    .spki = pair->spki,
	    .spkilen = pair->spkilen};
}

/* The pair that fits, if it can sign. */
static int
choose(struct provision *p, struct pair *pair,
    const struct provision_choice *choice, struct token_trouble *why)
{
	int r = pair_find(pair, p->desk, choice, why);

	return r == TOKEN_OK ? hand_able(p->desk, pair, why) : r;
}

static int
sign(struct provision *p, const struct pair *pair, const struct paper *paper,
    uint8_t *der, size_t *len, struct token_trouble *why)
{
	uint8_t sig[HAND_SIG_MAX];
	size_t siglen;
	int r;

	r = hand_sign(p->desk, pair, paper->hash, paper->tbs, paper->tbslen,
	    sig, &siglen, why);
	if (r == TOKEN_OK)
		r = paper_join(paper, sig, siglen, der, len, why);
	return r;
}

/* Beside its key: under the same label and id. */
static int
store(struct provision *p, const struct pair *pair, const uint8_t *der,
    size_t len, struct token_trouble *why)
{
	const struct key_tags *t = &pair->tags;
	char label[KEY_TAG_MAX + 1];

	memcpy(label, t->label.bytes, t->label.len);
	label[t->label.len] = '\0';
	return pen_store(
	    desk_pen(p->desk), der, len, label, t->id.bytes, t->id.len, why);
}

int
provision_self_sign(struct provision *p, const struct provision_choice *choice,
    const struct provision_wish *wish, uint8_t *der, size_t *len,
    struct provision_key *key, struct token_trouble *why)
{
	char name[PAIR_NAME_MAX];
	struct paper_key public;
	struct paper paper;
	struct pair pair;
	int r;

	*len = 0;
	memset(key, 0, sizeof(*key));
	if (wish->days == 0 || wish->days > PROVISION_DAYS_MAX)
		return trouble_say(why, TOKEN_EARG, false,
		    "a certificate is valid for 1 to %d days; choose a number "
		    "of these",
		    PROVISION_DAYS_MAX);
	r = choose(p, &pair, choice, why);
	if (r != TOKEN_OK)
		return r;
	pair_name(&pair, name);
	if (pair.key.pub.type != TOKEN_RSA)
		return trouble_say(why, TOKEN_EMECH, false,
		    "%s: %s is not an RSA key, and Configuration Manager "
		    "takes no other; choose or generate an RSA key",
		    desk_slot(p->desk)->name, name);
	public = paper_key(&pair);
	r = paper_certificate(&paper, &public, wish, why);
	if (r == TOKEN_OK)
		r = sign(p, &pair, &paper, der, len, why);
	if (r == TOKEN_OK)
		r = store(p, &pair, der, *len, why);
	if (r == TOKEN_OK)
		tell(p, &pair, key);
	else
		*len = 0;
	return r;
}

int
provision_request(struct provision *p, const struct provision_choice *choice,
    const char *subject, const char *const *names, size_t nnames, uint8_t *der,
    size_t *len, struct provision_key *key, struct token_trouble *why)
{
	struct paper_key public;
	struct paper paper;
	struct pair pair;
	int r;

	*len = 0;
	memset(key, 0, sizeof(*key));
	if (nnames > PROVISION_NAMES_MAX)
		return trouble_say(why, TOKEN_EARG, false,
		    "a request has at most %d alternative names; leave some "
		    "out",
		    PROVISION_NAMES_MAX);
	r = choose(p, &pair, choice, why);
	if (r != TOKEN_OK)
		return r;
	public = paper_key(&pair);
	r = paper_request(&paper, &public, subject, names, nnames, why);
	if (r == TOKEN_OK)
		r = sign(p, &pair, &paper, der, len, why);
	if (r == TOKEN_OK)
		tell(p, &pair, key);
	else
		*len = 0;
	return r;
}

/* Refuses a certificate that the token holds already. */
static int
absent(struct provision *p, const uint8_t *der, size_t len,
    struct token_trouble *why)
{
	CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	uint8_t copy[PROVISION_DER_MAX];
	struct module_attr match[] = {
	    {CKA_CLASS, &class, sizeof(class)},
	    {CKA_VALUE, copy, len},
	};
	const char *name = desk_slot(p->desk)->name;
	unsigned long handle;
	struct rv rv;
	size_t n;

	memcpy(copy, der, len);
	rv = module_find(desk_module(p->desk), desk_session(p->desk), match, 2,
	    &handle, 1, &n);
	if (rv_ok(rv) && n == 0)
		return TOKEN_OK;
	if (!rv_ok(rv) && rv.value != CKR_BUFFER_TOO_SMALL)
		return trouble_rv(
		    why, name, "cannot look for certificates", rv);
	return trouble_say(why, TOKEN_EAMBIGUOUS, false,
	    "%s: this certificate is on it already; nothing was stored", name);
}

int
provision_import(struct provision *p, const struct provision_choice *choice,
    const uint8_t *der, size_t len, struct provision_key *key,
    struct token_trouble *why)
{
	struct pair pair;
	int r;

	memset(key, 0, sizeof(*key));
	if (len == 0 || len > PROVISION_DER_MAX)
		return trouble_say(why, TOKEN_EARG, false,
		    "a certificate has 1 to %d bytes; give another file",
		    PROVISION_DER_MAX);
	r = pair_find_for(&pair, p->desk, choice, der, len, why);
	if (r == TOKEN_OK)
		r = absent(p, der, len, why);
	if (r == TOKEN_OK)
		r = store(p, &pair, der, len, why);
	if (r == TOKEN_OK)
		tell(p, &pair, key);
	return r;
}
