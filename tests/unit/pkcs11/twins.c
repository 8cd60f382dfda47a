#include "tests/unit/pkcs11/rig.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>

#define MODULUS 256

/* The second certificate of the RSA key. */
static uint8_t twin[TOKEN_SHA256_LEN];

/* Another certificate for the same key and subject; malloced DER. */
static unsigned char *
certify(const struct softhsm_cert *c, int *len)
{
	const uint8_t *at = c->der;
	EVP_PKEY *issuer = EVP_EC_gen("P-256");
	X509 *x = d2i_X509(NULL, &at, (long)c->len);
	unsigned char *der = NULL;
	unsigned n = sizeof(twin);

	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), 4242), 1);
	assert_true(X509_sign(x, issuer, EVP_sha256()) > 0);
	assert_int_equal(X509_digest(x, EVP_sha256(), twin, &n), 1);
	*len = i2d_X509(x, &der);
	assert_true(*len > 0);
	X509_free(x);
	EVP_PKEY_free(issuer);
	return der;
}

static void
put_object(CK_FUNCTION_LIST *f, unsigned char *der, int len)
{
	CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	CK_CERTIFICATE_TYPE type = CKC_X_509;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	unsigned char pin[] = SOFTHSM_PIN, *subject = NULL;
	const unsigned char *at = der;
	X509 *x = d2i_X509(NULL, &at, len);
	int subjectlen = i2d_X509_NAME(X509_get_subject_name(x), &subject);
	CK_ATTRIBUTE attrs[] = {
	    {CKA_CLASS, &class, sizeof(class)},
	    {CKA_CERTIFICATE_TYPE, &type, sizeof(type)},
	    {CKA_TOKEN, &yes, sizeof(yes)},
	    {CKA_PRIVATE, &no, sizeof(no)},
	    {CKA_SUBJECT, subject, (CK_ULONG)subjectlen},
	    {CKA_VALUE, der, (CK_ULONG)len},
	};
	CK_SLOT_ID slots[16];
	CK_ULONG n = 16;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE object;

	assert_int_equal(f->C_Initialize(NULL), CKR_OK);
	assert_int_equal(f->C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
	assert_int_equal(
	    f->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION,
		NULL, NULL, &session),
	    CKR_OK);
	assert_int_equal(
	    f->C_Login(session, CKU_USER, pin, sizeof(pin) - 1), CKR_OK);
	assert_int_equal(f->C_CreateObject(session, attrs, 6, &object), CKR_OK);
	assert_int_equal(f->C_Finalize(NULL), CKR_OK);
	OPENSSL_free(subject);
	X509_free(x);
}

static int
make(void **state)
{
	CK_FUNCTION_LIST *f;
	unsigned char *der;
	struct rig *rig;
	int len;

	if (rig_make_plain(state) != 0)
		return -1;
	rig = *state;
	der = certify(&rig->hsm.rsa, &len);
	f = p11_kit_module_load(rig->hsm.module, P11_KIT_MODULE_UNMANAGED);
	assert_non_null(f);
	put_object(f, der, len);
	p11_kit_module_release(f);
	OPENSSL_free(der);
	return 0;
}

/* Who asks by both certificates must not learn whether the padding is bad. */
static void
compare(struct rig *rig, const uint8_t in[MODULUS])
{
	uint8_t a[MODULUS], b[MODULUS];
	size_t alen = sizeof(a), blen = sizeof(b);

	rig_ok(
	    rig, token_decrypt(rig->token, rig->hsm.rsa.sha256, TOKEN_RSA_PKCS1,
		     TOKEN_HASH_NONE, in, MODULUS, a, &alen, &rig->why));
	rig_ok(rig, token_decrypt(rig->token, twin, TOKEN_RSA_PKCS1,
			TOKEN_HASH_NONE, in, MODULUS, b, &blen, &rig->why));
	assert_int_equal(alen, blen);
	assert_memory_equal(a, b, alen);
}

static void
two_certificates_of_one_key_decrypt_alike(void **state)
{
	struct rig *rig = *state;
	uint8_t in[MODULUS], message[48] = {7};

	rig_encrypt(&rig->hsm.rsa, RSA_PKCS1_PADDING, TOKEN_HASH_NONE, message,
	    sizeof(message), in, sizeof(in));
	compare(rig, in);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(RAND_bytes(in, sizeof(in)), 1);
		in[0] = 0;
		compare(rig, in);
	}
}

/* Each is read twice, and there is room for each once. */
static void
certificates_read_again_do_not_pile_up(void **state)
{
	struct rig *rig = *state;
	struct token_stats before, after;

	rig_ok(rig, token_ready(rig->token, &rig->why));
	token_stats(rig->token, &before);
	rig->mod->untold = true;
	assert_int_equal(token_rescan(rig->token, &rig->why), TOKEN_EDEVICE);
	assert_int_equal(rig->why.ckr, CKR_FUNCTION_FAILED);
	rig->mod->untold = false;
	rig_ok(rig, token_rescan(rig->token, &rig->why));
	token_stats(rig->token, &after);
	assert_int_equal(after.identities, before.identities);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		two_certificates_of_one_key_decrypt_alike, rig_open, rig_close),
	    cmocka_unit_test_setup_teardown(
		certificates_read_again_do_not_pile_up, rig_open, rig_close),
	};

	return cmocka_run_group_tests(tests, make, rig_remove);
}
