#include "mp/trust.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/cms.h>

#include "tests/unit/mp/pki.h"

#define HOST "mp1.dom"
#define SITE "PRI"
#define PAYLOAD "a payload, byte for byte as it was sent"

/* Made once: keys take their time. */
static struct world {
	EVP_PKEY *key, *other_key;
	X509 *cert;    /* the management point's, pinned */
	X509 *other;   /* nobody's */
	X509 *double_; /* other's key under cert's issuer and serial number */
	X509 *expired, *early, *renewed; /* of key */
	char dir[PATH_MAX];
	struct mp_trust *trust;
} w;

static struct mp_trust *
pin(X509 *cert)
{
	struct mp_trust *t = NULL;
	char path[PATH_MAX];
	struct mp_error e;

	pki_save(w.dir, "pin.pem", cert, path);
	if (mp_trust_open(&t, path, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(mp_trust_count(t), 1);
	return t;
}

static int
make_world(void **state)
{
	(void)state;
	w.key = pki_key();
	w.other_key = pki_key();
	w.cert = pki_cert(w.key, &(struct pki_wish){.cn = "MP1", .serial = 7});
	w.other = pki_cert(w.other_key, &(struct pki_wish){.cn = "Mallory"});
	w.double_ =
	    pki_cert(w.other_key, &(struct pki_wish){.cn = "MP1", .serial = 7});
	w.expired = pki_cert(
	    w.key, &(struct pki_wish){
		       .cn = "MP1", .from = -20 * PKI_DAY, .to = -1 * PKI_DAY});
	w.early = pki_cert(
	    w.key, &(struct pki_wish){
		       .cn = "MP1", .from = 1 * PKI_DAY, .to = 2 * PKI_DAY});
	w.renewed = pki_cert(w.key, &(struct pki_wish){.cn = "MP1"});
	pki_dir(w.dir);
	w.trust = pin(w.cert);
	return 0;
}

static int
end_world(void **state)
{
	(void)state;
	mp_trust_close(w.trust);
	X509_free(w.cert);
	X509_free(w.other);
	X509_free(w.double_);
	X509_free(w.expired);
	X509_free(w.early);
	X509_free(w.renewed);
	EVP_PKEY_free(w.key);
	EVP_PKEY_free(w.other_key);
	pki_remove(w.dir);
	return 0;
}

/* A signed reply; by default one that is right in everything. */
struct wish {
	X509 *cert;       /* NULL: w.cert */
	EVP_PKEY *key;    /* NULL: w.key */
	const EVP_MD *md; /* NULL: SHA-256 */
	unsigned flags;   /* more CMS_... */
	bool attached;    /* with the content inside */
	bool two;         /* a second signer */
	const char *over; /* what is really signed; NULL: the payload */
	const char *site, *senders;
};

static void
sign(struct mp_reply *r, const struct wish *wish)
{
	unsigned flags = CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP |
			 wish->flags | (wish->attached ? 0u : CMS_DETACHED);
	const char *text = wish->over != NULL ? wish->over : PAYLOAD;
	BIO *data = BIO_new_mem_buf(text, -1);
	CMS_ContentInfo *cms;
	int len;

	cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
	assert_non_null(cms);
	assert_non_null(
	    CMS_add1_signer(cms, wish->cert != NULL ? wish->cert : w.cert,
		wish->key != NULL ? wish->key : w.key,
		wish->md != NULL ? wish->md : EVP_sha256(), flags));
	if (wish->two)
		assert_non_null(CMS_add1_signer(
		    cms, w.other, w.other_key, EVP_sha256(), flags));
	assert_int_equal(CMS_final(cms, data, NULL, flags), 1);
	len = i2d_CMS_ContentInfo(cms, &r->signature);
	assert_true(len > 0);
	r->signature_len = (size_t)len;
	CMS_ContentInfo_free(cms);
	BIO_free(data);
}

static void
make(struct mp_reply *r, const struct wish *wish)
{
	memset(r, 0, sizeof(*r));
	r->payload = (uint8_t *)strdup(PAYLOAD);
	r->payload_len = strlen(PAYLOAD);
	r->signed_ = true;
	r->site_code = strdup(wish->site != NULL ? wish->site : SITE);
	r->senders =
	    strdup(wish->senders != NULL ? wish->senders : "MP1;mp1.dom;");
	sign(r, wish);
}

static void
drop(struct mp_reply *r)
{
	free(r->payload);
	free(r->site_code);
	free(r->senders);
	OPENSSL_free(r->signature);
	memset(r, 0, sizeof(*r));
}

/* Refused under both rules, with these words; TLS or not. */
static void
must_refuse(
    const struct mp_trust *t, const struct mp_reply *r, const char *words)
{
	static const enum mp_signature_rule rules[] = {
	    MP_SIGNATURE_REQUIRED, MP_SIGNATURE_TLS};
	const char *proof = "x";
	struct mp_error e;

	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(mp_trust_verify(t, r, SITE, HOST, rules[i / 2],
				     i % 2 == 0, &proof, &e),
		    MP_ETRUST);
		assert_null(proof);
		if (strstr(e.text, words) == NULL ||
		    strstr(e.text, HOST) == NULL)
			fail_msg("not said: \"%s\" in \"%s\"", words, e.text);
	}
}

static void
must_believe(const struct mp_trust *t, const struct mp_reply *r)
{
	const char *proof = NULL;
	struct mp_error e;

	if (mp_trust_verify(t, r, SITE, HOST, MP_SIGNATURE_REQUIRED, false,
		&proof, &e) != 0)
		fail_msg("%s", e.text);
	assert_string_equal(proof, "signature");
}

static void
a_reply_without_a_signature_depends_on_the_rule(void **state)
{
	struct mp_reply r = {.payload_len = 0};
	const char *proof = "x";
	struct mp_error e;

	(void)state;
	assert_int_equal(mp_trust_verify(w.trust, &r, SITE, HOST,
			     MP_SIGNATURE_REQUIRED, true, &proof, &e),
	    MP_ETRUST);
	assert_null(proof);
	assert_non_null(strstr(e.text, "--mp-signature tls"));
	assert_int_equal(mp_trust_verify(w.trust, &r, SITE, HOST,
			     MP_SIGNATURE_TLS, false, &proof, &e),
	    MP_ETRUST);
	assert_null(proof);
	assert_non_null(strstr(e.text, "did not come over TLS"));
	assert_int_equal(mp_trust_verify(w.trust, &r, SITE, HOST,
			     MP_SIGNATURE_TLS, true, &proof, &e),
	    0);
	assert_string_equal(proof, "tls");
}

static void
wrong_signatures_are_refused(void **state)
{
	const struct {
		struct wish wish;
		const char *words;
	} cases[] = {
	    {{.cert = w.other, .key = w.other_key}, "not pinned"},
	    {{.cert = w.other, .key = w.other_key, .flags = CMS_NOCERTS},
		"not pinned"},
	    {{.cert = w.other, .key = w.other_key, .flags = CMS_USE_KEYID},
		"key identifier"},
	    {{.cert = w.double_, .key = w.other_key}, "is wrong"},
	    {{.cert = w.double_, .key = w.other_key, .flags = CMS_NOATTR},
		"is wrong"},
	    {{.over = "another payload"}, "is wrong"},
	    {{.over = "another payload", .flags = CMS_NOATTR}, "is wrong"},
	    {{.over = ""}, "is wrong"},
	    {{.attached = true}, "content of its own"},
	    {{.attached = true, .over = "another payload"},
		"content of its own"},
	    {{.two = true}, "2 signers"},
	    {{.md = EVP_md5()}, "md5"},
	    {{.md = EVP_sha1()}, "--mp-hash sha1"},
	    {{.md = EVP_sha1(), .flags = CMS_NOATTR}, "--mp-hash sha1"},
	    {{.md = EVP_sha224()}, "sha224"},
	    {{.site = "PR2"}, "for site \"PR2\""},
	    {{.site = ""}, "for site \"\""},
	    {{.site = "PRIX"}, "for site"},
	    {{.senders = "MP2;mp2.dom;"}, "comes from"},
	    {{.senders = ""}, "comes from"},
	    {{.senders = ";;;"}, "comes from"},
	    {{.senders = "mp1.domain;mp1;xmp1.dom"}, "comes from"},
	    {{.senders = "mp1.dom.evil"}, "comes from"},
	};
	struct mp_reply r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make(&r, &cases[i].wish);
		must_refuse(w.trust, &r, cases[i].words);
		drop(&r);
	}
}

static void
a_signature_is_worth_nothing_without_pins(void **state)
{
	struct mp_trust *t = NULL;
	struct mp_reply r;
	struct mp_error e;

	(void)state;
	assert_int_equal(mp_trust_open(&t, NULL, &e), 0);
	assert_int_equal(mp_trust_count(t), 0);
	make(&r, &(struct wish){0});
	must_refuse(t, &r, "--mp-certs");
	drop(&r);
	mp_trust_close(t);
	mp_trust_close(NULL);
}

static void
a_pinned_certificate_out_of_its_time_is_refused(void **state)
{
	const struct {
		X509 *cert;
		const char *words;
	} cases[] = {{w.expired, "has expired"}, {w.early, "not valid yet"}};
	struct mp_trust *t;
	struct mp_reply r;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		t = pin(cases[i].cert);
		make(&r, &(struct wish){.cert = cases[i].cert});
		must_refuse(t, &r, cases[i].words);
		drop(&r);
		mp_trust_close(t);
	}
}

static void
what_the_hook_leaves_out_is_refused(void **state)
{
	struct mp_reply r;

	(void)state;
	make(&r, &(struct wish){0});
	free(r.site_code);
	r.site_code = NULL;
	must_refuse(w.trust, &r, "for site");
	r.site_code = strdup(SITE);
	free(r.senders);
	r.senders = NULL;
	must_refuse(w.trust, &r, "comes from");
	drop(&r);
}

static void
every_changed_byte_is_noticed(void **state)
{
	const char *proof;
	struct mp_reply r;
	struct mp_error e;

	(void)state;
	make(&r, &(struct wish){0});
	for (size_t i = 0; i < r.payload_len; i++) {
		r.payload[i] ^= 1;
		must_refuse(w.trust, &r, "is wrong");
		r.payload[i] ^= 1;
	}
	for (size_t n = 0; n < r.payload_len; n++) {
		r.payload_len = n;
		assert_int_equal(mp_trust_verify(w.trust, &r, SITE, HOST,
				     MP_SIGNATURE_TLS, true, &proof, &e),
		    MP_ETRUST);
		r.payload_len = strlen(PAYLOAD);
	}
	must_believe(w.trust, &r);
	drop(&r);
}

static void
every_truncation_of_a_signature_is_refused(void **state)
{
	struct mp_reply r;
	size_t len;

	(void)state;
	make(&r, &(struct wish){0});
	len = r.signature_len;
	for (size_t n = 0; n < len; n++) {
		r.signature_len = n;
		must_refuse(w.trust, &r, "SignedData");
	}
	r.signature = OPENSSL_realloc(r.signature, len + 1);
	assert_non_null(r.signature);
	r.signature[len] = 0;
	r.signature_len = len + 1;
	must_refuse(w.trust, &r, "SignedData");
	drop(&r);
}

static void
right_signatures_are_believed(void **state)
{
	const struct wish cases[] = {
	    {0},
	    {.flags = CMS_NOATTR},
	    {.flags = CMS_NOCERTS},
	    {.flags = CMS_NOCERTS | CMS_NOATTR},
	    {.flags = CMS_USE_KEYID},
	    {.md = EVP_sha384()},
	    {.md = EVP_sha512(), .flags = CMS_NOATTR},
	    {.site = "pri"},
	    {.senders = "MP1.DOM"},
	    {.senders = "x; mp1.dom ;y"},
	    {.senders = ";;mp1.dom"},
	};
	struct mp_reply r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make(&r, &cases[i]);
		must_believe(w.trust, &r);
		drop(&r);
	}
}

static void
sha1_is_enough_only_where_it_is_allowed(void **state)
{
	struct mp_trust *t = pin(w.cert);
	struct mp_reply r;

	(void)state;
	mp_trust_allow_sha1(t);
	make(&r, &(struct wish){.md = EVP_sha1()});
	must_believe(t, &r);
	must_refuse(w.trust, &r, "SHA-1");
	r.payload[0] ^= 1;
	must_refuse(t, &r, "is wrong");
	drop(&r);
	make(&r, &(struct wish){0});
	must_believe(t, &r);
	drop(&r);
	make(&r, &(struct wish){.md = EVP_md5()});
	must_refuse(t, &r, "md5");
	drop(&r);
	mp_trust_close(t);
}

/* Named by key identifier, both fit; the one that is valid counts. */
static void
a_renewed_certificate_beside_its_old_one_is_enough(void **state)
{
	char path[PATH_MAX], dir[PATH_MAX];
	struct mp_trust *t = NULL;
	struct mp_reply r;
	struct mp_error e;

	(void)state;
	pki_dir(dir);
	pki_save(dir, "a-new.pem", w.renewed, path);
	pki_save(dir, "b-old.pem", w.expired, path);
	pki_save(dir, "c-early.pem", w.early, path);
	assert_int_equal(mp_trust_open(&t, dir, &e), 0);
	assert_int_equal(mp_trust_count(t), 3);
	make(&r, &(struct wish){.flags = CMS_USE_KEYID});
	must_believe(t, &r);
	drop(&r);
	mp_trust_close(t);
	pki_remove(dir);
}

/* The bytes that Microsoft's SDK accepted (wire-facts 6.3, sdk/60). */
static void
the_recorded_reply_is_believed(void **state)
{
	static const char *const senders[] = {"127.0.0.1", "mp1"};
	static uint8_t http[65536];
	const char *proof = NULL;
	struct mp_trust *t = NULL;
	struct mp_reply r = {0};
	struct mp_error e;
	const char *body;
	size_t len;
	FILE *f;

	(void)state;
	f = fopen(
	    VECTORS "/60-reply-authenticated-accepted/001-response.http", "re");
	assert_non_null(f);
	len = fread(http, 1, sizeof(http), f);
	(void)fclose(f);
	body = memmem(http, len, "\r\n\r\n", 4);
	assert_non_null(body);
	body += 4;
	len -= (size_t)(body - (const char *)http);
	if (mp_reply_parse(&r,
		"multipart/mixed; boundary=\"aAbBcCdDv1234567890VxXyYzZ\"",
		(const uint8_t *)body, len, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(mp_trust_open(&t, VECTORS "/mp-sign.pem", &e), 0);
	for (size_t i = 0; i < 2; i++) {
		if (mp_trust_verify(t, &r, SITE, senders[i],
			MP_SIGNATURE_REQUIRED, false, &proof, &e) != 0)
			fail_msg("%s", e.text);
		assert_string_equal(proof, "signature");
	}
	must_refuse(t, &r, "comes from");
	mp_trust_close(t);
	mp_reply_release(&r);
}

#define TEST(f) cmocka_unit_test(f)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(a_reply_without_a_signature_depends_on_the_rule),
	    TEST(wrong_signatures_are_refused),
	    TEST(a_signature_is_worth_nothing_without_pins),
	    TEST(a_pinned_certificate_out_of_its_time_is_refused),
	    TEST(what_the_hook_leaves_out_is_refused),
	    TEST(every_changed_byte_is_noticed),
	    TEST(every_truncation_of_a_signature_is_refused),
	    TEST(right_signatures_are_believed),
	    TEST(sha1_is_enough_only_where_it_is_allowed),
	    TEST(a_renewed_certificate_beside_its_old_one_is_enough),
	    TEST(the_recorded_reply_is_believed),
	};

	return cmocka_run_group_tests(tests, make_world, end_world);
}
