#include <string.h>
#include <strings.h>

#include "agent/conf_parse.h"

#define NAME_CHARS \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

static const struct conf_token defaults = {
    .sessions = 8,
    .start_ms = 60000,
    .weight = 1,
    .queue = 1024,
    .poll_ms = 500,
};

/* How a PIN's source may be spelt; what follows the colon must be there. */
static const struct {
	enum conf_pin kind;
	const char *prefix;
	const char *argument; /* what it must begin with; NULL: there is none */
} sources[] = {
    {CONF_PIN_FILE, "file:", "/"},
    {CONF_PIN_CREDENTIAL, "credential:", ""},
    {CONF_PIN_FD, "fd:", ""},
    {CONF_PIN_ASKPASS, "askpass:", "/"},
    {CONF_PIN_ASK, "ask", NULL},
    {CONF_PIN_PAD, "pinpad", NULL},
};

static int
fd_number(struct reading *rd, struct conf_token *t)
{
	unsigned fd;

	return conf_number(rd, "pin = fd:", t->pin_from, 3, 1023, &fd);
}

static int
pin(struct reading *rd, struct conf_token *t, const char *value)
{
	for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
		const char *rest = value + strlen(sources[i].prefix);

		if (strncmp(value, sources[i].prefix,
			strlen(sources[i].prefix)) != 0)
			continue;
		if (sources[i].argument == NULL
			? *rest != '\0'
			: *rest == '\0' ||
			      strncmp(rest, sources[i].argument,
				  strlen(sources[i].argument)) != 0)
			continue;
		if (sources[i].kind == CONF_PIN_CREDENTIAL &&
		    strchr(rest, '/') != NULL)
			continue;
		t->pin = sources[i].kind;
		if (*rest != '\0' && !conf_text(rd, "pin", rest, t->pin_from,
					 sizeof(t->pin_from)))
			return 0;
		return t->pin != CONF_PIN_FD || fd_number(rd, t);
	}
	return conf_complain(rd,
	    "pin must be file:/PATH, credential:NAME, fd:NUMBER, "
	    "askpass:/PROGRAM, ask or pinpad; a PIN itself never stands here");
}

static int
certificate(struct reading *rd, struct conf_token *t, const char *value)
{
	if (t->ncerts == CONF_CERTS_MAX)
		return conf_complain(rd,
		    "more than %d certificate files in one section",
		    CONF_CERTS_MAX);
	return conf_path(rd, "certificate", value, t->certs[t->ncerts],
		   sizeof(t->certs[0])) &&
	       ++t->ncerts > 0;
}

/* What the module needs in a strict sandbox: "PATH" or "PATH rw". */
static int
sandbox_path(struct reading *rd, struct conf_token *t, const char *value)
{
	static const char *const modes[] = {"ro", "rw"};
	char path[CONF_PATH_MAX];
	unsigned mode = 0;
	size_t len = strcspn(value, " \t");
	const char *rest = value + len + strspn(value + len, " \t");

	if (t->npaths == CONF_SANDBOX_PATHS_MAX)
		return conf_complain(rd,
		    "more than %d sandbox-path in one section",
		    CONF_SANDBOX_PATHS_MAX);
	if (!conf_path(rd, "sandbox-path", value, path, sizeof(path)))
		return 0;
	path[len] = '\0';
	if (*rest != '\0' &&
	    !conf_word(rd, "sandbox-path: what follows the path", rest, modes,
		2, &mode))
		return 0;
	memcpy(t->paths[t->npaths].path, path, len + 1);
	t->paths[t->npaths++].write = mode == 1;
	return 1;
}

static int
words(struct reading *rd, struct conf_token *t, const char *name,
    const char *value)
{
	static const char *const reauth[] = {"never", "cached", "ask"};
	static const char *const yesno[] = {"no", "yes"};
	static const char *const sandbox[] = {"module", "strict", "off"};
	unsigned i = 0;

	if (strcmp(name, "sandbox") == 0) {
		if (!conf_word(rd, name, value, sandbox, 3, &i))
			return 0;
		t->sandbox = (enum conf_sandbox)i;
		return 1;
	}
	if (strcmp(name, "reauth") == 0) {
		if (!conf_word(rd, name, value, reauth, 3, &i))
			return 0;
		t->reauth = (enum conf_reauth)i;
		return 1;
	}
	if (!conf_word(rd, name, value, yesno, 2, &i))
		return 0;
	t->prefer = i == 1;
	return 1;
}

/* Settings that are a number; in seconds where the field ends in _ms. */
static int
numbers(struct reading *rd, struct conf_token *t, const char *name,
    const char *value, bool *known)
{
	const struct {
		const char *name;
		unsigned min, max, unit;
		unsigned *out;
	} all[] = {
	    {"sessions", 1, 64, 1, &t->sessions},
	    {"deadline", 1, 3600, 1000, &t->deadline_ms},
	    {"start", 1, 3600, 1000, &t->start_ms},
	    {"weight", 1, 1000, 1, &t->weight},
	    {"queue", 1, 4096, 1, &t->queue},
	    {"poll", 0, 60000, 1, &t->poll_ms},
	    {"pin-ttl", 1, 2000000, 1000, &t->pin_ttl_ms},
	    {"release", 1, 86400, 1000, &t->release_ms},
	    {"keepalive", 1, 86400, 1000, &t->keepalive_ms},
	};

	*known = true;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		if (strcmp(name, all[i].name) != 0)
			continue;
		if (!conf_number(
			rd, name, value, all[i].min, all[i].max, all[i].out))
			return 0;
		*all[i].out *= all[i].unit;
		return 1;
	}
	*known = false;
	return 1;
}

static int
token_setting(struct reading *rd, struct conf_token *t, const char *name,
    const char *value)
{
	bool known;
	int r = numbers(rd, t, name, value, &known);

	if (known)
		return r;
	if (strcmp(name, "module") == 0)
		return conf_text(rd, name, value, t->module, sizeof(t->module));
	if (strcmp(name, "uri") == 0)
		return conf_text(rd, name, value, t->uri, sizeof(t->uri));
	if (strcmp(name, "pin") == 0)
		return pin(rd, t, value);
	if (strcmp(name, "certificate") == 0)
		return certificate(rd, t, value);
	if (strcmp(name, "sandbox-path") == 0)
		return sandbox_path(rd, t, value);
	if (strcmp(name, "reauth") == 0 || strcmp(name, "prefer") == 0 ||
	    strcmp(name, "sandbox") == 0)
		return words(rd, t, name, value);
	return conf_complain(rd,
	    "[token] knows module, uri, pin, pin-ttl, certificate, sessions, "
	    "deadline, start, queue, weight, prefer, reauth, poll, keepalive, "
	    "release, sandbox and sandbox-path, but no '%s'",
	    name);
}

/* The [token NAME] being read, made when first seen; NULL if too many. */
static struct conf_token *
token_section(struct reading *rd, const char *name)
{
	struct conf *c = rd->c;
	int i = conf_token_index(c, name);
	struct conf_token *t;

	if (i >= 0)
		return &c->tokens[i];
	if (c->ntokens == CONF_TOKENS_MAX) {
		(void)conf_complain(
		    rd, "more than %d [token] sections", CONF_TOKENS_MAX);
		return NULL;
	}
	/* It becomes part of a file's name. */
	if (name[0] == '.' || name[strspn(name, NAME_CHARS)] != '\0') {
		(void)conf_complain(rd,
		    "the name in [token %s] may hold letters, "
		    "digits, '.', '_' and '-' only",
		    name);
		return NULL;
	}
	t = &c->tokens[c->ntokens];
	if (!conf_text(rd, "name of the token", name, t->name, sizeof(t->name)))
		return NULL;
	*t = defaults;
	memcpy(t->name, name, strlen(name) + 1);
	c->ntokens++;
	return t;
}

int
conf_token_read(struct reading *rd, const char *section, const char *name,
    const char *value)
{
	struct conf_token *t = token_section(rd, section);

	return t != NULL && token_setting(rd, t, name, value);
}

int
conf_token_complete(struct reading *rd, struct conf_token *t)
{
	if (t->module[0] == '\0' || t->uri[0] == '\0')
		return conf_complain(
		    rd, "[token %s] needs module and uri", t->name);
	if (t->pin_ttl_ms != 0 && t->pin != CONF_PIN_ASK)
		return conf_complain(rd,
		    "[token %s] has pin-ttl, which is for pin = ask: other "
		    "sources are read anew for each login",
		    t->name);
	if (t->pin == CONF_PIN_ASK && rd->c->control[0] == '\0')
		return conf_complain(rd,
		    "[token %s] has pin = ask: [agent] needs control = /PATH, "
		    "where sealpoint unlock brings the PIN",
		    t->name);
	if (t->deadline_ms == 0)
		t->deadline_ms = rd->c->deadline_ms;
	return 1;
}
