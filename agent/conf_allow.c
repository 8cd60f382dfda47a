#include <sys/types.h>

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "agent/conf_parse.h"

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
		return conf_complain(rd, "there is no user '%s'", name);
	if (a->nusers == CONF_IDS_MAX)
		return conf_complain(
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
		return conf_complain(rd, "there is no group '%s'", name);
	if (a->ngroups == CONF_IDS_MAX)
		return conf_complain(
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
		return conf_complain(
		    rd, "more than %d keys in one section", CONF_KEYS_MAX);
	if (signer_thumbprint_parse(thumb, k->thumb, &k->len) != SIGNER_OK)
		return conf_complain(rd,
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
		return conf_complain(
		    rd, "use '%s' is none of sign, decrypt, tls", name);
	return 1;
}

static int
program(struct reading *rd, struct conf_allow *a, const char *path)
{
	if (a->nprograms == CONF_PROGRAMS_MAX)
		return conf_complain(rd, "more than %d programs in one section",
		    CONF_PROGRAMS_MAX);
	return conf_path(rd, "program", path, a->programs[a->nprograms],
		   sizeof(a->programs[0])) &&
	       ++a->nprograms > 0;
}

static int
hash(struct reading *rd, struct conf_allow *a, const char *name)
{
	static const char *const words[] = {
	    "none", "sha1", "sha256", "sha384", "sha512"};
	unsigned i;

	if (!conf_word(rd, "hash", name, words, 5, &i))
		return 0;
	a->hashes |= 1u << i; /* the order is that of enum signer_hash */
	return 1;
}

static int
scheme(struct reading *rd, struct conf_allow *a, const char *name)
{
	static const char *const words[] = {
	    "pkcs1", "pss", "oaep", "ecdsa", "eddsa"};
	unsigned i;

	if (!conf_word(rd, "scheme", name, words, 5, &i))
		return 0;
	a->schemes |= 1u << (i + SIGNER_RSA_PKCS1);
	return 1;
}

static int
digest(struct reading *rd, struct conf_allow *a, const char *name)
{
	static const char *const words[] = {"yes", "no"};
	unsigned i;

	if (!conf_word(rd, "digest", name, words, 2, &i))
		return 0;
	a->whole = i == 1;
	return 1;
}

static int
rate(struct reading *rd, struct conf_allow *a, const char *value)
{
	return conf_rate(rd, "rate", value, &a->rate_hour);
}

static int
allow_setting(struct reading *rd, struct conf_allow *a, const char *name,
    const char *value)
{
	static const struct {
		const char *name;
		int (*one)(struct reading *, struct conf_allow *, const char *);
	} all[] = {
	    {"user", user},
	    {"group", group},
	    {"program", program},
	    {"key", key},
	    {"use", use},
	    {"hash", hash},
	    {"scheme", scheme},
	    {"digest", digest},
	    {"rate", rate},
	};
	char copy[4096], *list = copy, *it;
	size_t i = 0;

	while (i < sizeof(all) / sizeof(*all) && strcmp(name, all[i].name) != 0)
		i++;
	if (i == sizeof(all) / sizeof(*all))
		return conf_complain(rd,
		    "[allow] knows user, group, program, key, use, hash, "
		    "scheme, digest and rate, but no '%s'",
		    name);
	if (!conf_text(rd, name, value, copy, sizeof(copy)))
		return 0;
	while ((it = conf_item(&list)) != NULL)
		if (!all[i].one(rd, a, it))
			return 0;
	return 1;
}

/* The [allow NAME] being read, made when first seen; NULL if too many. */
static struct conf_allow *
allow_section(struct reading *rd, const char *name)
{
	struct conf *c = rd->c;
	struct conf_allow *a;

	for (size_t i = 0; i < c->nallows; i++)
		if (strcmp(c->allows[i].name, name) == 0)
			return &c->allows[i];
	if (c->nallows == CONF_ALLOWS_MAX) {
		(void)conf_complain(
		    rd, "more than %d [allow] sections", CONF_ALLOWS_MAX);
		return NULL;
	}
	a = &c->allows[c->nallows];
	if (!conf_text(rd, "name of the rule", name, a->name, sizeof(a->name)))
		return NULL;
	c->nallows++;
	return a;
}

int
conf_allow_read(struct reading *rd, const char *section, const char *name,
    const char *value)
{
	struct conf_allow *a = allow_section(rd, section);

	return a != NULL && allow_setting(rd, a, name, value);
}

int
conf_allow_complete(struct reading *rd, const struct conf_allow *a)
{
	if (a->nusers + a->ngroups != 0 && a->uses != 0 &&
	    (a->any_key || a->nkeys != 0))
		return 1;
	return conf_complain(
	    rd, "[allow %s] needs user or group, key and use", a->name);
}
