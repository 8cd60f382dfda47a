#include "mp/cli/conf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#include "version.h"

#define SYSTEM_FILE SEALPOINT_SYSCONFDIR "/sealpoint.conf"

/* The keys of the file, and the options that they are defaults of. */
struct key {
	const char *section, *name;
	enum option_id id;
	bool path; /* must be absolute: nobody knows where we are started */
};

static const struct key keys[] = {
    {"agent", "socket", OPTION_AGENT, true},
    {"mp", "url", OPTION_MP, false},
    {"mp", "mode", OPTION_MODE, false},
    {"mp", "port", OPTION_PORT, false},
    {"mp", "site", OPTION_SITE, false},
    {"mp", "netbios", OPTION_NETBIOS, false},
    {"mp", "fqdn", OPTION_FQDN, false},
    {"mp", "internet", OPTION_INTERNET, false},
    {"mp", "ca", OPTION_CA, true},
    {"mp", "mp-certs", OPTION_MP_CERTS, true},
    {"mp", "mp-signature", OPTION_MP_SIGNATURE, false},
    {"mp", "mp-hash", OPTION_MP_HASH, false},
    {"mp", "policy-hash", OPTION_POLICY_HASH, false},
    {"mp", "crl", OPTION_CRL, false},
    {"mp", "encrypt-certs", OPTION_ENCRYPT_CERTS, true},
    {"mp", "cipher", OPTION_CIPHER, false},
    {"mp", "auth", OPTION_AUTH, false},
    {"mp", "auth-file", OPTION_AUTH_FILE, true},
    {"mp", "http-proxy", OPTION_HTTP_PROXY, false},
    {"mp", "http-proxy-auth", OPTION_HTTP_PROXY_AUTH, true},
    {"mp", "state", OPTION_STATE, true},
    {"mp", "hash", OPTION_HASH, false},
    {"mp", "max-upload", OPTION_MAX_UPLOAD, false},
    {"mp", "key", OPTION_KEY, false},
};

#define NKEYS (sizeof(keys) / sizeof(keys[0]))

/* A file being read. inih gives no line numbers; our reader counts them. */
struct reading {
	FILE *f;
	const char *path;
	const struct option_def *defs;
	struct conf *s;
	unsigned line;
	size_t bytes;
	bool bad;
	char *text;
};

static int complain(struct reading *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The first mistake counts. Returns 0, as inih's handlers do to refuse. */
static int
complain(struct reading *r, const char *fmt, ...)
{
	size_t at;
	va_list ap;

	if (r->bad)
		return 0;
	r->bad = true;
	snprintf(r->text, CONF_TEXT_MAX, "%.256s, line %u: ", r->path, r->line);
	at = strlen(r->text);
	va_start(ap, fmt);
	(void)vsnprintf(r->text + at, CONF_TEXT_MAX - at, fmt, ap);
	va_end(ap);
	return 0;
}

static bool
known_section(const char *name, size_t len)
{
	for (size_t i = 0; i < NKEYS; i++) {
		if (strlen(keys[i].section) == len &&
		    strncmp(keys[i].section, name, len) == 0)
			return true;
	}
	return false;
}

/* inih tells of keys only; an empty section would go unseen. */
static void
check_section(struct reading *r, const char *line)
{
	size_t len;

	line += strspn(line, " \t");
	if (*line != '[')
		return;
	len = strcspn(++line, "]");
	if (line[len] != ']')
		complain(r, "the section's name has no closing bracket");
	else if (!known_section(line, len))
		complain(r, "there is no section [%.*s]: use [agent] or [mp]",
		    (int)(len > 64 ? 64 : len), line);
}

static char *
read_line(char *line, int room, void *ctx)
{
	struct reading *r = ctx;
	size_t len;

	if (r->bad || fgets(line, room, r->f) == NULL)
		return NULL;
	r->line++;
	len = strlen(line);
	r->bytes += len;
	if (r->bytes > CONF_FILE_MAX)
		complain(r, "the file is larger than %d bytes", CONF_FILE_MAX);
	else if (len + 1 == (size_t)room && line[len - 1] != '\n')
		complain(r, "the line is longer than %d bytes", room - 2);
	else
		check_section(r, line);
	return r->bad ? NULL : line;
}

static int
take(void *ctx, const char *section, const char *name, const char *value)
{
	struct reading *r = ctx;
	const struct option_def *def;
	const struct key *k = keys;

	while (k < keys + NKEYS &&
	       (strcmp(k->section, section) != 0 || strcmp(k->name, name) != 0))
		k++;
	if (k == keys + NKEYS)
		return complain(r,
		    "there is no key %.64s in section [%.64s]: "
		    "sealpoint.conf(5) lists them",
		    name, section);
	if (r->s->value[k->id] != NULL)
		return complain(r,
		    "%s is set twice, or a line under it "
		    "begins with a blank",
		    name);
	def = options_find(r->defs, k->id);
	if (*value == '\0')
		return complain(r,
		    "%s is empty: write a value or leave the "
		    "line out",
		    name);
	if (def != NULL && !option_allows(def, value))
		return complain(r, "%s cannot be \"%.64s\": it is one of %s",
		    name, value, def->value);
	if (def != NULL && def->value == NULL && strcmp(value, "yes") != 0 &&
	    strcmp(value, "no") != 0)
		return complain(
		    r, "%s cannot be \"%.64s\": it is yes or no", name, value);
	if (k->path && *value != '/')
		return complain(r,
		    "%s is not an absolute path: begin it "
		    "with /",
		    name);
	r->s->value[k->id] = strdup(value);
	if (r->s->value[k->id] == NULL)
		return complain(r, "out of memory");
	return 1;
}

static void
parse(struct reading *r)
{
	int line;

	/* inih's own bounds, which would cut a long path in two. */
	ini_use_stack = false;
	ini_initial_alloc = CONF_LINE_MAX;
	ini_max_line = CONF_LINE_MAX;
	line = ini_parse_stream(read_line, r, take, r);
	if (line != 0 && !r->bad) {
		r->line = line > 0 ? (unsigned)line : r->line;
		complain(r, "this is neither a [section] nor a "
			    "\"key = value\" line");
	}
	if (!r->bad && ferror(r->f) != 0)
		complain(r, "cannot be read: %s", strerror(errno));
}

int
conf_load(struct conf *s, const char *path, const struct option_def *defs,
    char text[CONF_TEXT_MAX])
{
	struct reading r = {.path = path == NULL ? SYSTEM_FILE : path,
	    .defs = defs,
	    .s = s,
	    .text = text};

	memset(s, 0, sizeof(*s));
	text[0] = '\0';
	r.f = fopen(r.path, "re");
	if (r.f == NULL && path == NULL && errno == ENOENT)
		return 0;
	if (r.f == NULL) {
		snprintf(text, CONF_TEXT_MAX,
		    "%.256s: cannot be read: "
		    "%s. Name another file with --config",
		    r.path, strerror(errno));
		return -1;
	}
	parse(&r);
	fclose(r.f);
	if (!r.bad)
		return 0;
	conf_release(s);
	return -1;
}

void
conf_release(struct conf *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < OPTION_COUNT; i++)
		free(s->value[i]);
	memset(s, 0, sizeof(*s));
}
