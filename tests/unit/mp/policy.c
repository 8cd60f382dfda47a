#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/cms.h>

#include "mp/hex.h"
#include "mp/kinds/policy.h"
#include "mp/utf16.h"
#include "mp/zip.h"
#include "tests/fake/soft_signer.h"
#include "tests/unit/mp/vector.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define POLICY "<Policy PolicyID=\"{P1}\"><PolicyRule/>\xC3\xA4</Policy>"

struct scene {
	struct soft_signer *soft;
	struct signer signer;
	struct signer_identity id;
	X509 *cert;
	struct evp *evp;
	struct mp_identity me;
};

static int
enter(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct signer_trouble why;
	struct mp_error e;

	assert_non_null(s);
	s->soft = soft_signer_new();
	soft_signer_make(s->soft, "rsa-2048", "policy", &s->id, &s->cert);
	soft_signer_signer(s->soft, &s->signer);
	assert_int_equal(evp_open(&s->evp, &why), 0);
	assert_int_equal(mp_identity_open(&s->me, s->evp, &s->signer,
			     s->id.sha256, SIGNER_SHA256_LEN, &e),
	    0);
	*state = s;
	return 0;
}

static int
leave(void **state)
{
	struct scene *s = *state;

	mp_identity_close(&s->me);
	evp_close(s->evp);
	X509_free(s->cert);
	signer_close(&s->signer);
	free(s);
	return 0;
}

static void
a_location_elsewhere_is_refused(void **state)
{
	static const char *const bad[] = {"", "/SMS_MP/.sms_pol?{P}.1",
	    "ftp://<mp>/SMS_MP/.sms_pol?a.1", "http:/<mp>/SMS_MP/.sms_pol?a.1",
	    "http://evil.dom/SMS_MP/.sms_pol?a.1",
	    "http://mp1.dom.evil/SMS_MP/.sms_pol?a.1",
	    "http://<mp>.evil/SMS_MP/.sms_pol?a.1",
	    "http://mp1.dom@evil/SMS_MP/.sms_pol?a.1",
	    "http://user@mp1.dom/SMS_MP/.sms_pol?a.1",
	    "http://<mp>:/SMS_MP/.sms_pol?a.1",
	    "http://<mp>:123456/SMS_MP/.sms_pol?a.1",
	    "http://<mp>:80x/SMS_MP/.sms_pol?a.1", "http://<mp>",
	    "http://<mp>/", "http://<mp>/SMS_MP/.sms_pol?",
	    "http://<mp>/SMS_MP/.sms_pol", "http://<mp>/SMS_MP/.sms_aut?MPLIST",
	    "http://<mp>/SMS_MP/../x/.sms_pol?a.1",
	    "http://<mp>//SMS_MP/.sms_pol?a.1",
	    "http://<mp>/SMS_MP_Other/.sms_pol?a.1",
	    "http://<mp>/SMS_MP/.sms_pol?a\r\nHost: evil",
	    "http://<mp>/SMS_MP/.sms_pol?a#b", "http://<mp>/SMS_MP/.sms_pol?a%",
	    "http://<mp>/SMS_MP/.sms_pol?a%4",
	    "http://<mp>/SMS_MP/.sms_pol?%zz",
	    "http://<mp>/SMS_MP/.sms_pol?\x7F",
	    "http://<mp>/SMS_MP/.sms_pol?\xC3\xA4",
	    "http://<mp>/SMS_MP/.sms_pol?a\\b",
	    "http://<mp>/SMS_MP/.sms_pol?<"};
	char policy[] = "{P1}", location[256];
	struct mp_assignment a = {.policy = policy, .location = location};
	struct mp_buf path;
	struct mp_error e;

	(void)state;
	mp_buf_init(&path, 4096);
	for (size_t i = 0; i < COUNT(bad); i++) {
		(void)snprintf(location, sizeof(location), "%s", bad[i]);
		if (mp_policy_path(&a, "mp1.dom", &path, &e) != MP_EARG)
			fail_msg("%s was taken", bad[i]);
		assert_non_null(strstr(e.text, "policy {P1}: "));
		assert_int_equal(path.len, 0);
	}
	mp_buf_release(&path);
}

static void
a_location_on_our_management_point_gives_its_path(void **state)
{
	static const struct {
		const char *location, *path;
	} good[] = {{"http://<mp>/SMS_MP/.sms_pol?{P1}.1_00",
			"/SMS_MP/.sms_pol?%7BP1%7D.1_00"},
	    {"HTTPS://<MP>/sms_mp/.SMS_POL?a.1", "/SMS_MP/.sms_pol?a.1"},
	    {"http://%3cmp%3e/SMS_MP/.sms_pol?a", "/SMS_MP/.sms_pol?a"},
	    {"http://&lt;mp&gt;/SMS_MP/.sms_pol?a", "/SMS_MP/.sms_pol?a"},
	    {"http://<mp>:80/SMS_MP/.sms_pol?a", "/SMS_MP/.sms_pol?a"},
	    {"https://MP1.dom:443/SMS_MP/.sms_pol?a", "/SMS_MP/.sms_pol?a"},
	    {"http://mp1.dom/SMS_MP_WindowsAuth/.sms_pol?a",
		"/SMS_MP_WindowsAuth/.sms_pol?a"},
	    {"http://<mp>/sms_mp_altauth/.sms_pol?a",
		"/SMS_MP_AltAuth/.sms_pol?a"},
	    {"http://<mp>/SMS_MP_TokenAuth/.sms_pol?a",
		"/SMS_MP_TokenAuth/.sms_pol?a"},
	    {"http://<mp>/SMS_MP/.sms_pol?PS120003-PS100009-6F6BCC28.1_00",
		"/SMS_MP/.sms_pol?PS120003-PS100009-6F6BCC28.1_00"},
	    {"http://<mp>/SMS_MP/.sms_pol?{a}.SHA256:00FF",
		"/SMS_MP/.sms_pol?%7Ba%7D.SHA256:00FF"},
	    {"http://<mp>/SMS_MP/.sms_pol?a%7Bb c",
		"/SMS_MP/.sms_pol?a%7Bb%20c"}};
	char policy[] = "{P1}", location[256];
	struct mp_assignment a = {.policy = policy, .location = location};
	struct mp_buf path;
	struct mp_error e;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		mp_buf_init(&path, 4096);
		(void)snprintf(
		    location, sizeof(location), "%s", good[i].location);
		if (mp_policy_path(&a, "mp1.dom", &path, &e) != MP_OK)
			fail_msg("%s", e.text);
		assert_string_equal((char *)path.data, good[i].path);
		mp_buf_release(&path);
	}
}

/* Opens a body; *e tells of a failure. */
static int
open_body(struct scene *s, unsigned flags, const struct mp_buf *body,
    const char *want, struct mp_error *e)
{
	char policy[] = "{P1}";
	struct mp_assignment a = {.policy = policy, .flags = flags};
	struct mp_buf xml;
	int r;

	mp_buf_init(&xml, 1 << 24);
	memset(e, 0, sizeof(*e));
	r = mp_policy_open(&a, &s->me, body, &xml, e);
	if (r == MP_OK)
		assert_string_equal((char *)xml.data, want);
	else
		assert_int_equal(xml.len, 0);
	mp_buf_release(&xml);
	return r;
}

/* Text in UTF-16LE, with or without BOM and NUL. */
static struct mp_buf
wide(const char *text, bool bom, bool nul)
{
	struct mp_error e;
	struct mp_buf b;

	mp_buf_init(&b, 1 << 24);
	if (bom)
		mp_buf_str(&b, "\xFF\xFE");
	assert_int_equal(mp_utf16_add(&b, text, strlen(text), &e), 0);
	if (nul)
		mp_buf_add(&b, "\0", 2);
	return b;
}

/* The PolicyXML wrapper around a body; takes the body. */
static struct mp_buf
wrap(struct mp_buf body)
{
	struct mp_buf packed, out;
	struct mp_error e;

	mp_buf_init(&packed, 1 << 24);
	mp_buf_init(&out, 1 << 24);
	assert_int_equal(mp_zip(body.data, body.len, &packed, &e), 0);
	mp_buf_str(&out, "<PolicyXML Version=\"1\" Compression=\"zlib\">");
	mp_hex_add(&out, packed.data, packed.len);
	mp_buf_str(&out, "</PolicyXML>");
	mp_buf_release(&packed);
	mp_buf_release(&body);
	return out;
}

/* Encrypts a body to the scene's certificate; takes the body. */
static struct mp_buf
encrypt(
    struct scene *s, struct mp_buf body, const EVP_CIPHER *cipher, X509 *cert)
{
	STACK_OF(X509) *certs = sk_X509_new_null();
	BIO *in = BIO_new_mem_buf(body.data, (int)body.len);
	CMS_ContentInfo *cms;
	struct mp_buf out;
	uint8_t *der = NULL;
	int len;

	(void)sk_X509_push(certs, cert == NULL ? s->cert : cert);
	cms = CMS_encrypt(certs, in, cipher, CMS_BINARY);
	len = i2d_CMS_ContentInfo(cms, &der);
	assert_true(len > 0);
	mp_buf_init(&out, 1 << 24);
	mp_buf_add(&out, der, (size_t)len);
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	sk_X509_free(certs);
	mp_buf_release(&body);
	return out;
}

static void
a_body_is_read_in_each_of_its_forms(void **state)
{
	struct scene *s = *state;
	const unsigned secret = MP_POLICY_SECRET | MP_POLICY_REQUIRES_AUTH;
	struct mp_error e;
	struct mp_buf b;

	for (unsigned form = 0; form < 32; form++) {
		bool bom = form & 1, nul = form & 2;
		unsigned flags = 0;

		b = wide(POLICY, bom, nul);
		if (form & 4) { /* UTF-8 instead */
			mp_buf_clear(&b);
			mp_buf_str(&b, bom ? "\xEF\xBB\xBF" POLICY : POLICY);
			mp_buf_add(&b, "", nul ? 1 : 0);
		}
		if (form & 8) {
			b = wrap(b);
			flags |= MP_POLICY_COMPRESSED;
		}
		if (form & 16) {
			b = encrypt(s, b,
			    bom ? EVP_des_ede3_cbc() : EVP_aes_256_cbc(), NULL);
			flags |= secret;
		}
		if (open_body(s, flags, &b, POLICY, &e) != MP_OK)
			fail_msg("form %u: %s", form, e.text);
		mp_buf_release(&b);
	}
}

static void
a_recorded_body_is_read(void **state)
{
	struct scene *s = *state;
	struct mp_error e;
	struct vector v;
	char want[400];

	vector_load(&v, "sdk/16-policy-body-plain/002-response");
	for (size_t i = 0; i < v.body.len / 2; i++)
		want[i] = (char)v.body.data[2 * i];
	want[v.body.len / 2] = '\0';
	assert_int_equal(open_body(s, 16, &v.body, want, &e), MP_OK);
	vector_release(&v);
}

static void
a_body_that_is_no_policy_is_refused(void **state)
{
	static const struct {
		const char *body;
		unsigned flags;
		int code;
		const char *words;
	} bad[] = {{"", 0, MP_EREPLY, "empty"},
	    {"<HTML><BODY>403</BODY></HTML>", MP_POLICY_SECRET, MP_EREFUSED,
		"registered and approved"},
	    {" <!DOCTYPE html><p>", MP_POLICY_REQUIRES_AUTH, MP_EREFUSED,
		"registered and approved"},
	    {"<html>", 0, MP_EREPLY, "web page"},
	    {"<Other/>", 0, MP_EREPLY, "<Other>"},
	    {"<Policy>", 0, MP_EREPLY, "well-formed"},
	    {"<!DOCTYPE Policy [<!ENTITY a 'b'>]><Policy>&a;</Policy>", 0,
		MP_EREPLY, "document type"},
	    {"<PolicyXML/>", 64, MP_EREPLY, "only zlib"},
	    {"<PolicyXML Compression='xpress'>00</PolicyXML>", 64, MP_EREPLY,
		"xpress"},
	    {"<PolicyXML Compression='zlib'>0x</PolicyXML>", 64, MP_EREPLY,
		"hexadecimal"},
	    {"<PolicyXML Compression='zlib'>0000</PolicyXML>", 64, MP_EREPLY,
		"damaged"},
	    {"<PolicyXML Compression='zlib'/>", 64, MP_EREPLY, "middle"},
	    {"\x80\x80", 0, MP_EREPLY, "neither UTF-8 nor UTF-16"}};
	struct scene *s = *state;
	struct mp_error e;
	struct mp_buf b;

	for (size_t i = 0; i < COUNT(bad); i++) {
		mp_buf_init(&b, 1000);
		mp_buf_str(&b, bad[i].body);
		assert_int_equal(
		    open_body(s, bad[i].flags, &b, "", &e), bad[i].code);
		if (strstr(e.text, bad[i].words) == NULL ||
		    strstr(e.text, "policy {P1}: ") != e.text)
			fail_msg("%zu: %s", i, e.text);
		mp_buf_release(&b);
	}
}

static void
a_wrapper_holds_one_policy_and_no_bomb(void **state)
{
	static char spaces[4 << 20];
	struct scene *s = *state;
	struct mp_error e;
	struct mp_buf b;

	b = wrap(wrap(wide(POLICY, true, false)));
	assert_int_equal(open_body(s, 64, &b, "", &e), MP_EREPLY);
	assert_non_null(strstr(e.text, "<PolicyXML>"));
	mp_buf_release(&b);
	memset(spaces, ' ', sizeof(spaces) - 1);
	b = wrap(wide(spaces, true, false));
	assert_int_equal(open_body(s, 64, &b, "", &e), MP_ELIMIT);
	mp_buf_release(&b);
}

static void
a_body_for_another_or_an_absent_token_is_told_apart(void **state)
{
	struct scene *s = *state;
	struct signer_identity id;
	struct mp_error e;
	struct mp_buf b;
	X509 *other;
	int r;

	soft_signer_make(s->soft, "rsa-3072", "other", &id, &other);
	b = encrypt(s, wide(POLICY, true, false), EVP_aes_256_cbc(), other);
	r = open_body(s, MP_POLICY_SECRET, &b, "", &e);
	assert_int_equal(r, MP_ECRYPT);
	assert_non_null(strstr(e.text, "meant for another"));
	mp_buf_release(&b);
	X509_free(other);
	b = encrypt(s, wide(POLICY, true, false), EVP_aes_256_cbc(), NULL);
	soft_signer_fail(s->soft, SIGNER_EABSENT, 1);
	assert_int_equal(
	    open_body(s, MP_POLICY_SECRET, &b, "", &e), MP_ESIGNER);
	mp_buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_location_elsewhere_is_refused),
	    cmocka_unit_test(a_location_on_our_management_point_gives_its_path),
	    cmocka_unit_test(a_body_that_is_no_policy_is_refused),
	    cmocka_unit_test(a_wrapper_holds_one_policy_and_no_bomb),
	    cmocka_unit_test(a_body_is_read_in_each_of_its_forms),
	    cmocka_unit_test(a_recorded_body_is_read),
	    cmocka_unit_test(
		a_body_for_another_or_an_absent_token_is_told_apart),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
