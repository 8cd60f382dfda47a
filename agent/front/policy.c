#include "agent/front/policy.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Beside a use: to connect, to find the key, its chain; and to look around. */
#define PACKETS_PER_USE 8
#define PACKETS_HOUR (UINT64_C(200) * 3600)

static_assert(CONF_ALLOWS_MAX <= 64, "a section is a bit of a uint64_t");

static bool
member(const struct policy_caller *who, gid_t gid)
{
	if (who->gid == gid)
		return true;
	for (size_t i = 0; i < who->ngroups; i++)
		if (who->groups[i] == gid)
			return true;
	return false;
}

static bool
concerns(const struct conf_allow *a, const struct policy_caller *who)
{
	for (size_t i = 0; i < a->nusers; i++)
		if (a->users[i] == who->uid)
			return true;
	for (size_t i = 0; i < a->ngroups; i++)
		if (member(who, a->groups[i]))
			return true;
	return false;
}

uint64_t
policy_sections(const struct conf *conf, const struct policy_caller *who)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < conf->nallows; i++)
		if (concerns(&conf->allows[i], who))
			bits |= UINT64_C(1) << i;
	return bits;
}

static bool
names(const struct conf_allow *a, const struct signer_identity *key)
{
	if (a->any_key)
		return true;
	for (size_t i = 0; i < a->nkeys; i++) {
		const struct conf_key *k = &a->keys[i];
		const uint8_t *thumb =
		    k->len == SIGNER_SHA1_LEN ? key->sha1 : key->sha256;

		if (memcmp(k->thumb, thumb, k->len) == 0)
			return true;
	}
	return false;
}

uint64_t
policy_programs(const struct conf *conf)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < conf->nallows; i++)
		if (conf->allows[i].nprograms != 0)
			bits |= UINT64_C(1) << i;
	return bits;
}

uint32_t
policy_uses(const struct conf *conf, uint64_t sections,
    const struct signer_identity *key)
{
	uint32_t uses = 0;

	for (size_t i = 0; i < conf->nallows; i++)
		if ((sections >> i & 1) != 0 && names(&conf->allows[i], key))
			uses |= conf->allows[i].uses;
	return uses;
}

static bool
listed(uint32_t bits, unsigned n)
{
	return n < 32 && (bits >> n & 1) != 0;
}

/* Does the section leave this scheme and this hash? */
static enum policy_lack
form(const struct conf_allow *a, const struct policy_request *what)
{
	if (what->use == 0)
		return POLICY_GRANTED;
	if (what->scheme == 0) /* in some form */
		return POLICY_GRANTED;
	if (a->schemes != 0 && !listed(a->schemes, what->scheme))
		return POLICY_NO_SCHEME;
	/* RSAES-PKCS1-v1_5 has no hash that one could narrow. */
	if (what->use == SIGNER_USE_DECRYPT && what->scheme == SIGNER_RSA_PKCS1)
		return POLICY_GRANTED;
	if (a->hashes != 0 && !listed(a->hashes, what->hash))
		return POLICY_NO_HASH;
	if (what->digest && a->whole)
		return POLICY_NO_DIGEST;
	return POLICY_GRANTED;
}

static enum policy_lack
lack(const struct conf_allow *a, bool running,
    const struct signer_identity *key, const struct policy_request *what)
{
	enum policy_lack bad;

	if (!names(a, key))
		return POLICY_NO_KEY;
	if (what->use != 0 && (a->uses & what->use) == 0)
		return POLICY_NO_USE;
	bad = form(a, what);
	if (bad != POLICY_GRANTED)
		return bad;
	return a->nprograms == 0 || running ? POLICY_GRANTED
					    : POLICY_NO_PROGRAM;
}

void
policy_judge(const struct conf *conf, uint64_t sections, uint64_t running,
    const struct signer_identity *key, const struct policy_request *what,
    struct policy_verdict *verdict)
{
	*verdict = (struct policy_verdict){POLICY_NO_USER, -1, 0};
	for (size_t i = 0; i < conf->nallows; i++) {
		const struct conf_allow *a = &conf->allows[i];
		uint64_t rate =
		    a->rate_hour != 0 ? a->rate_hour : conf->rate_hour;
		enum policy_lack bad;

		if ((sections >> i & 1) == 0)
			continue;
		bad = lack(a, (running >> i & 1) != 0, key, what);
		if (bad == POLICY_GRANTED) {
			if (verdict->lack == POLICY_GRANTED &&
			    rate <= verdict->rate_hour)
				continue;
			*verdict = (struct policy_verdict){bad, (int)i, rate};
		} else if (verdict->lack != POLICY_GRANTED &&
			   bad > verdict->lack) {
			*verdict = (struct policy_verdict){bad, (int)i, 0};
		}
	}
}

uint64_t
policy_packets(const struct conf *conf, uint64_t sections)
{
	uint64_t most = 0;

	for (size_t i = 0; i < conf->nallows; i++) {
		const struct conf_allow *a = &conf->allows[i];
		uint64_t rate =
		    a->rate_hour != 0 ? a->rate_hour : conf->rate_hour;

		if ((sections >> i & 1) != 0 && rate > most)
			most = rate;
	}
	return PACKETS_HOUR + PACKETS_PER_USE * most;
}

const char *
policy_use(uint32_t use)
{
	switch (use) {
	case 0:
		return "see";
	case SIGNER_USE_TLS:
		return "tls";
	case SIGNER_USE_DECRYPT:
		return "decrypt";
	default:
		return "sign";
	}
}

void
policy_form(const struct policy_request *what, char text[POLICY_FORM_MAX])
{
	static const char *const schemes[] = {
	    "", "pkcs1", "pss", "oaep", "ecdsa", "eddsa"};
	static const char *const hashes[] = {
	    "", " sha1", " sha256", " sha384", " sha512"};

	text[0] = '\0';
	if (what->scheme <= SIGNER_EDDSA && what->hash <= SIGNER_SHA512)
		(void)snprintf(text, POLICY_FORM_MAX, "%s%s%s",
		    schemes[what->scheme], hashes[what->hash],
		    what->digest ? " digest" : "");
}

const char *
policy_excuse(enum policy_lack lack)
{
	switch (lack) {
	case POLICY_GRANTED:
		break;
	case POLICY_NO_USER:
	case POLICY_NO_KEY:
		return "an [allow] section of sealpointd.conf must say so";
	case POLICY_NO_USE:
		return "the [allow] section for it must name this use";
	case POLICY_NO_SCHEME:
		return "the [allow] section for it is narrowed to other "
		       "schemes";
	case POLICY_NO_HASH:
		return "the [allow] section for it is narrowed to other hashes";
	case POLICY_NO_DIGEST:
		return "the [allow] section for it wants to see what is "
		       "signed: "
		       "send the message, not its digest";
	case POLICY_NO_PROGRAM:
		return "the [allow] section for it names other programs";
	}
	return "it is granted";
}

const char *
policy_setting(enum policy_lack lack)
{
	switch (lack) {
	case POLICY_GRANTED:
		break;
	case POLICY_NO_USER:
		return "user, group";
	case POLICY_NO_KEY:
		return "key";
	case POLICY_NO_USE:
		return "use";
	case POLICY_NO_SCHEME:
		return "scheme";
	case POLICY_NO_HASH:
		return "hash";
	case POLICY_NO_DIGEST:
		return "digest";
	case POLICY_NO_PROGRAM:
		return "program";
	}
	return "none";
}
