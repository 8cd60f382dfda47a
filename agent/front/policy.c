#include "agent/front/policy.h"

#include <assert.h>
#include <string.h>

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
