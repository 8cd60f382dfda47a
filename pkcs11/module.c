#include "pkcs11/module.h"

#include <stdlib.h>
#include <string.h>

#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>

#include "pkcs11/module_impl.h"
#include "pkcs11/trouble.h"

void
module_enter(struct module *m)
{
	if (m->single)
		(void)pthread_mutex_lock(&m->gate);
}

void
module_leave(struct module *m)
{
	if (m->single)
		(void)pthread_mutex_unlock(&m->gate);
}

struct rv
module_say(unsigned long value, const char *call)
{
	struct rv rv = {value, call};

	return rv;
}

/* Whether the library has every function that we call. */
static bool
complete(const CK_FUNCTION_LIST *f)
{
	return f->C_Initialize && f->C_Finalize && f->C_GetInfo &&
	       f->C_GetSlotList && f->C_GetSlotInfo && f->C_GetTokenInfo &&
	       f->C_GetMechanismList && f->C_GetMechanismInfo &&
	       f->C_OpenSession && f->C_CloseSession && f->C_CloseAllSessions &&
	       f->C_GetSessionInfo && f->C_Login && f->C_Logout &&
	       f->C_FindObjectsInit && f->C_FindObjects &&
	       f->C_FindObjectsFinal && f->C_GetAttributeValue &&
	       f->C_SignInit && f->C_Sign && f->C_DecryptInit && f->C_Decrypt;
}

/* With locking by the system; or, if it cannot do that, with ours. */
static struct rv
begin(struct module *m)
{
	CK_C_INITIALIZE_ARGS args;
	struct rv rv;

	memset(&args, 0, sizeof(args));
	args.flags = CKF_OS_LOCKING_OK;
	rv = module_say(m->f->C_Initialize(&args), "C_Initialize");
	if (rv.value != CKR_CANT_LOCK)
		return rv;
	m->single = true;
	return module_say(m->f->C_Initialize(NULL), "C_Initialize");
}

/*
 * A library that something else in this process initialised is refused: its
 * login, its sessions and its locking would not be ours.
 */
static int
initialise(struct module *m, struct token_trouble *why, bool *hopeless)
{
	struct rv rv = begin(m);

	if (rv.value == CKR_CRYPTOKI_ALREADY_INITIALIZED && m->failed) {
		/* It did what it said that it could not. */
		(void)m->f->C_Finalize(NULL);
		rv = begin(m);
	}
	/* It would not end, whatever it said, and is ours as before. */
	if (rv.value == CKR_CRYPTOKI_ALREADY_INITIALIZED && m->ours)
		rv.value = CKR_OK;
	m->initialised = rv_ok(rv);
	m->ours = m->ours || m->initialised;
	m->failed =
	    !m->initialised && rv.value != CKR_CRYPTOKI_ALREADY_INITIALIZED;
	*hopeless = rv_class(rv) == RV_MODULE;
	if (m->initialised)
		return TOKEN_OK;
	(void)trouble_rv(why, m->path, "cannot be initialised", rv);
	if (rv.value == CKR_CRYPTOKI_ALREADY_INITIALIZED)
		(void)trouble_say(why, TOKEN_EMODULE, false,
		    "%s: C_Initialize says CKR_CRYPTOKI_ALREADY_INITIALIZED "
		    "(0x191): something else in this process uses it; run "
		    "one process for each module",
		    m->path);
	if (why != NULL)
		why->ckr = rv.value;
	return TOKEN_EMODULE;
}

static void
finalise(struct module *m)
{
	if (m->ours)
		(void)m->f->C_Finalize(NULL);
	m->initialised = false;
}

int
module_open(struct module **mp, const char *name, struct token_trouble *why)
{
	struct module *m;
	const char *reason;
	bool hopeless;
	int r;

	*mp = NULL;
	m = calloc(1, sizeof(*m));
	if (m == NULL)
		return trouble_say(why, TOKEN_ENOMEM, true, "out of memory");
	(void)pthread_mutex_init(&m->gate, NULL);
	r = registry_find(name, m->path, why);
	if (r != TOKEN_OK)
		goto out;
	p11_kit_be_quiet();
	m->f = p11_kit_module_load(m->path, P11_KIT_MODULE_UNMANAGED);
	if (m->f == NULL) {
		reason = p11_kit_message();
		r = trouble_say(why, TOKEN_EMODULE, false,
		    "%s: cannot be loaded: %s; check the configured module",
		    m->path, reason != NULL ? reason : "no reason given");
		goto out;
	}
	if (!complete(m->f)) {
		r = trouble_say(why, TOKEN_EMODULE, false,
		    "%s: lacks functions that every PKCS#11 module has; ask "
		    "its vendor for a complete one",
		    m->path);
		goto out;
	}
	r = initialise(m, why, &hopeless);
	if (r != TOKEN_OK && hopeless)
		goto out;
	trouble_clear(why);
	r = TOKEN_OK;
	*mp = m;
	m = NULL;
out:
	module_close(m);
	return r;
}

void
module_close(struct module *m)
{
	if (m == NULL)
		return;
	finalise(m);
	if (m->f != NULL)
		p11_kit_module_release(m->f);
	(void)pthread_mutex_destroy(&m->gate);
	free(m);
}

int
module_restart(struct module *m, struct token_trouble *why)
{
	bool hopeless;

	finalise(m);
	return initialise(m, why, &hopeless);
}

bool
module_initialised(const struct module *m)
{
	return m->initialised;
}

const char *
module_path(const struct module *m)
{
	return m->path;
}

struct module_counts
module_counts(const struct module *m)
{
	struct module_counts counts = {m->logins, m->searches, m->refused};

	return counts;
}
