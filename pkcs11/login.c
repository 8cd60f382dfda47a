#include "pkcs11/login.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <p11-kit/pkcs11.h>

#include "pkcs11/trouble.h"

static_assert(sizeof(struct guard_memory) <= TOKEN_MEMORY_LEN, "memory");

#define LOCK_WAIT_MS 5000
#define PAD_VAIN_MAX 3

static struct guard_memory *
memory(struct login *l)
{
	return l->cfg->memory != NULL ? l->cfg->memory : &l->memory;
}

static const char *
what_to_do(const struct login *l)
{
	return l->cfg->what_to_do != NULL ? l->cfg->what_to_do
					  : "configure the right PIN";
}

/* Whether a person must look at the token before any PIN is sent. */
static int
check_flags(const struct slot *s, struct token_trouble *why)
{
	unsigned long flags = s->token.flags;

	if ((flags & CKF_USER_PIN_LOCKED) != 0)
		return trouble_say(why, TOKEN_EPINLOCKED, false,
		    "%s: its PIN is locked; have its security officer unlock "
		    "it",
		    s->name);
	if ((flags & CKF_USER_PIN_FINAL_TRY) != 0)
		return trouble_say(why, TOKEN_EPINLOCKED, false,
		    "%s: one wrong PIN more would lock it, so none is sent; "
		    "log in once by hand with the right PIN",
		    s->name);
	if ((flags & CKF_USER_PIN_TO_BE_CHANGED) != 0)
		return trouble_say(why, TOKEN_EPIN, false,
		    "%s: wants its PIN changed first; change it with the "
		    "token's own tool and configure the new one",
		    s->name);
	return TOKEN_OK;
}

/* Says what a failed C_Login means. */
static int
explain(const struct login *l, const struct slot *s, struct rv rv,
    struct token_trouble *why)
{
	int err;

	if (rv.value == CKR_PIN_INCORRECT || rv.value == CKR_PIN_INVALID ||
	    rv.value == CKR_PIN_LEN_RANGE) {
		err = trouble_say(why, TOKEN_EPIN, false,
		    "%s: refused the PIN: %s says %s (0x%lx); it will not be "
		    "sent again; %s",
		    s->name, rv.call, rv_name(rv), rv.value, what_to_do(l));
		if (why != NULL)
			why->ckr = rv.value;
		return err;
	}
	return trouble_rv(why, s->name, "cannot log in", rv);
}

/*
 * What the answer tells of the PIN. Unused is only what a library says
 * before it turns to the card; all else may be a wrong PIN by another name.
 */
static enum guard_end
judge(struct rv rv)
{
	switch (rv.value) {
	case CKR_OK:
		return GUARD_GOOD;
	case CKR_CRYPTOKI_NOT_INITIALIZED:
	case CKR_HOST_MEMORY:
	case CKR_OPERATION_NOT_INITIALIZED:
	case CKR_SESSION_HANDLE_INVALID:
	case CKR_TOKEN_NOT_PRESENT:
	case CKR_USER_ALREADY_LOGGED_IN:
	case CKR_USER_ANOTHER_ALREADY_LOGGED_IN:
		return GUARD_UNUSED;
	case CKR_PIN_INCORRECT:
	case CKR_PIN_INVALID:
	case CKR_PIN_LEN_RANGE:
	case CKR_PIN_LOCKED:
		return GUARD_BAD;
	default:
		return GUARD_UNKNOWN;
	}
}

/* One C_Login: what for, and on what. */
struct knock {
	struct login *l;
	struct module *m;
	struct slot *slot;
	unsigned long session;
	unsigned long user; /* CKU_USER, or for one use of a key */
};

/* Another holder's login is ours only if our own session says so. */
static struct rv
ours(const struct knock *k, struct rv rv)
{
	bool user;

	if (k->user == CKU_USER && rv.value == CKR_USER_ALREADY_LOGGED_IN &&
	    rv_ok(module_session_user(k->m, k->session, &user)) && user)
		rv.value = CKR_OK;
	return rv;
}

/* Says why a PIN is kept back. */
static int
keep_back(const struct login *l, const struct slot *s,
    enum guard_verdict verdict, struct token_trouble *why)
{
	if (verdict == GUARD_REFUSED)
		return trouble_say(why, TOKEN_EPIN, false,
		    "%s: refused this PIN before, so it is not sent again; "
		    "%s, or, if it is right now, remove %s",
		    s->name, what_to_do(l), l->cfg->guard);
	return trouble_say(why, TOKEN_EPIN, false,
	    "%s: was sent this PIN, and it is not known whether it was "
	    "refused, so it is not sent again; verify it with the token's own "
	    "tool, then remove %s, or %s",
	    s->name, l->cfg->guard, what_to_do(l));
}

/* Whether flags and guard let the PIN be sent, now that we are alone. */
static int
permit(struct login *l, struct module *m, struct slot *s, struct guard *g,
    struct rv *rv, struct token_trouble *why)
{
	enum guard_verdict verdict;
	bool low;
	int r;

	*rv = slot_refresh(s, m);
	if (!rv_ok(*rv))
		return trouble_rv(why, s->name, "cannot log in", *rv);
	r = check_flags(s, why);
	if (r != TOKEN_OK)
		return r;
	low = (s->token.flags & CKF_USER_PIN_COUNT_LOW) != 0;
	r = guard_judge(g, low, &verdict, why);
	if (r != TOKEN_OK || verdict == GUARD_CLEAR)
		return r;
	return keep_back(l, s, verdict, why);
}

static int
with_pin(const struct knock *k, const uint8_t *pin, size_t pinlen,
    struct rv *rv, struct token_trouble *why)
{
	struct login *l = k->l;
	struct slot *s = k->slot;
	struct guard *g;
	int r;

	if (l->cfg->guard == NULL)
		return trouble_say(why, TOKEN_ECONFIG, false,
		    "%s: needs a PIN, and no file is configured that "
		    "remembers a refused one; configure it",
		    s->name);
	r = guard_open(&g, l->cfg->guard, memory(l), &s->token, pin, pinlen,
	    LOCK_WAIT_MS, why);
	if (r != TOKEN_OK)
		return r;
	r = permit(l, k->m, s, g, rv, why);
	if (r != TOKEN_OK) {
		(void)guard_close(g, GUARD_UNKNOWN, NULL);
		return r;
	}
	*rv = module_login(k->m, k->session, k->user, pin, pinlen);
	r = guard_close(g, judge(*rv), why);
	*rv = ours(k, *rv);
	if (!rv_ok(*rv))
		return explain(l, s, *rv, why);
	return r;
}

/* A person who is asked again and again types the PIN until it is locked. */
static void
count_pad(struct login *l, struct rv rv)
{
	switch (judge(rv)) {
	case GUARD_GOOD:
		l->pad_vain = 0;
		return;
	case GUARD_BAD:
		l->pad_vain = PAD_VAIN_MAX;
		return;
	case GUARD_UNKNOWN:
		l->pad_vain =
		    rv_class(rv) == RV_PIN ? PAD_VAIN_MAX : l->pad_vain + 1;
		return;
	case GUARD_UNUSED:
		return;
	}
}

static int
with_pad(const struct knock *k, struct rv *rv, struct token_trouble *why)
{
	struct login *l = k->l;
	const struct slot *s = k->slot;

	if ((s->token.flags & CKF_PROTECTED_AUTHENTICATION_PATH) == 0)
		return trouble_say(why, TOKEN_EPIN, false,
		    "%s: needs a PIN, and none is configured; %s", s->name,
		    what_to_do(l));
	if (l->pad_vain >= PAD_VAIN_MAX)
		return trouble_say(why, TOKEN_EPIN, false,
		    "%s: its PIN pad was asked in vain; restart the agent to "
		    "be asked again",
		    s->name);
	*rv = module_login(k->m, k->session, k->user, NULL, 0);
	count_pad(l, *rv);
	*rv = ours(k, *rv);
	return rv_ok(*rv) ? TOKEN_OK : explain(l, s, *rv, why);
}

/* Borrows the PIN from its source and knocks with it. */
static int
knock(const struct knock *k, enum token_pin_use use, struct rv *rv,
    struct token_trouble *why)
{
	const struct token_pin *source = &k->l->cfg->pin;
	const uint8_t *pin = NULL;
	char text[160] = "";
	size_t len = 0;
	int r;

	r = check_flags(k->slot, why);
	if (r != TOKEN_OK || source->get == NULL)
		return r != TOKEN_OK ? r : with_pad(k, rv, why);
	if (source->get(source->ctx, use, &pin, &len, text, sizeof(text)) != 0)
		return trouble_say(why, TOKEN_EPIN, false,
		    "%s: needs a PIN: %s", k->slot->name,
		    text[0] != '\0' ? text : what_to_do(k->l));
	if (pin == NULL)
		r = with_pad(k, rv, why);
	else
		r = with_pin(k, pin, len, rv, why);
	if (source->put != NULL)
		source->put(source->ctx);
	return r;
}

int
login_do(struct login *l, struct module *m, struct slot *s,
    unsigned long session, struct rv *rv, struct token_trouble *why)
{
	const struct knock k = {l, m, s, session, CKU_USER};
	bool user;

	*rv = slot_refresh(s, m);
	if (rv_ok(*rv) && (s->token.flags & CKF_LOGIN_REQUIRED) == 0)
		return TOKEN_OK;
	if (rv_ok(*rv))
		*rv = module_session_user(m, session, &user);
	if (!rv_ok(*rv))
		return trouble_rv(why, s->name, "cannot log in", *rv);
	if (user)
		return TOKEN_OK;
	return knock(&k, TOKEN_PIN_LOGIN, rv, why);
}

int
login_key(struct login *l, struct module *m, const struct slot *slot,
    unsigned long session, struct rv *rv, struct token_trouble *why)
{
	struct slot s = *slot; /* the flags are read anew, for this only */
	const struct knock k = {l, m, &s, session, CKU_CONTEXT_SPECIFIC};

	*rv = slot_refresh(&s, m);
	if (!rv_ok(*rv))
		return trouble_rv(why, s.name, "cannot use its key", *rv);
	return knock(&k,
	    l->cfg->reauth == TOKEN_REAUTH_ASK ? TOKEN_PIN_ASK
					       : TOKEN_PIN_AGAIN,
	    rv, why);
}

bool
login_again(struct rv rv)
{
	if (!rv_mendable(rv))
		return false;
	return strcmp(rv.call, "C_Login") != 0 || judge(rv) == GUARD_UNUSED;
}
