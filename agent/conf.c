#include "agent/conf.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <ini.h>

#define DEADLINE_MS 20000
#define CLIENTS 1024
#define SESSIONS 8
#define NAME_CHARS \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

/* What inih's callback needs; the first complaint is kept. */
struct reading {
	struct conf *c;
	FILE *file;
	unsigned line;
	char complaint[CONF_TEXT_MAX];
};

static int complain(struct reading *rd, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* inih wants 0 for an error. */
static int
complain(struct reading *rd, const char *fmt, ...)
{
	va_list ap;

	if (rd->complaint[0] != '\0')
		return 0;
	va_start(ap, fmt);
	(void)vsnprintf(rd->complaint, sizeof(rd->complaint), fmt, ap);
	va_end(ap);
	return 0;
}

static int
text(struct reading *rd, const char *key, const char *value, char *out,
    size_t room)
{
	if (value[0] == '\0')
		return complain(rd, "%s is empty", key);
	if (strlen(value) >= room)
		return complain(
		    rd, "%s is longer than %zu bytes", key, room - 1);
	memcpy(out, value, strlen(value) + 1);
	return 1;
}

/* A path must be absolute: a daemon has no directory that users expect. */
static int
path(struct reading *rd, const char *key, const char *value, char *out,
    size_t room)
{
	if (value[0] != '/')
		return complain(
		    rd, "%s must be an absolute path, not '%s'", key, value);
	return text(rd, key, value, out, room);
}

static int
number(struct reading *rd, const char *key, const char *value, unsigned min,
    unsigned max, unsigned *out)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(value, &end, 10);
	if (!isdigit((unsigned char)value[0]) || *end != '\0' || errno != 0 ||
	    v < min || v > max)
		return complain(rd,
		    "%s must be a number from %u to %u, not '%s'", key, min,
		    max, value);
	*out = (unsigned)v;
	return 1;
}

/*
 * The next item of a list separated by commas, without the blanks around it;
 * NULL at the end. Cuts the list in place.
 */
static char *
item(char **list)
{
	char *s = *list, *end;

	if (s == NULL)
		return NULL;
	s += strspn(s, " \t");
	end = strchr(s, ',');
	*list = end == NULL ? NULL : end + 1;
	if (end == NULL)
		end = s + strlen(s);
	while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	return s;
}

/* A number that stands for itself; -1 if it is a name. */
static long long
number_id(const char *name)
{
	char *end;
	long long v;

	if (!isdigit((unsigned char)name[0]))
		return -1;
	errno = 0;
	v = strtoll(name, &end, 10);
	return *end == '\0' && errno == 0 && v < UINT32_MAX ? v : -1;
}

static int
user(struct reading *rd, struct conf_allow *a, const char *name)
{
	long long id = number_id(name);
	const struct passwd *pw = id < 0 ? getpwnam(name) : NULL;

	if (id < 0 && pw == NULL)
		return complain(rd, "there is no user '%s'", name);
	if (a->nusers == CONF_IDS_MAX)
		return complain(
		    rd, "more than %d users in one section", CONF_IDS_MAX);
	a->users[a->nusers++] = pw != NULL ? pw->pw_uid : (uid_t)id;
	return 1;
}

static int
group(struct reading *rd, struct conf_allow *a, const char *name)
{
	long long id = number_id(name);
	const struct group *gr = id < 0 ? getgrnam(name) : NULL;

	if (id < 0 && gr == NULL)
		return complain(rd, "there is no group '%s'", name);
	if (a->ngroups == CONF_IDS_MAX)
		return complain(
		    rd, "more than %d groups in one section", CONF_IDS_MAX);
	a->groups[a->ngroups++] = gr != NULL ? gr->gr_gid : (gid_t)id;
	return 1;
}

static int
key(struct reading *rd, struct conf_allow *a, const char *thumb)
{
	struct conf_key *k = &a->keys[a->nkeys];

	if (strcmp(thumb, "*") == 0) {
		a->any_key = true;
		return 1;
	}
	if (a->nkeys == CONF_KEYS_MAX)
		return complain(
		    rd, "more than %d keys in one section", CONF_KEYS_MAX);
	if (signer_thumbprint_parse(thumb, k->thumb, &k->len) != SIGNER_OK)
		return complain(rd,
		    "key '%s' is no thumbprint: 40 (SHA-1) or 64 "
		    "(SHA-256) hexadecimal digits, or *",
		    thumb);
	a->nkeys++;
	return 1;
}

static int
use(struct reading *rd, struct conf_allow *a, const char *name)
{
	if (strcmp(name, "sign") == 0)
		a->uses |= SIGNER_USE_SIGN;
	else if (strcmp(name, "decrypt") == 0)
		a->uses |= SIGNER_USE_DECRYPT;
	else if (strcmp(name, "tls") == 0)
		a->uses |= SIGNER_USE_TLS;
	else
		return complain(
		    rd, "use '%s' is none of sign, decrypt, tls", name);
	return 1;
}

static int
allow_setting(struct reading *rd, struct conf_allow *a, const char *name,
    const char *value)
{
	int (*one)(struct reading *, struct conf_allow *, const char *);
	char copy[4096], *list = copy, *it;

	if (strcmp(name, "user") == 0)
		one = user;
	else if (strcmp(name, "group") == 0)
		one = group;
	else if (strcmp(name, "key") == 0)
		one = key;
	else if (strcmp(name, "use") == 0)
		one = use;
	else
		return complain(rd,
		    "[allow] knows user, group, key and use, but "
		    "no '%s'",
		    name);
	if (!text(rd, name, value, copy, sizeof(copy)))
		return 0;
	while ((it = item(&list)) != NULL)
		if (!one(rd, a, it))
			return 0;
	return 1;
}

static int
token_setting(struct reading *rd, struct conf_token *t, const char *name,
    const char *value)
{
	if (strcmp(name, "module") == 0)
		return text(rd, name, value, t->module, sizeof(t->module));
	if (strcmp(name, "uri") == 0)
		return text(rd, name, value, t->uri, sizeof(t->uri));
	if (strcmp(name, "sessions") == 0)
		return number(rd, name, value, 1, 64, &t->sessions);
	if (strcmp(name, "pin") != 0)
		return complain(rd,
		    "[token] knows module, uri, pin and sessions, "
		    "but no '%s'",
		    name);
	if (strncmp(value, "file:/", 6) != 0 &&
	    (strncmp(value, "credential:", 11) != 0 || value[11] == '\0' ||
		strchr(value, '/') != NULL))
		return complain(rd,
		    "pin must be file:/PATH or credential:NAME; a "
		    "PIN itself never stands here");
	return text(rd, name, value, t->pin, sizeof(t->pin));
}

static int
agent_setting(struct reading *rd, const char *name, const char *value)
{
	struct conf *c = rd->c;
	unsigned seconds;

	if (strcmp(name, "socket") == 0)
		return path(rd, name, value, c->socket, sizeof(c->socket));
	if (strcmp(name, "state") == 0)
		return path(rd, name, value, c->state, sizeof(c->state));
	if (strcmp(name, "clients") == 0)
		return number(rd, name, value, 1, 16384, &c->clients);
	if (strcmp(name, "deadline") != 0)
		return complain(rd,
		    "[agent] knows socket, state, deadline and "
		    "clients, but no '%s'",
		    name);
	if (!number(rd, name, value, 1, 3600, &seconds))
		return 0;
	c->deadline_ms = seconds * 1000;
	return 1;
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
		(void)complain(
		    rd, "more than %d [token] sections", CONF_TOKENS_MAX);
		return NULL;
	}
	/* It becomes part of a file's name. */
	if (name[0] == '.' || name[strspn(name, NAME_CHARS)] != '\0') {
		(void)complain(rd,
		    "the name in [token %s] may hold letters, "
		    "digits, '.', '_' and '-' only",
		    name);
		return NULL;
	}
	t = &c->tokens[c->ntokens];
	if (!text(rd, "name of the token", name, t->name, sizeof(t->name)))
		return NULL;
	t->sessions = SESSIONS;
	c->ntokens++;
	return t;
}

/* The same for [allow NAME]. */
static struct conf_allow *
allow_section(struct reading *rd, const char *name)
{
	struct conf *c = rd->c;
	struct conf_allow *a;

	for (size_t i = 0; i < c->nallows; i++)
		if (strcmp(c->allows[i].name, name) == 0)
			return &c->allows[i];
	if (c->nallows == CONF_ALLOWS_MAX) {
		(void)complain(
		    rd, "more than %d [allow] sections", CONF_ALLOWS_MAX);
		return NULL;
	}
	a = &c->allows[c->nallows];
	if (!text(rd, "name of the rule", name, a->name, sizeof(a->name)))
		return NULL;
	c->nallows++;
	return a;
}

static int
setting(void *arg, const char *section, const char *name, const char *value)
{
	struct reading *rd = arg;
	struct conf_token *t;
	struct conf_allow *a;

	if (strcmp(section, "agent") == 0)
		return agent_setting(rd, name, value);
	if (strncmp(section, "token ", 6) == 0) {
		t = token_section(rd, section + 6);
		return t != NULL && token_setting(rd, t, name, value);
	}
	if (strncmp(section, "allow ", 6) == 0) {
		a = allow_section(rd, section + 6);
		return a != NULL && allow_setting(rd, a, name, value);
	}
	return complain(rd,
	    "section [%s] is none of [agent], [token NAME], "
	    "[allow NAME]",
	    section);
}

/* What only the whole shows. */
static int
complete(struct reading *rd)
{
	const struct conf *c = rd->c;

	if (c->socket[0] == '\0')
		return complain(rd, "[agent] needs socket = /PATH");
	if (c->state[0] == '\0')
		return complain(rd, "[agent] needs state = /DIRECTORY");
	if (c->ntokens == 0)
		return complain(rd, "there is no [token NAME] section");
	for (size_t i = 0; i < c->ntokens; i++)
		if (c->tokens[i].module[0] == '\0' ||
		    c->tokens[i].uri[0] == '\0')
			return complain(rd, "[token %s] needs module and uri",
			    c->tokens[i].name);
	for (size_t i = 0; i < c->nallows; i++) {
		const struct conf_allow *a = &c->allows[i];

		if (a->nusers + a->ngroups == 0 || a->uses == 0 ||
		    (!a->any_key && a->nkeys == 0))
			return complain(rd,
			    "[allow %s] needs user or group, key "
			    "and use",
			    a->name);
	}
	return 1;
}

/*
 * A line for inih, which would cut a long one and read its rest as another:
 * a comment could then grant a key. An indented line would go on with the
 * setting before it. Neither is taken; NULL ends the reading.
 */
static char *
whole_line(char *buf, int room, void *arg)
{
	struct reading *rd = arg;
	char *s = fgets(buf, room, rd->file);

	rd->line++;
	if (s == NULL)
		return NULL;
	if (strchr(s, '\n') == NULL && feof(rd->file) == 0) {
		(void)complain(rd,
		    "line %u is longer than %d bytes; lists may be given in "
		    "several lines with the same name",
		    rd->line, room - 2);
		return NULL;
	}
	if ((*s == ' ' || *s == '\t') && s[strspn(s, " \t\r\n;#")] != '\0') {
		(void)complain(rd,
		    "line %u is indented; a setting begins at the start of "
		    "its line",
		    rd->line);
		return NULL;
	}
	return s;
}

int
conf_read(struct conf *c, int fd, const char *name, char *out, size_t outlen)
{
	struct reading rd = {.c = c};
	int line = -1, copy = dup(fd);

	memset(c, 0, sizeof(*c));
	c->deadline_ms = DEADLINE_MS;
	c->clients = CLIENTS;
	rd.file = copy == -1 ? NULL : fdopen(copy, "r");
	if (rd.file == NULL) {
		(void)snprintf(out, outlen, "%s: %s", name, strerror(errno));
		return -1;
	}
	rewind(rd.file);
	line = ini_parse_stream(whole_line, &rd, setting, &rd);
	(void)fclose(rd.file);
	if (line == 0 && rd.complaint[0] == '\0' && complete(&rd))
		return 0;
	if (line > 0)
		(void)snprintf(out, outlen, "%s:%d: %s", name, line,
		    rd.complaint[0] != '\0'
			? rd.complaint
			: "neither a [section] nor a name = value");
	else
		(void)snprintf(out, outlen, "%s: %s", name, rd.complaint);
	memset(c, 0, sizeof(*c));
	return -1;
}

int
conf_token_index(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->ntokens; i++)
		if (strcmp(c->tokens[i].name, name) == 0)
			return (int)i;
	return -1;
}
