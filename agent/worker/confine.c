#include "agent/worker/confine.h"

#include <stdio.h>
#include <string.h>

#include "agent/sandbox.h"

/* What any program has that loads libraries, with p11-kit's and OpenSSL's. */
static const struct sandbox_path system_paths[] = {
    {"/usr", SANDBOX_READ, false},
    {"/lib", SANDBOX_READ, false},
    {"/lib64", SANDBOX_READ, false},
    {"/etc/ld.so.cache", SANDBOX_LOOK, false},
    {"/etc/ssl/openssl.cnf", SANDBOX_LOOK, false},
    {"/etc/pkcs11", SANDBOX_READ, false},
    {"/dev/null", SANDBOX_WRITE, false},
    {"/dev/random", SANDBOX_LOOK, false},
    {"/dev/urandom", SANDBOX_LOOK, false},
};

#define SYSTEM_PATHS (sizeof(system_paths) / sizeof(*system_paths))
#define OWN_PATHS 4 /* state, module, PIN, credentials */

struct plan {
	struct sandbox_path paths[SYSTEM_PATHS + OWN_PATHS + CONF_CERTS_MAX +
				  CONF_SANDBOX_PATHS_MAX];
	size_t n;
	char folders[2 + CONF_CERTS_MAX][CONF_PATH_MAX];
	size_t nfolders;
};

static void
add(struct plan *p, const char *path, enum sandbox_access access, bool needed)
{
	p->paths[p->n++] = (struct sandbox_path){path, access, needed};
}

/*
 * The directory of a file that somebody may replace while we run: the new one
 * has only its place in common with the old one.
 */
static void
add_folder(struct plan *p, const char *file, enum sandbox_access access)
{
	char *folder = p->folders[p->nfolders++];
	char *end;

	(void)snprintf(folder, CONF_PATH_MAX, "%s", file);
	/* A URI with slashes may follow a certificate's path. */
	folder[strcspn(folder, " \t")] = '\0';
	end = strrchr(folder, '/');
	if (end == NULL)
		return; /* a name that p11-kit knows */
	end[end == folder ? 1 : 0] = '\0';
	add(p, folder, access, false);
}

static void
draw(struct plan *p, const struct conf *c, const struct conf_token *t,
    const char *credentials)
{
	memcpy(p->paths, system_paths, sizeof(system_paths));
	p->n = SYSTEM_PATHS;
	add(p, c->state, SANDBOX_WRITE, true);
	add_folder(p, t->module, SANDBOX_READ);
	if (t->pin == CONF_PIN_FILE)
		add_folder(p, t->pin_from, SANDBOX_LOOK);
	if (t->pin == CONF_PIN_CREDENTIAL && credentials != NULL)
		add(p, credentials, SANDBOX_LOOK, false);
	for (size_t i = 0; i < t->ncerts; i++)
		add_folder(p, t->certs[i], SANDBOX_LOOK);
	for (size_t i = 0; i < t->npaths; i++)
		add(p, t->paths[i].path,
		    t->paths[i].write ? SANDBOX_WRITE : SANDBOX_READ, true);
}

int
confine_worker(const struct conf *c, const struct conf_token *t,
    const char *credentials, char *text, size_t textlen)
{
	struct plan p = {.n = 0};

	switch (t->sandbox) {
	case CONF_SANDBOX_OFF:
		return SANDBOX_OK;
	case CONF_SANDBOX_MODULE:
		return sandbox_enter(SANDBOX_MODULE, NULL, 0, text, textlen);
	case CONF_SANDBOX_STRICT:
		break;
	}
	draw(&p, c, t, credentials);
	return sandbox_enter(SANDBOX_STRICT, p.paths, p.n, text, textlen);
}
