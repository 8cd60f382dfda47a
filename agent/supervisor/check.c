#include "agent/supervisor/check.h"

#include <sys/stat.h>

#include <errno.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/supervisor/who.h"

/* What was found wrong so far. */
struct check {
	const char *file;
	unsigned faults;
};

static void fault(struct check *k, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
fault(struct check *k, const char *fmt, ...)
{
	va_list ap;

	k->faults++;
	(void)printf("%s: ", k->file);
	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	(void)putchar('\n');
}

/* The directory in which a path is to be made. */
static void
parent(struct check *k, const char *what, const char *path)
{
	char copy[CONF_PATH_MAX], *dir;

	(void)snprintf(copy, sizeof(copy), "%s", path);
	dir = dirname(copy);
	if (access(dir, W_OK | X_OK) != 0)
		fault(k, "[agent] %s = %s: %s: %s", what, path, dir,
		    strerror(errno));
}

static void
pin_file(
    struct check *k, const struct conf_token *t, const char *path, bool strict)
{
	struct stat st;

	if (stat(path, &st) != 0)
		fault(k, "[token %s] pin: %s: %s", t->name, path,
		    strerror(errno));
	else if (strict && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		fault(k,
		    "[token %s] pin: %s may be read by others; chmod 600 it",
		    t->name, path);
}

static void
pin(struct check *k, const struct conf_token *t)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char path[2 * CONF_PATH_MAX];

	if (t->pin == CONF_PIN_FILE) {
		pin_file(k, t, t->pin_from, true);
	} else if (t->pin == CONF_PIN_CREDENTIAL && dir != NULL) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, t->pin_from);
		pin_file(k, t, path, false);
	} else if (t->pin == CONF_PIN_ASKPASS &&
		   access(t->pin_from, X_OK) != 0) {
		fault(k, "[token %s] pin: %s: %s", t->name, t->pin_from,
		    strerror(errno));
	}
}

static void
token(struct check *k, const struct conf_token *t)
{
	char path[CONF_PATH_MAX];

	if (t->module[0] == '/' && access(t->module, R_OK) != 0)
		fault(k, "[token %s] module = %s: %s", t->name, t->module,
		    strerror(errno));
	for (size_t i = 0; i < t->ncerts; i++) {
		/* A URI may follow the path. */
		(void)snprintf(path, sizeof(path), "%s", t->certs[i]);
		path[strcspn(path, " \t")] = '\0';
		if (access(path, R_OK) != 0)
			fault(k, "[token %s] certificate = %s: %s", t->name,
			    path, strerror(errno));
	}
	for (size_t i = 0; i < t->npaths; i++)
		if (access(t->paths[i].path, F_OK) != 0)
			fault(k, "[token %s] sandbox-path = %s: %s", t->name,
			    t->paths[i].path, strerror(errno));
	pin(k, t);
}

/* A rule whose program is not what it says grants nothing. */
static void
allow(struct check *k, const struct conf_allow *a)
{
	for (size_t i = 0; i < a->nprograms; i++) {
		if (access(a->programs[i], X_OK) != 0)
			fault(k, "[allow %s] program = %s: %s", a->name,
			    a->programs[i], strerror(errno));
		else if (!who_guards(a->programs[i]))
			fault(k,
			    "[allow %s] program = %s may be replaced by others "
			    "than root: look at the owner and mode of the file "
			    "and of the directories above; until then the rule "
			    "grants nothing",
			    a->name, a->programs[i]);
	}
}

int
check_run(const struct conf *c, const char *file)
{
	struct check k = {file, 0};

	parent(&k, "socket", c->socket);
	if (c->control[0] != '\0')
		parent(&k, "control", c->control);
	if (c->audit.path[0] != '\0')
		parent(&k, "audit", c->audit.path);
	if (access(c->state, W_OK | X_OK) != 0) {
		if (errno == ENOENT)
			parent(&k, "state", c->state);
		else
			fault(&k, "[agent] state = %s: %s", c->state,
			    strerror(errno));
	}
	for (size_t i = 0; i < c->ntokens; i++)
		token(&k, &c->tokens[i]);
	for (size_t i = 0; i < c->nallows; i++)
		allow(&k, &c->allows[i]);
	if (c->nallows == 0)
		(void)printf("%s: note: without an [allow] section nobody may "
			     "use any key\n",
		    file);
	if (k.faults == 0)
		(void)printf("%s: well: %zu token(s), %zu [allow] section(s)\n",
		    file, c->ntokens, c->nallows);
	return k.faults == 0 ? 0 : 1;
}
