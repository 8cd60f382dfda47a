#include "pkcs11/provision/desk.h"

#include <stdlib.h>
#include <string.h>

#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>

#include "pkcs11/login.h"
#include "pkcs11/trouble.h"
#include "pkcs11/uri.h"

struct desk {
	struct module *m;
	struct uri *uri;
	struct slot slot;
	struct pen *pen;
	CK_FUNCTION_LIST *f; /* the same library, for the calls below */
	CK_SESSION_HANDLE session;
};

static struct rv
say(CK_RV value, const char *call)
{
	struct rv rv = {value, call};

	return rv;
}

static int
failed(
    struct desk *d, const char *doing, struct rv rv, struct token_trouble *why)
{
	return trouble_rv(why, d->slot.name, doing, rv);
}

/* A second reference to what module_open() loaded and initialised. */
static int
take_functions(struct desk *d, struct token_trouble *why)
{
	d->f = p11_kit_module_load(module_path(d->m), P11_KIT_MODULE_UNMANAGED);
	if (d->f != NULL && d->f->C_GenerateKeyPair != NULL &&
	    d->f->C_DestroyObject != NULL && d->f->C_CreateObject != NULL &&
	    d->f->C_Logout != NULL)
		return TOKEN_OK;
	return trouble_say(why, TOKEN_EMODULE, false,
	    "%s: lacks functions that make and store objects; use the "
	    "token's own tool",
	    module_path(d->m));
}

static struct rv
open_session(struct desk *d, CK_SESSION_HANDLE *session)
{
	*session = 0;
	return say(
	    d->f->C_OpenSession(d->slot.id, CKF_SERIAL_SESSION | CKF_RW_SESSION,
		NULL, NULL, session),
	    "C_OpenSession");
}

/*
 * libp11 0.4.12 waits for ever when C_OpenSession fails. So two sessions are
 * opened and closed here first, one for it and one for us.
 */
static int
probe(struct desk *d, struct token_trouble *why)
{
	CK_SESSION_HANDLE one, two;
	struct rv rv = open_session(d, &one);

	if (rv_ok(rv)) {
		rv = open_session(d, &two);
		if (rv_ok(rv))
			(void)d->f->C_CloseSession(two);
		(void)d->f->C_CloseSession(one);
	}
	if (rv_ok(rv))
		return TOKEN_OK;
	return failed(d, "cannot be opened for writing", rv, why);
}

static int
enter(struct desk *d, const struct token_config *cfg, struct token_trouble *why)
{
	struct login login = {.cfg = cfg};
	struct rv rv;

	rv = open_session(d, &d->session);
	if (!rv_ok(rv))
		return failed(d, "cannot be opened for writing", rv, why);
	return login_do(&login, d->m, &d->slot, d->session, &rv, why);
}

int
desk_open(
    struct desk **dp, const struct token_config *cfg, struct token_trouble *why)
{
	struct desk *d = calloc(1, sizeof(*d));
	int r;

	*dp = NULL;
	if (d == NULL)
		return trouble_say(why, TOKEN_ENOMEM, true, "out of memory");
	r = uri_open(&d->uri, cfg->uri, why);
	if (r == TOKEN_OK)
		r = module_open(&d->m, cfg->module, why);
	if (r == TOKEN_OK)
		r = slot_find(&d->slot, d->m, d->uri, NULL, why);
	if (r == TOKEN_OK)
		r = take_functions(d, why);
	if (r == TOKEN_OK)
		r = probe(d, why);
	/* Before the login: libp11 may close all sessions when it opens one. */
	if (r == TOKEN_OK)
		r = pen_open(
		    &d->pen, module_path(d->m), d->slot.id, d->slot.name, why);
	if (r == TOKEN_OK)
		r = enter(d, cfg, why);
	if (r != TOKEN_OK)
		goto out;
	*dp = d;
	d = NULL;
out:
	desk_close(d);
	return r;
}

void
desk_close(struct desk *d)
{
	if (d == NULL)
		return;
	if (d->session != 0) {
		(void)d->f->C_Logout(d->session);
		(void)d->f->C_CloseSession(d->session);
	}
	/* It ends the library's life; module_close() then finds it ended. */
	pen_close(d->pen);
	if (d->f != NULL)
		p11_kit_module_release(d->f);
	module_close(d->m);
	uri_close(d->uri);
	free(d);
}

struct module *
desk_module(const struct desk *d)
{
	return d->m;
}

const struct slot *
desk_slot(const struct desk *d)
{
	return &d->slot;
}

struct pen *
desk_pen(const struct desk *d)
{
	return d->pen;
}

unsigned long
desk_session(const struct desk *d)
{
	return d->session;
}

/* In the library's form; too many for it is our own mistake. */
static CK_ULONG
fill(CK_ATTRIBUTE out[MODULE_ATTRS_MAX], const struct desk_template *t)
{
	size_t n = t->n < MODULE_ATTRS_MAX ? t->n : MODULE_ATTRS_MAX;

	for (size_t i = 0; i < n; i++) {
		out[i].type = t->attrs[i].type;
		out[i].pValue = t->attrs[i].value;
		out[i].ulValueLen = t->attrs[i].len;
	}
	return n;
}

struct rv
desk_generate(struct desk *d, unsigned long mech,
    const struct desk_template *public, const struct desk_template *private,
    unsigned long *pub, unsigned long *priv)
{
	CK_ATTRIBUTE a[MODULE_ATTRS_MAX], b[MODULE_ATTRS_MAX];
	CK_MECHANISM ck = {mech, NULL, 0};
	CK_ULONG an = fill(a, public), bn = fill(b, private);

	*pub = *priv = 0;
	return say(
	    d->f->C_GenerateKeyPair(d->session, &ck, a, an, b, bn, pub, priv),
	    "C_GenerateKeyPair");
}

struct rv
desk_destroy(struct desk *d, unsigned long object)
{
	return say(
	    d->f->C_DestroyObject(d->session, object), "C_DestroyObject");
}
