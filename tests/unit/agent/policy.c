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

/* Section 0 narrowed: pss or oaep, sha256, whole, two programs. */
static void
narrow(struct conf *c)
{
	struct conf_allow *a = &c->allows[0];

	*c = conf;
	c->nallows = 1;
	c->rate_hour = 7200;
	a->uses = SIGNER_USE_SIGN | SIGNER_USE_DECRYPT;
	a->schemes = 1u << SIGNER_RSA_PSS | 1u << SIGNER_RSA_OAEP |
		     1u << SIGNER_RSA_PKCS1;
	a->hashes = 1u << SIGNER_SHA256;
	a->whole = true;
	a->nprograms = 1;
	a->rate_hour = 60;
}

static void
one_section_must_grant_all_of_it(void **state)
{
	static const struct {
		uint64_t sections, running;
		uint8_t key;
		struct policy_request what;
		enum policy_lack lack;
	} cases[] = {
	    {1, 1, 1, {2, SIGNER_RSA_OAEP, SIGNER_SHA256, false}, 0},
	    {1, 1, 1, {1, SIGNER_RSA_PSS, SIGNER_SHA256, false}, 0},
	    {1, 1, 1, {.use = 0}, 0},
	    {1, 1, 1, {2, SIGNER_RSA_PKCS1, SIGNER_HASH_NONE, false}, 0},
	    {0, 1, 1, {1, SIGNER_RSA_PSS, SIGNER_SHA256, false},
		POLICY_NO_USER},
	    {1, 1, 9, {1, SIGNER_RSA_PSS, SIGNER_SHA256, false}, POLICY_NO_KEY},
	    {1, 1, 9, {.use = 0}, POLICY_NO_KEY},
	    {1, 1, 1, {4, SIGNER_RSA_PSS, SIGNER_SHA256, false}, POLICY_NO_USE},
	    {1, 1, 1, {1, SIGNER_ECDSA, SIGNER_SHA256, false},
		POLICY_NO_SCHEME},
	    {1, 1, 1, {1, (enum signer_scheme)99, SIGNER_SHA256, false},
		POLICY_NO_SCHEME},
	    {1, 1, 1, {1, SIGNER_RSA_PSS, SIGNER_SHA1, false}, POLICY_NO_HASH},
	    {1, 1, 1, {2, SIGNER_RSA_OAEP, SIGNER_SHA1, false}, POLICY_NO_HASH},
	    {1, 1, 1, {1, SIGNER_RSA_PSS, (enum signer_hash)77, false},
		POLICY_NO_HASH},
	    {1, 1, 1, {1, SIGNER_RSA_PSS, SIGNER_SHA256, true},
		POLICY_NO_DIGEST},
	    {1, 0, 1, {1, SIGNER_RSA_PSS, SIGNER_SHA256, false},
		POLICY_NO_PROGRAM},
	    {1, 2, 1, {.use = 0}, POLICY_NO_PROGRAM},
	};
	struct policy_verdict v;
	struct conf c;

	(void)state;
	narrow(&c);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct signer_identity id = key(cases[i].key, 9);

		policy_judge(&c, cases[i].sections, cases[i].running, &id,
		    &cases[i].what, &v);
		assert_int_equal(v.lack, cases[i].lack);
		assert_int_equal(v.section, cases[i].sections == 0 ? -1 : 0);
		assert_int_equal(
		    v.rate_hour, v.lack == POLICY_GRANTED ? 60 : 0);
		assert_string_not_equal(policy_excuse(v.lack), "");
		assert_string_not_equal(policy_setting(v.lack), "");
	}
}

static void
halves_of_a_grant_in_two_sections_do_not_add_up(void **state)
{
	const struct policy_request what = {
	    SIGNER_USE_DECRYPT, SIGNER_RSA_OAEP, SIGNER_SHA1, false};
	const struct signer_identity id = key(1, 9);
	struct policy_verdict v;
	struct conf c;

	(void)state;
	narrow(&c);
	/* Another section has the hash, but not the use. */
	c.nallows = 2;
	c.allows[1].hashes = 0;
	policy_judge(&c, 3, 3, &id, &what, &v);
	assert_int_equal(v.lack, POLICY_NO_HASH);
	assert_int_equal(v.section, 0);
	c.allows[1].uses = SIGNER_USE_DECRYPT;
	policy_judge(&c, 3, 3, &id, &what, &v);
	assert_int_equal(v.lack, POLICY_GRANTED);
	assert_int_equal(v.section, 1);
}

static void
the_most_generous_rate_of_those_that_grant_counts(void **state)
{
	const struct policy_request what = {
	    SIGNER_USE_SIGN, SIGNER_RSA_PSS, SIGNER_SHA256, false};
	const struct signer_identity id = key(1, 9);
	struct policy_verdict v;
	struct conf c;

	(void)state;
	narrow(&c);
	c.nallows = 2;
	c.allows[1].uses = SIGNER_USE_SIGN;
	policy_judge(&c, 3, 3, &id, &what, &v);
	assert_int_equal(v.rate_hour, 7200); /* the default */
	c.allows[1].rate_hour = 5;
	policy_judge(&c, 3, 3, &id, &what, &v);
	assert_int_equal(v.rate_hour, 60);
	policy_judge(&c, 3, 0, &id, &what, &v);
	assert_int_equal(v.rate_hour, 5);
	assert_true(policy_packets(&c, 3) > 8 * 60);
	assert_true(policy_packets(&c, 0) > 0);
	assert_true(policy_programs(&c) == 1);
}

static void
a_form_is_said_as_the_file_says_it(void **state)
{
	struct policy_request what = {1, SIGNER_RSA_PSS, SIGNER_SHA256, true};
	char text[POLICY_FORM_MAX];

	(void)state;
	policy_form(&what, text);
	assert_string_equal(text, "pss sha256 digest");
	what = (struct policy_request){1, SIGNER_EDDSA, 0, false};
	policy_form(&what, text);
	assert_string_equal(text, "eddsa");
	what.scheme = (enum signer_scheme)200;
	policy_form(&what, text);
	assert_string_equal(text, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nobody_is_allowed_by_default),
	    cmocka_unit_test(a_section_is_about_its_users_and_groups),
	    cmocka_unit_test(uses_add_up_over_sections_that_name_the_key),
	    cmocka_unit_test(one_section_must_grant_all_of_it),
	    cmocka_unit_test(halves_of_a_grant_in_two_sections_do_not_add_up),
	    cmocka_unit_test(the_most_generous_rate_of_those_that_grant_counts),
	    cmocka_unit_test(a_form_is_said_as_the_file_says_it),
	};

	return cmocka_run_group_tests(tests, make, NULL);
}
