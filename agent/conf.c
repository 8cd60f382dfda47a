#include "agent/conf.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ini.h>

#include "agent/conf_parse.h"

#define DEADLINE_MS 20000
#define CLIENTS 1024
#define RATE_HOUR (UINT64_C(20000) * 3600) /* far above what tokens do */
#define AUDIT_EVERY 1000
#define AUDIT_SIZE_MIB 64

static int
audit_setting(struct reading *rd, const char *name, const char *value)
{
	static const char *const full[] = {"stop", "go"};
	struct conf_audit *a = &rd->c->audit;
	unsigned i = 0;

	if (strcmp(name, "audit") == 0)
		return conf_path(rd, name, value, a->path, sizeof(a->path));
	if (strcmp(name, "audit-every") == 0)
		return conf_number(rd, name, value, 1, 1000000, &a->every);
	if (strcmp(name, "audit-size") == 0)
		return conf_number(rd, name, value, 1, 65536, &a->size_mib);
	if (strcmp(name, "audit-full") == 0) {
		if (!conf_word(rd, name, value, full, 2, &i))
			return 0;
		a->carry_on = i == 1;
		return 1;
	}
	if (strcmp(name, "audit-key") != 0)
		return conf_complain(rd,
		    "[agent] knows socket, control, state, user, deadline, "
		    "clients, rate, audit, audit-key, audit-every, audit-size "
		    "and "
		    "audit-full, but no '%s'",
		    name);
	if (signer_thumbprint_parse(value, a->key.thumb, &a->key.len) !=
	    SIGNER_OK)
		return conf_complain(rd,
		    "audit-key '%s' is no thumbprint: 40 (SHA-1) or 64 "
		    "(SHA-256) hexadecimal digits",
		    value);
	return 1;
}

/* Whom front and workers become; resolved once, as all names are. */
static int
user(struct reading *rd, const char *name)
{
	const struct passwd *pw = getpwnam(name);

	if (pw == NULL)
		return conf_complain(rd, "there is no user '%s'", name);
	if (pw->pw_uid == 0)
		return conf_complain(rd,
		    "user = %s is root, which is what the agent is not to be; "
		    "leave user out, or name another one",
		    name);
	rd->c->uid = pw->pw_uid;
	rd->c->gid = pw->pw_gid;
	return 1;
}

static int
agent_setting(struct reading *rd, const char *name, const char *value)
{
	struct conf *c = rd->c;

	if (strcmp(name, "socket") == 0)
		return conf_path(rd, name, value, c->socket, sizeof(c->socket));
	if (strcmp(name, "control") == 0)
		return conf_path(
		    rd, name, value, c->control, sizeof(c->control));
	if (strcmp(name, "state") == 0)
		return conf_path(rd, name, value, c->state, sizeof(c->state));
	if (strcmp(name, "user") == 0)
		return user(rd, value);
	if (strcmp(name, "clients") == 0)
		return conf_number(rd, name, value, 1, 16384, &c->clients);
	if (strcmp(name, "rate") == 0)
		return conf_rate(rd, name, value, &c->rate_hour);
	if (strcmp(name, "deadline") != 0)
		return audit_setting(rd, name, value);
	return conf_seconds(rd, name, value, 1, 3600, &c->deadline_ms);
}

static int
setting(void *arg, const char *section, const char *name, const char *value)
{
	struct reading *rd = arg;

	if (strcmp(section, "agent") == 0)
		return agent_setting(rd, name, value);
	if (strncmp(section, "token ", 6) == 0)
		return conf_token_read(rd, section + 6, name, value);
	if (strncmp(section, "allow ", 6) == 0)
		return conf_allow_read(rd, section + 6, name, value);
	return conf_complain(rd,
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
		return conf_complain(rd, "[agent] needs socket = /PATH");
	if (c->state[0] == '\0')
		return conf_complain(rd, "[agent] needs state = /DIRECTORY");
	if (c->ntokens == 0)
		return conf_complain(rd, "there is no [token NAME] section");
	if (c->audit.path[0] == '\0' && c->audit.key.len != 0)
		return conf_complain(
		    rd, "[agent] has audit-key, which needs audit = /FILE");
	for (size_t i = 0; i < c->ntokens; i++)
		if (!conf_token_complete(rd, &rd->c->tokens[i]))
			return 0;
	for (size_t i = 0; i < c->nallows; i++)
		if (!conf_allow_complete(rd, &c->allows[i]))
			return 0;
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
		(void)conf_complain(rd,
		    "line %u is longer than %d bytes; lists may be given in "
		    "several lines with the same name",
		    rd->line, room - 2);
		return NULL;
	}
	if ((*s == ' ' || *s == '\t') && s[strspn(s, " \t\r\n;#")] != '\0') {
		(void)conf_complain(rd,
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
	c->rate_hour = RATE_HOUR;
	c->audit.every = AUDIT_EVERY;
	c->audit.size_mib = AUDIT_SIZE_MIB;
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

bool
conf_token_same(const struct conf_token *a, const struct conf_token *b)
{
	if (a->ncerts != b->ncerts || a->npaths != b->npaths ||
	    strcmp(a->name, b->name) != 0 ||
	    strcmp(a->module, b->module) != 0 || strcmp(a->uri, b->uri) != 0 ||
	    a->pin != b->pin || strcmp(a->pin_from, b->pin_from) != 0)
		return false;
	for (size_t i = 0; i < a->ncerts; i++)
		if (strcmp(a->certs[i], b->certs[i]) != 0)
			return false;
	for (size_t i = 0; i < a->npaths; i++)
		if (a->paths[i].write != b->paths[i].write ||
		    strcmp(a->paths[i].path, b->paths[i].path) != 0)
			return false;
	return a->pin_ttl_ms == b->pin_ttl_ms && a->sessions == b->sessions &&
	       a->deadline_ms == b->deadline_ms && a->start_ms == b->start_ms &&
	       a->reauth == b->reauth && a->sandbox == b->sandbox &&
	       a->poll_ms == b->poll_ms && a->keepalive_ms == b->keepalive_ms &&
	       a->release_ms == b->release_ms;
}

void
conf_align(struct conf *next, const struct conf *now)
{
	static struct conf_token placed[CONF_TOKENS_MAX]; /* large */
	size_t n = 0;

	memset(placed, 0, sizeof(placed));
	for (size_t i = 0; i < next->ntokens; i++) {
		int old = conf_token_index(now, next->tokens[i].name);

		if (old >= 0)
			placed[old] = next->tokens[i];
	}
	for (size_t i = 0, at = 0; i < next->ntokens; i++) {
		if (conf_token_index(now, next->tokens[i].name) >= 0)
			continue;
		/* There are numbers for all, of which those that ended with
		 * their tokens are free again. */
		while (placed[at].name[0] != '\0')
			at++;
		placed[at] = next->tokens[i];
	}
	for (size_t i = 0; i < CONF_TOKENS_MAX; i++)
		if (placed[i].name[0] != '\0')
			n = i + 1;
	memcpy(next->tokens, placed, sizeof(placed));
	next->ntokens = n;
}

int
conf_token_index(const struct conf *c, const char *name)
{
	/* A number that is free has no name. */
	for (size_t i = 0; name[0] != '\0' && i < c->ntokens; i++)
		if (strcmp(c->tokens[i].name, name) == 0)
			return (int)i;
	return -1;
}

int
conf_token_nth(const struct conf *c, unsigned nth)
{
	for (size_t i = 0; i < c->ntokens; i++)
		if (c->tokens[i].name[0] != '\0' && nth-- == 0)
			return (int)i;
	return -1;
}
