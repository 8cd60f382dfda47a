#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/pem.h> /* before cms.h, which asks for it */
#include <openssl/cms.h>
#include <openssl/rsa.h>

#include "agent/evp.h"
#include "mp/cms.h"
#include "mp/zip.h"
#include "tests/fake/soft_signer.h"
#include "tests/unit/mp/vector.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define SECRET "<Policy PolicyID=\"{P1}\">a secret of some length</Policy>"

/* A far-away key, as the agent's clients have it, and two foreign ones. */
struct scene {
	struct soft_signer *soft;
	struct signer signer;
	struct signer_identity id;
	X509 *cert, *other, *third;
	struct evp *evp;
	EVP_PKEY *key;
};

static int
enter(void **state)
{
	struct signer_identity id;
	struct signer_trouble why;
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->soft = soft_signer_new();
	soft_signer_make(s->soft, "rsa-2048", "mine", &s->id, &s->cert);
	soft_signer_make(s->soft, "rsa-2048", "other", &id, &s->other);
	soft_signer_make(s->soft, "rsa-3072", "third", &id, &s->third);
	soft_signer_signer(s->soft, &s->signer);
	assert_int_equal(evp_open(&s->evp, &why), 0);
	assert_int_equal(
	    evp_key(s->evp, &s->signer, &s->id, s->cert, &s->key, &why), 0);
	*state = s;
	return 0;
}

static int
leave(void **state)
{
	struct scene *s = *state;

	EVP_PKEY_free(s->key);
	evp_close(s->evp);
	X509_free(s->cert);
	X509_free(s->other);
	X509_free(s->third);
	signer_close(&s->signer);
	free(s);
	return 0;
}

/* How one recipient gets its key. */
struct transport {
	X509 *cert;
	bool oaep;
	const EVP_MD *md, *mgf1; /* OAEP; NULL: the default, SHA-1 */
	bool label;
	bool keyid; /* subjectKeyIdentifier, not issuer and serial */
};

/* The same certificate with a key identifier of the sender's choice. */
static X509 *
with_keyid(X509 *cert)
{
	static const uint8_t any[] = "a made-up identifier";
	ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
	X509 *copy = X509_dup(cert);

	assert_int_equal(ASN1_OCTET_STRING_set(id, any, sizeof(any)), 1);
	assert_int_equal(
	    X509_add1_ext_i2d(copy, NID_subject_key_identifier, id, 0, 0), 1);
	assert_true(i2d_re_X509_tbs(copy, NULL) > 0);
	/* Extensions are cached when a certificate is first looked at. */
	assert_non_null(X509_get0_subject_key_id(copy));
	ASN1_OCTET_STRING_free(id);
	return copy;
}

static void
add_recipient(CMS_ContentInfo *cms, const struct transport *t)
{
	CMS_RecipientInfo *ri;
	EVP_PKEY_CTX *c;
	X509 *cert;

	cert = t->keyid ? with_keyid(t->cert) : X509_dup(t->cert);
	ri = CMS_add1_recipient_cert(
	    cms, cert, CMS_KEY_PARAM | (t->keyid ? CMS_USE_KEYID : 0));
	X509_free(cert);
	assert_non_null(ri);
	c = CMS_RecipientInfo_get0_pkey_ctx(ri);
	if (!t->oaep)
		return;
	assert_true(
	    EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_OAEP_PADDING) > 0);
	if (t->md != NULL)
		assert_true(EVP_PKEY_CTX_set_rsa_oaep_md(c, t->md) > 0);
	if (t->mgf1 != NULL)
		assert_true(EVP_PKEY_CTX_set_rsa_mgf1_md(c, t->mgf1) > 0);
	if (t->label)
		assert_true(EVP_PKEY_CTX_set0_rsa_oaep_label(
				c, OPENSSL_strdup("label"), 5) > 0);
}

static struct mp_buf
seal(const EVP_CIPHER *cipher, const struct transport *list, size_t n, bool pem)
{
	BIO *in = BIO_new_mem_buf(SECRET, -1), *out = BIO_new(BIO_s_mem());
	CMS_ContentInfo *cms =
	    CMS_encrypt(NULL, NULL, cipher, CMS_BINARY | CMS_PARTIAL);
	struct mp_buf b;
	char *data;
	long len;

	assert_non_null(cms);
	for (size_t i = 0; i < n; i++)
		add_recipient(cms, &list[i]);
	assert_int_equal(CMS_final(cms, in, NULL, CMS_BINARY), 1);
	assert_true(pem ? PEM_write_bio_CMS(out, cms) : i2d_CMS_bio(out, cms));
	len = BIO_get_mem_data(out, &data);
	mp_buf_init(&b, 1 << 20);
	mp_buf_add(&b, data, (size_t)len);
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	BIO_free(out);
	return b;
}

/* Opens b; what comes out must be the secret, or nothing. */
static int
open_it(struct scene *s, const struct mp_buf *b, struct mp_error *e)
{
	struct mp_buf clear;
	int r;

	mp_buf_init(&clear, 1 << 20);
	memset(e, 0, sizeof(*e));
	r = mp_cms_open(b->data, b->len, s->key, s->cert, &clear, e);
	if (r == MP_OK)
		assert_string_equal((char *)clear.data, SECRET);
	else
		assert_int_equal(clear.len, 0);
	mp_buf_release(&clear);
	return r;
}

static void
every_profile_of_the_facts_opens(void **state)
{
	struct scene *s = *state;
	const struct transport ways[] = {{.cert = s->cert},
	    {.cert = s->cert, .keyid = true}, {.cert = s->cert, .oaep = true},
	    {.cert = s->cert,
		.oaep = true,
		.md = EVP_sha256(),
		.mgf1 = EVP_sha256()}};
	const EVP_CIPHER *const ciphers[] = {EVP_des_ede3_cbc(),
	    EVP_aes_128_cbc(), EVP_aes_192_cbc(), EVP_aes_256_cbc()};
	struct mp_error e;
	struct mp_buf b;

	for (size_t i = 0; i < COUNT(ways) * COUNT(ciphers); i++) {
		b = seal(ciphers[i % COUNT(ciphers)], &ways[i / COUNT(ciphers)],
		    1, i % 2 == 1);
		assert_int_equal(
		    mp_cms_is_enveloped(b.data, b.len), i % 2 == 0);
		if (open_it(s, &b, &e) != MP_OK)
			fail_msg("%zu: %s", i, e.text);
		mp_buf_release(&b);
	}
}

static void
bytes_after_the_message_are_ignored(void **state)
{
	struct scene *s = *state;
	const struct transport way = {.cert = s->cert};
	struct mp_buf b = seal(EVP_aes_256_cbc(), &way, 1, false);
	struct mp_error e;

	mp_buf_add(&b, "\0\0\0\0trailing", 12);
	assert_int_equal(open_it(s, &b, &e), MP_OK);
	mp_buf_release(&b);
}

static void
our_recipient_is_found_among_others(void **state)
{
	struct scene *s = *state;
	const struct transport ways[] = {{.cert = s->third}, {.cert = s->other},
	    {.cert = s->cert, .oaep = true}, {.cert = s->other}};
	struct mp_buf b = seal(EVP_aes_128_cbc(), ways, COUNT(ways), false);
	struct mp_error e;

	if (open_it(s, &b, &e) != MP_OK)
		fail_msg("%s", e.text);
	mp_buf_release(&b);
}

/* Another's comes out right, as garbage, once in 256 times: not before ours. */
static void
the_recipient_that_names_us_goes_first(void **state)
{
	struct scene *s = *state;
	unsigned long before = soft_signer_counts(s->soft).decrypts;
	struct signer_identity id;
	struct transport ways[40];
	struct mp_error e;
	struct mp_buf b;
	X509 *early;

	/* DER sorts recipients: by their length first, and so by the name's. */
	soft_signer_make(s->soft, "rsa-2048", "a", &id, &early);
	for (size_t i = 0; i < COUNT(ways); i++)
		ways[i] = (struct transport){.cert = early};
	ways[0].cert = s->cert;
	b = seal(EVP_aes_128_cbc(), ways, COUNT(ways), false);
	if (open_it(s, &b, &e) != MP_OK)
		fail_msg("%s", e.text);
	assert_int_equal(soft_signer_counts(s->soft).decrypts - before, 1);
	X509_free(early);
	mp_buf_release(&b);
}

/* OpenSSL would ask on the terminal, or take what standard input has. */
static void
a_locked_armour_asks_nobody_for_a_password(void **state)
{
	static const char locked[] =
	    "-----BEGIN CMS-----\nProc-Type: 4,ENCRYPTED\n"
	    "DEK-Info: DES-EDE3-CBC,0123456789ABCDEF\n\n"
	    "MAAwADAAMAAwADAA\n-----END CMS-----\n";
	struct scene *s = *state;
	int ends[2], input = dup(STDIN_FILENO);
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	struct mp_error e;
	struct mp_buf b;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "secret\n", 7), 7);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	mp_buf_init(&b, 1000);
	mp_buf_str(&b, locked);
	assert_int_equal(open_it(s, &b, &e), MP_ECRYPT);
	assert_int_equal(poll(&p, 1, 0), 1);
	mp_buf_release(&b);
	(void)close(ends[0]);
	(void)close(ends[1]);
	if (input >= 0)
		(void)dup2(input, STDIN_FILENO);
	else
		(void)close(STDIN_FILENO);
	(void)close(input);
}

static void
another_cipher_is_refused_before_the_key_is_used(void **state)
{
	struct scene *s = *state;
	const struct transport way = {.cert = s->cert};
	const struct {
		const EVP_CIPHER *cipher;
		const char *name;
	} bad[] = {{EVP_aes_256_ofb(), "aes-256-ofb"},
	    {EVP_camellia_128_cbc(), "camellia"},
	    {EVP_aes_256_gcm(), "EnvelopedData"}};
	unsigned long before = soft_signer_counts(s->soft).decrypts;
	struct mp_error e;
	struct mp_buf b;

	for (size_t i = 0; i < COUNT(bad); i++) {
		b = seal(bad[i].cipher, &way, 1, false);
		assert_int_equal(open_it(s, &b, &e), MP_ECRYPT);
		if (strcasestr(e.text, bad[i].name) == NULL)
			fail_msg("%zu: %s", i, e.text);
		mp_buf_release(&b);
	}
	assert_int_equal(soft_signer_counts(s->soft).decrypts, before);
}

static void
oaep_that_no_signer_can_do_is_refused_before_the_key_is_used(void **state)
{
	struct scene *s = *state;
	const struct transport bad[] = {
	    {.cert = s->cert, .oaep = true, .label = true},
	    {.cert = s->cert,
		.oaep = true,
		.md = EVP_sha256(),
		.mgf1 = EVP_sha1()},
	    {.cert = s->cert,
		.oaep = true,
		.md = EVP_sha224(),
		.mgf1 = EVP_sha224()}};
	unsigned long before = soft_signer_counts(s->soft).decrypts;
	struct mp_error e;
	struct mp_buf b;

	for (size_t i = 0; i < COUNT(bad); i++) {
		b = seal(EVP_aes_256_cbc(), &bad[i], 1, false);
		assert_int_equal(open_it(s, &b, &e), MP_ECRYPT);
		assert_non_null(strstr(e.text, "no RSA key in a way"));
		mp_buf_release(&b);
	}
	assert_int_equal(soft_signer_counts(s->soft).decrypts, before);
}

/*
 * With PKCS#1 v1.5 a wrong key gives a random content key, whose padding
 * comes out right once in 256 times: then there is garbage, never a hint.
 */
static void
a_message_for_another_says_only_that(void **state)
{
	struct scene *s = *state;
	const struct transport bad[] = {{.cert = s->other},
	    {.cert = s->other, .oaep = true}, {.cert = s->third}};
	struct mp_buf b, clear;
	struct mp_error e;

	for (size_t i = 0; i < COUNT(bad); i++) {
		b = seal(EVP_aes_256_cbc(), &bad[i], 1, false);
		mp_buf_init(&clear, 1 << 20);
		if (mp_cms_open(b.data, b.len, s->key, s->cert, &clear, &e) ==
		    MP_OK) {
			assert_null(memmem(clear.data, clear.len, "Policy", 6));
		} else {
			assert_int_equal(e.code, MP_ECRYPT);
			assert_string_equal(e.text,
			    "the data cannot be "
			    "decrypted with this key: they are meant for "
			    "another one, or damaged");
		}
		mp_buf_release(&clear);
		mp_buf_release(&b);
	}
}

static void
the_signers_failure_is_told_apart(void **state)
{
	static const int errors[] = {SIGNER_EABSENT, SIGNER_EDENIED,
	    SIGNER_ETIMEOUT, SIGNER_EMECH, SIGNER_EAGENT};
	struct scene *s = *state;
	const struct transport ways[] = {
	    {.cert = s->cert}, {.cert = s->cert, .oaep = true}};
	struct mp_error e;
	struct mp_buf b;

	for (size_t i = 0; i < 2 * COUNT(errors); i++) {
		b = seal(EVP_aes_256_cbc(), &ways[i % 2], 1, false);
		soft_signer_fail(s->soft, errors[i / 2], 1);
		assert_int_equal(open_it(s, &b, &e), MP_ESIGNER);
		assert_non_null(strstr(e.text, evp_trouble()->text));
		/* An old failure does not stick to a new message. */
		assert_int_equal(open_it(s, &b, &e), MP_OK);
		mp_buf_release(&b);
	}
}

static void
what_is_no_enveloped_data_is_refused(void **state)
{
	static const struct {
		const char *data;
		size_t len;
	} bad[] = {{"", 0}, {"0", 1}, {"-----", 5}, {"<Policy/>", 9},
	    {"-----BEGIN CMS-----\nAAAA\n-----END CMS-----\n", 43},
	    {"\x30\x0F\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x01\xA0\x02\x04"
	     "\x00",
		17}};
	struct scene *s = *state;
	struct mp_error e;
	struct mp_buf b;

	for (size_t i = 0; i < COUNT(bad); i++) {
		mp_buf_init(&b, 100);
		mp_buf_add(&b, bad[i].data, bad[i].len);
		assert_false(mp_cms_is_enveloped(b.data, b.len));
		assert_int_equal(open_it(s, &b, &e), MP_ECRYPT);
		mp_buf_release(&b);
	}
}

static void
every_truncation_is_refused(void **state)
{
	struct scene *s = *state;
	const struct transport way = {.cert = s->cert, .oaep = true};
	struct mp_buf b = seal(EVP_aes_256_cbc(), &way, 1, false);
	size_t whole = b.len;
	struct mp_error e;

	for (size_t n = 0; n < whole; n++) {
		b.len = n;
		assert_int_equal(open_it(s, &b, &e), MP_ECRYPT);
	}
	b.len = whole;
	mp_buf_release(&b);
}

static void
more_recipients_than_we_try_cost_no_more(void **state)
{
	struct scene *s = *state;
	struct transport ways[40];
	unsigned long before = soft_signer_counts(s->soft).decrypts;
	struct mp_buf b, clear;
	struct mp_error e;

	for (size_t i = 0; i < COUNT(ways); i++)
		ways[i] = (struct transport){.cert = s->other, .oaep = true};
	b = seal(EVP_aes_256_cbc(), ways, COUNT(ways), false);
	mp_buf_init(&clear, 1 << 20);
	(void)mp_cms_open(b.data, b.len, s->key, s->cert, &clear, &e);
	/* A number above our modulus is none for our key, and is not tried. */
	assert_in_range(soft_signer_counts(s->soft).decrypts - before, 1, 16);
	mp_buf_release(&clear);
	mp_buf_release(&b);
}

/* tag, length, content of another buffer; releases that. */
static void
wrap(struct mp_buf *to, uint8_t tag, struct mp_buf *content)
{
	const size_t n = content->len;
	const uint8_t head[] = {
	    tag, 0x83, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	mp_buf_add(to, head, sizeof(head));
	mp_buf_add(to, content->data, n);
	mp_buf_release(content);
}

/* A message for n recipients that nobody can be: 20 bytes each. */
static struct mp_buf
crowd(unsigned n)
{
	static const uint8_t one[] = {0x30, 0x12, 2, 1, 0, 0x30, 5, 0x30, 0, 2,
	    1, 1, 0x30, 4, 6, 2, 0x2A, 3, 4, 0};
	static const uint8_t content[] = {0x30, 0x1C, 6, 9, 0x2A, 0x86, 0x48,
	    0x86, 0xF7, 0x0D, 1, 7, 1, 0x30, 0x0B, 6, 9, 0x60, 0x86, 0x48, 1,
	    0x65, 3, 4, 1, 0x2A, 0x80, 2, 0, 0};
	static const uint8_t type[] = {
	    6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 3};
	static const uint8_t version[] = {2, 1, 0};
	struct mp_buf all, env, seq, tagged, out;

	mp_buf_init(&all, 1 << 20);
	mp_buf_init(&env, 1 << 20);
	mp_buf_init(&seq, 1 << 20);
	mp_buf_init(&tagged, 1 << 20);
	mp_buf_init(&out, 1 << 20);
	for (unsigned i = 0; i < n; i++)
		mp_buf_add(&all, one, sizeof(one));
	mp_buf_add(&env, version, sizeof(version));
	wrap(&env, 0x31, &all);
	mp_buf_add(&env, content, sizeof(content));
	wrap(&tagged, 0x30, &env);
	mp_buf_add(&seq, type, sizeof(type));
	wrap(&seq, 0xA0, &tagged);
	wrap(&out, 0x30, &seq);
	assert_true(mp_buf_ok(&out));
	return out;
}

/* Each would cost a parse of them all. */
static void
a_crowd_of_recipients_is_refused_at_once(void **state)
{
	static const struct {
		unsigned n;
		int code;
	} cases[] = {{64, MP_ECRYPT}, {65, MP_ELIMIT}, {1000, MP_ELIMIT},
	    {50000, MP_ELIMIT}};
	struct scene *s = *state;
	struct timespec from, to;
	struct mp_buf b, clear;
	struct mp_error e;

	for (size_t i = 0; i < COUNT(cases); i++) {
		b = crowd(cases[i].n);
		mp_buf_init(&clear, 1 << 20);
		(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
		if (mp_cms_open(b.data, b.len, s->key, s->cert, &clear, &e) !=
		    cases[i].code)
			fail_msg("%u: %s", cases[i].n, e.text);
		(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
		assert_true(to.tv_sec - from.tv_sec <= 2);
		if (cases[i].code == MP_ELIMIT)
			assert_non_null(strstr(e.text, "recipients"));
		mp_buf_release(&clear);
		mp_buf_release(&b);
	}
}

/* Sent by an independent client, with its padding behind the message. */
static void
a_recorded_upload_opens_with_its_key(void **state)
{
	EVP_PKEY *key = vector_key("sdk/mp-enc-LABKEY.key");
	X509 *cert = vector_cert("sdk/mp-enc.pem");
	struct mp_buf clear;
	struct mp_error e;
	struct vector v;

	(void)state;
	vector_load(&v, "sdk/30-hinv-encrypted/003-request");
	mp_buf_init(&clear, 1 << 20);
	if (mp_cms_open(v.payload.data, v.payload.len, key, cert, &clear, &e) !=
	    MP_OK)
		fail_msg("%s", e.text);
	assert_int_equal(mp_unzip(clear.data, clear.len, &v.clear, &e), MP_OK);
	assert_memory_equal(v.clear.data, "<\0R\0e\0p\0o\0r\0t\0>\0", 16);
	mp_buf_release(&clear);
	vector_release(&v);
	X509_free(cert);
	EVP_PKEY_free(key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_no_enveloped_data_is_refused),
	    cmocka_unit_test(every_truncation_is_refused),
	    cmocka_unit_test(another_cipher_is_refused_before_the_key_is_used),
	    cmocka_unit_test(
		oaep_that_no_signer_can_do_is_refused_before_the_key_is_used),
	    cmocka_unit_test(every_profile_of_the_facts_opens),
	    cmocka_unit_test(a_recorded_upload_opens_with_its_key),
	    cmocka_unit_test(bytes_after_the_message_are_ignored),
	    cmocka_unit_test(our_recipient_is_found_among_others),
	    cmocka_unit_test(the_recipient_that_names_us_goes_first),
	    cmocka_unit_test(a_locked_armour_asks_nobody_for_a_password),
	    cmocka_unit_test(a_message_for_another_says_only_that),
	    cmocka_unit_test(the_signers_failure_is_told_apart),
	    cmocka_unit_test(more_recipients_than_we_try_cost_no_more),
	    cmocka_unit_test(a_crowd_of_recipients_is_refused_at_once),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
