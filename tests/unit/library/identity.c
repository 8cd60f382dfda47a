#include "tests/unit/library/rig.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

static struct rig rig;
static struct signer_identity key;
static X509 *cert;
static char thumb[2 * SIGNER_SHA256_LEN + 1];

static int
set_up(void **state)
{
	(void)state;
	rig_start(&rig);
	soft_signer_make(rig.soft, "rsa-2048", "CLIENT1", &key, &cert);
	rig_hex(key.sha1, sizeof(key.sha1), thumb);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	X509_free(cert);
	rig_end(&rig);
	return 0;
}

static struct sealpoint_identity *
must_make(void)
{
	struct sealpoint_identity *id;
	struct sealpoint_failure why;

	if (sealpoint_identity_from_signer(&id, &rig.table, thumb, &why) != 0)
		fail_msg("%s", why.text);
	return id;
}

static void
must_not_make(const char *thumbprint, int code, const char *words)
{
	struct sealpoint_identity *id = (void *)1;
	struct sealpoint_failure why;

	assert_int_equal(
	    sealpoint_identity_from_signer(&id, &rig.table, thumbprint, &why),
	    code);
	assert_null(id);
	assert_int_equal(why.code, code);
	rig_says(&why, words);
}

static void
a_table_without_sense_is_refused(void **state)
{
	struct sealpoint_identity *id;
	struct sealpoint_failure why;
	struct sealpoint_signer good = rig.table;

	(void)state;
	assert_int_equal(
	    sealpoint_identity_from_signer(NULL, &good, thumb, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(sealpoint_identity_from_signer(&id, NULL, thumb, NULL),
	    SEALPOINT_ERR_ARGUMENT);
	assert_null(id);
	rig.table.size--;
	must_not_make(thumb, SEALPOINT_ERR_ARGUMENT, "sizeof");
	rig.table = good;
	rig.table.find = NULL;
	must_not_make(thumb, SEALPOINT_ERR_ARGUMENT, "find");
	rig.table = good;
	rig.table.certificate = NULL;
	must_not_make(thumb, SEALPOINT_ERR_ARGUMENT, "certificate");
	rig.table = good;
	rig.table.sign = NULL;
	must_not_make(thumb, SEALPOINT_ERR_ARGUMENT, "sign");
	assert_int_equal(rig.closed, 0);
}

static void
a_thumbprint_without_sense_is_refused(void **state)
{
	static const char *const cases[] = {"", "12", "zz",
	    "0123456789012345678901234567890123456789 0", "key"};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		must_not_make(
		    cases[i], SEALPOINT_ERR_ARGUMENT, "no thumbprint");
	must_not_make(NULL, SEALPOINT_ERR_ARGUMENT, "missing");
	/* The signer was taken over, and let go each time. */
	assert_int_equal(rig.closed, sizeof(cases) / sizeof(cases[0]) + 1);
}

static void
an_agent_that_is_not_there_is_named(void **state)
{
	struct sealpoint_identity *id = (void *)1;
	struct sealpoint_failure why;

	(void)state;
	assert_int_equal(sealpoint_identity_from_agent(
			     &id, "/nonexistent/agent.sock", thumb, &why),
	    SEALPOINT_ERR_SIGNER);
	assert_null(id);
	rig_says(&why, "/nonexistent/agent.sock");
}

static void
an_unknown_key_is_named(void **state)
{
	(void)state;
	must_not_make("0000000000000000000000000000000000000000",
	    SEALPOINT_ERR_SIGNER, "0000000000000000000000000000000000000000");
}

static void
a_signer_that_answers_nonsense_is_not_believed(void **state)
{
	(void)state;
	rig.other = true;
	must_not_make(thumb, SEALPOINT_ERR_SIGNER, "another certificate");
	rig.other = false;
	rig.answer = 7;
	must_not_make(thumb, SEALPOINT_ERR_SIGNER, "answered 7");
	rig.answer = -99;
	must_not_make(thumb, SEALPOINT_ERR_SIGNER, "answered -99");
	rig.answer = SEALPOINT_SIGNER_EPIN;
	must_not_make(thumb, SEALPOINT_ERR_SIGNER, "PIN");
	rig.answer = 0;
}

static void
the_signer_is_closed_after_the_last_use(void **state)
{
	struct sealpoint_identity *id = must_make();
	struct sealpoint_messaging *s;
	struct sealpoint_message *m, *other;
	struct sealpoint_failure why;

	(void)state;
	assert_int_equal(sealpoint_messaging_new(&s, &why), 0);
	assert_int_equal(sealpoint_messaging_create_message(s, &m, &why), 0);
	assert_int_equal(
	    sealpoint_messaging_create_message(s, &other, &why), 0);
	assert_int_equal(sealpoint_message_set_identity(m, id, &why), 0);
	assert_int_equal(sealpoint_message_set_identity(m, id, &why), 0);
	assert_int_equal(sealpoint_message_set_identity(other, id, &why), 0);
	sealpoint_identity_free(id);
	sealpoint_messaging_free(s);
	assert_int_equal(
	    sealpoint_message_set_client_certificate(m, thumb, &why), 0);
	sealpoint_message_free(m);
	assert_int_equal(rig.closed, 0);
	sealpoint_message_free(other);
	assert_int_equal(rig.closed, 1);
	sealpoint_identity_free(NULL);
}

static void
names_and_certificate_are_told(void **state)
{
	struct sealpoint_identity *id = must_make();
	struct sealpoint_failure why;
	uint8_t der[4096], *mine = NULL;
	size_t len, n = (size_t)i2d_X509(cert, &mine);

	(void)state;
	assert_int_equal(strlen(sealpoint_identity_thumbprint(id)), 40);
	assert_int_equal(
	    strcasecmp(sealpoint_identity_thumbprint(id), thumb), 0);
	assert_null(sealpoint_identity_thumbprint(NULL));
	len = n - 1;
	assert_int_equal(sealpoint_identity_certificate(id, der, &len, &why),
	    SEALPOINT_ERR_ROOM);
	assert_int_equal(len, n);
	assert_int_equal(
	    sealpoint_identity_certificate(id, der, &len, &why), 0);
	assert_int_equal(len, n);
	assert_memory_equal(der, mine, n);
	OPENSSL_free(mine);
	sealpoint_identity_free(id);
}

static void
a_signature_is_one(void **state)
{
	static const uint8_t text[] = "<Data>";
	static const enum sealpoint_hash hashes[] = {
	    SEALPOINT_HASH_SHA1, SEALPOINT_HASH_SHA256};
	struct sealpoint_identity *id = must_make();
	struct sealpoint_failure why;
	uint8_t sig[1024];
	size_t len;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		EVP_MD_CTX *c = EVP_MD_CTX_new();

		len = sizeof(sig);
		assert_int_equal(sealpoint_identity_sign(id, hashes[i], text,
				     sizeof(text), sig, &len, &why),
		    0);
		assert_int_equal(len, 256);
		assert_int_equal(EVP_DigestVerifyInit(c, NULL,
				     i == 0 ? EVP_sha1() : EVP_sha256(), NULL,
				     X509_get0_pubkey(cert)),
		    1);
		assert_int_equal(
		    EVP_DigestVerify(c, sig, len, text, sizeof(text)), 1);
		EVP_MD_CTX_free(c);
	}
	len = 255;
	assert_int_equal(sealpoint_identity_sign(id, SEALPOINT_HASH_SHA256,
			     text, sizeof(text), sig, &len, &why),
	    SEALPOINT_ERR_ROOM);
	assert_int_equal(len, 256);
	assert_int_equal(sealpoint_identity_sign(id, (enum sealpoint_hash)3,
			     text, sizeof(text), sig, &len, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(sealpoint_identity_sign(id, SEALPOINT_HASH_SHA256,
			     NULL, 1, sig, &len, &why),
	    SEALPOINT_ERR_ARGUMENT);
	soft_signer_fail(rig.soft, SIGNER_EABSENT, 1);
	assert_int_equal(sealpoint_identity_sign(id, SEALPOINT_HASH_SHA256,
			     text, sizeof(text), sig, &len, &why),
	    SEALPOINT_ERR_SIGNER);
	assert_int_equal(len, 0);
	sealpoint_identity_free(id);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_table_without_sense_is_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		a_thumbprint_without_sense_is_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		an_agent_that_is_not_there_is_named, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		an_unknown_key_is_named, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		a_signer_that_answers_nonsense_is_not_believed, set_up,
		tear_down),
	    cmocka_unit_test_setup_teardown(
		the_signer_is_closed_after_the_last_use, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		names_and_certificate_are_told, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		a_signature_is_one, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
