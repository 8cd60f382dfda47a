#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "agent/front/policy.h"

/* One section: user 1000 or group 50; one SHA-1, one SHA-256; sign. */
static struct conf conf;

static int
make(void **state)
{
	struct conf_allow *a = &conf.allows[0], *b = &conf.allows[1];

	(void)state;
	memset(&conf, 0, sizeof(conf));
	conf.nallows = 2;
	a->users[a->nusers++] = 1000;
	a->groups[a->ngroups++] = 50;
	memset(a->keys[0].thumb, 1, SIGNER_SHA1_LEN);
	a->keys[0].len = SIGNER_SHA1_LEN;
	memset(a->keys[1].thumb, 2, SIGNER_SHA256_LEN);
	a->keys[1].len = SIGNER_SHA256_LEN;
	a->nkeys = 2;
	a->uses = SIGNER_USE_SIGN;
	b->users[b->nusers++] = 1000;
	b->any_key = true;
	b->uses = SIGNER_USE_TLS;
	return 0;
}

static struct signer_identity
key(uint8_t sha1, uint8_t sha256)
{
	struct signer_identity id = {.type = SIGNER_KEY_RSA};

	memset(id.sha1, sha1, sizeof(id.sha1));
	memset(id.sha256, sha256, sizeof(id.sha256));
	return id;
}

static void
nobody_is_allowed_by_default(void **state)
{
	static const struct conf empty;
	const struct policy_caller root = {.uid = 0};

	(void)state;
	assert_true(policy_sections(&empty, &root) == 0);
	assert_true(policy_sections(&conf, &root) == 0);
}

static void
a_section_is_about_its_users_and_groups(void **state)
{
	static const struct {
		struct policy_caller who;
		uint64_t sections;
	} cases[] = {
	    {{.uid = 1000, .gid = 1000}, 3},
	    {{.uid = 1001, .gid = 1001}, 0},
	    {{.uid = 1001, .gid = 50}, 1},
	    {{.uid = 1001, .groups = {7, 50}, .ngroups = 2}, 1},
	    {{.uid = 1001, .groups = {7, 50}, .ngroups = 1}, 0},
	    {{.uid = 50, .gid = 1000}, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_true(
		    policy_sections(&conf, &cases[i].who) == cases[i].sections);
}

static void
uses_add_up_over_sections_that_name_the_key(void **state)
{
	const struct signer_identity by_sha1 = key(1, 9), by_sha256 = key(9, 2),
				     other = key(9, 9);

	(void)state;
	assert_int_equal(policy_uses(&conf, 0, &by_sha1), 0);
	assert_int_equal(policy_uses(&conf, 1, &by_sha1), SIGNER_USE_SIGN);
	assert_int_equal(policy_uses(&conf, 1, &by_sha256), SIGNER_USE_SIGN);
	assert_int_equal(policy_uses(&conf, 1, &other), 0);
	assert_int_equal(policy_uses(&conf, 3, &other), SIGNER_USE_TLS);
	assert_int_equal(
	    policy_uses(&conf, 3, &by_sha1), SIGNER_USE_SIGN | SIGNER_USE_TLS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nobody_is_allowed_by_default),
	    cmocka_unit_test(a_section_is_about_its_users_and_groups),
	    cmocka_unit_test(uses_add_up_over_sections_that_name_the_key),
	};

	return cmocka_run_group_tests(tests, make, NULL);
}
