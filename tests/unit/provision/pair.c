/* Key pairs made on a token. */
#include "pkcs11/provision/pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <p11-kit/pkcs11.h>

#include "tests/unit/provision/scene.h"

static CK_BBOOL
flag(struct desk *d, unsigned long object, unsigned long type)
{
	CK_BBOOL value = 7;
	struct module_attr attr = {type, &value, sizeof(value)};

	assert_true(rv_ok(
	    module_read(desk_module(d), desk_session(d), object, &attr, 1)));
	return value;
}

static void
each_kind_of_key_stays_on_its_token(void **state)
{
	static const struct {
		enum provision_kind kind;
		enum token_keytype type;
		uint32_t bits;
		const char *label;
	} cases[] = {
	    {PROVISION_RSA_2048, TOKEN_RSA, 2048, "kind 2048"},
	    {PROVISION_RSA_3072, TOKEN_RSA, 3072, "kind 3072"},
	    {PROVISION_RSA_4096, TOKEN_RSA, 4096, "kind 4096"},
	    {PROVISION_EC_P256, TOKEN_EC, 256, "kind p256"},
	    {PROVISION_EC_P384, TOKEN_EC, 384, "kind p384"},
	};
	struct rig *rig = *state;
	struct provision_choice names;
	struct desk *d;
	struct pair p;

	rig_ok(rig, desk_open(&d, &rig->cfg, &rig->why));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool rsa = cases[i].type == TOKEN_RSA;
		unsigned long priv;

		names = scene_label(cases[i].label);
		scene_expect(rig,
		    pair_generate(&p, d, cases[i].kind, &names, &rig->why),
		    TOKEN_OK, "");
		priv = p.key.handle;
		assert_int_equal(p.key.pub.type, cases[i].type);
		assert_int_equal(p.key.pub.bits, cases[i].bits);
		assert_int_equal(p.tags.id.len, 20);
		assert_true(p.spkilen > 0);
		assert_int_equal(flag(d, priv, CKA_TOKEN), CK_TRUE);
		assert_int_equal(flag(d, priv, CKA_PRIVATE), CK_TRUE);
		assert_int_equal(flag(d, priv, CKA_SENSITIVE), CK_TRUE);
		assert_int_equal(flag(d, priv, CKA_ALWAYS_SENSITIVE), CK_TRUE);
		assert_int_equal(flag(d, priv, CKA_EXTRACTABLE), CK_FALSE);
		assert_int_equal(flag(d, priv, CKA_NEVER_EXTRACTABLE), CK_TRUE);
		assert_int_equal(flag(d, priv, CKA_SIGN), CK_TRUE);
		if (!rsa)
			continue;
		assert_int_equal(flag(d, priv, CKA_DECRYPT), CK_TRUE);
		assert_int_equal(flag(d, priv, CKA_UNWRAP), CK_FALSE);
	}
	desk_close(d);
}

static void
names_that_are_taken_or_missing_are_refused(void **state)
{
	static const uint8_t taken[] = {1}, once[] = {5},
			     fresh[] = {0xfe, 0xed};
	static const char longest[] =
	    "0123456789012345678901234567890123456789012345678901234567890123"
	    "4";
	const struct {
		struct provision_choice names;
		int err;
		const char *says;
	} cases[] = {
	    {{NULL, NULL, 0}, TOKEN_ECONFIG, "needs a label"},
	    {{"", NULL, 0}, TOKEN_ECONFIG, "needs a label"},
	    {{longest, NULL, 0}, TOKEN_ECONFIG, "more than 64"},
	    {{"rsa", NULL, 0}, TOKEN_EAMBIGUOUS, "that label"},
	    {{"rsa", fresh, 2}, TOKEN_EAMBIGUOUS, "that label"},
	    {{"free", taken, 1}, TOKEN_EAMBIGUOUS, "that id"},
	    {{"free", once, 1}, TOKEN_EAMBIGUOUS, "that id"},
	};
	struct rig *rig = *state;
	struct provision *p = scene_open(rig);
	struct provision_key made;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		scene_expect(rig,
		    provision_generate(p, PROVISION_EC_P256, &cases[i].names,
			&made, &rig->why),
		    cases[i].err, cases[i].says);
	scene_expect(rig,
	    provision_generate(
		p, (enum provision_kind)99, &cases[3].names, &made, &rig->why),
	    TOKEN_EARG, "no such kind");
	provision_close(p);
	assert_int_equal(scene_objects(rig, "free"), 0);
}

static void
a_chosen_id_is_the_keys_and_in_its_uri(void **state)
{
	static const uint8_t id[] = {0xca, 0xfe};
	struct provision_choice names = {"chosen", id, sizeof(id)};
	struct rig *rig = *state;
	struct provision *p = scene_open(rig);
	struct provision_key made;

	scene_expect(rig,
	    provision_generate(p, PROVISION_EC_P256, &names, &made, &rig->why),
	    TOKEN_OK, "");
	assert_string_equal(made.label, "chosen");
	assert_int_equal(made.idlen, 2);
	assert_memory_equal(made.id, id, 2);
	assert_non_null(strstr(made.uri, "id=%CA%FE"));
	assert_non_null(strstr(made.uri, "object=chosen"));
	assert_non_null(strstr(made.uri, "type=private"));
	provision_close(p);
	assert_int_equal(scene_objects(rig, "chosen"), 2);
}

/* The first attributes read of a new key are those that say it stays. */
static void
a_pair_that_may_not_stay_is_destroyed(void **state)
{
	struct provision_choice names = scene_label("doubtful");
	struct rig *rig = *state;
	struct provision *p = scene_open(rig);
	struct provision_key made;

	rig->mod->fault[COUNTMOD_READ].rv = CKR_DEVICE_ERROR;
	rig->mod->fault[COUNTMOD_READ].times = 1;
	scene_expect(rig,
	    provision_generate(p, PROVISION_RSA_2048, &names, &made, &rig->why),
	    TOKEN_EMECH, "destroyed");
	assert_string_equal(made.label, "");
	provision_close(p);
	assert_int_equal(scene_objects(rig, "doubtful"), 0);
}

int
main(void)
{
#define T(test) cmocka_unit_test_setup(test, rig_clear)
	const struct CMUnitTest tests[] = {
	    T(names_that_are_taken_or_missing_are_refused),
	    T(a_pair_that_may_not_stay_is_destroyed),
	    T(a_chosen_id_is_the_keys_and_in_its_uri),
	    T(each_kind_of_key_stays_on_its_token),
	};

	return cmocka_run_group_tests(tests, rig_make_plain, rig_remove);
}
