#include "pkcs11/slot.h"

#include <stdio.h>
#include <string.h>

#include <p11-kit/pkcs11.h>

#include "pkcs11/text.h"
#include "pkcs11/trouble.h"

#define SLOTS_MAX 256

static void
christen(struct slot *s)
{
	const struct module_token *t = &s->token;
	char label[33], maker[33], model[17], serial[17], all[112];

	text_clean(t->label, sizeof(t->label), label, sizeof(label));
	text_clean(
	    t->manufacturer, sizeof(t->manufacturer), maker, sizeof(maker));
	text_clean(t->model, sizeof(t->model), model, sizeof(model));
	text_clean(t->serial, sizeof(t->serial), serial, sizeof(serial));
	(void)snprintf(
	    all, sizeof(all), "%s (%s %s %s)", label, maker, model, serial);
	text_clean(all, strlen(all), s->name, sizeof(s->name));
}

static bool
same(const struct module_token *a, const struct module_token *b)
{
	return memcmp(a->label, b->label, sizeof(a->label)) == 0 &&
	       memcmp(a->manufacturer, b->manufacturer,
		   sizeof(a->manufacturer)) == 0 &&
	       memcmp(a->model, b->model, sizeof(a->model)) == 0 &&
	       memcmp(a->serial, b->serial, sizeof(a->serial)) == 0;
}

/*
 * Whether slot `id` holds an initialised token that fits; fills s. A slot
 * that cannot be read does not hide the others; *rv then says why it cannot.
 */
static bool
fits(struct slot *s, struct module *m, unsigned long id, const struct uri *u,
    struct rv *rv)
{
	struct module_slot slot;
	struct rv one;

	memset(s, 0, sizeof(*s));
	s->id = id;
	one = module_slot_info(m, id, &slot);
	if (rv_ok(one))
		one = module_token_info(m, id, &s->token);
	if (!rv_ok(one)) {
		*rv = one;
		return false;
	}
	return (s->token.flags & CKF_TOKEN_INITIALIZED) != 0 &&
	       uri_fits_slot(u, &slot) && uri_fits_token(u, &s->token);
}

static int
absent(const struct uri *u, const struct module *m, bool other,
    struct token_trouble *why)
{
	if (other)
		return trouble_say(why, TOKEN_EABSENT, true,
		    "%s: another token than before fits it in %s; put the "
		    "first one back, or restart the agent to use this one",
		    uri_text(u), module_path(m));
	return trouble_say(why, TOKEN_EABSENT, true,
	    "%s: no token fits it in %s now; insert or reconnect the token, "
	    "or correct the URI",
	    uri_text(u), module_path(m));
}

int
slot_find(struct slot *s, struct module *m, const struct uri *u,
    const struct module_token *bound, struct token_trouble *why)
{
	unsigned long ids[SLOTS_MAX];
	struct module_library library;
	struct slot one;
	size_t n, found = 0;
	bool other = false;
	struct rv rv;

	memset(s, 0, sizeof(*s));
	rv = module_info(m, &library);
	if (rv_ok(rv))
		rv = module_slots(m, ids, SLOTS_MAX, &n);
	if (!rv_ok(rv))
		return trouble_rv(
		    why, uri_text(u), "cannot look for the token", rv);
	if (!uri_fits_library(u, &library))
		return trouble_say(why, TOKEN_ECONFIG, false,
		    "%s: its library attributes do not fit %s; correct them",
		    uri_text(u), module_path(m));
	for (size_t i = 0; i < n && i < SLOTS_MAX; i++) {
		if (!fits(&one, m, ids[i], u, &rv))
			continue;
		if (bound != NULL && !same(bound, &one.token)) {
			other = true;
			continue;
		}
		christen(&one);
		if (found++ > 0)
			return trouble_say(why, TOKEN_EAMBIGUOUS, false,
			    "%s: fits both %s and %s; add the serial number "
			    "to it",
			    uri_text(u), s->name, one.name);
		*s = one;
	}
	if (found == 1)
		return TOKEN_OK;
	/* It may be the one that could not be read. */
	if (!rv_ok(rv) && !other)
		return trouble_rv(
		    why, uri_text(u), "cannot look for the token", rv);
	return absent(u, m, other, why);
}

struct rv
slot_refresh(struct slot *s, struct module *m)
{
	struct module_token now;
	struct rv rv = module_token_info(m, s->id, &now);

	if (rv_ok(rv) && !same(&now, &s->token)) {
		rv.value = CKR_TOKEN_NOT_PRESENT;
		return rv;
	}
	if (rv_ok(rv))
		s->token = now;
	return rv;
}
