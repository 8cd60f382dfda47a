#include "mp/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/pem.h> /* before cms.h, which asks for it */
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "tests/fake/soft_signer.h"
#include "tests/unit/mp/pki.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define PEOPLE 3

/* Management points: two with a key id, one without. */
struct scene {
	EVP_PKEY *keys[PEOPLE];
	X509 *certs[PEOPLE];
};

/* The same certificate with or without a subjectKeyIdentifier. */
static void
resign(X509 *cert, EVP_PKEY *key, bool with_id)
{
	X509_EXTENSION *x;
	X509V3_CTX ctx;
	int at;

	at = X509_get_ext_by_NID(cert, NID_subject_key_identifier, -1);
	if (at >= 0)
		X509_EXTENSION_free(X509_delete_ext(cert, at));
	if (with_id) {
		X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
		x = X509V3_EXT_conf_nid(
		    NULL, &ctx, NID_subject_key_identifier, "hash");
		assert_non_null(x);
		assert_int_equal(X509_add_ext(cert, x, -1), 1);
		X509_EXTENSION_free(x);
	}
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
}

/* What a peer would read. */
static X509 *
reread(X509 *cert)
{
	unsigned char *der = NULL;
	const unsigned char *p;
	int len = i2d_X509(cert, &der);
	X509 *again;

	assert_true(len > 0);
	p = der;
	again = d2i_X509(NULL, &p, len);
	assert_non_null(again);
	OPENSSL_free(der);
	X509_free(cert);
	return again;
}

static int
enter(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	for (size_t i = 0; i < PEOPLE; i++) {
		s->keys[i] = pki_key();
		s->certs[i] =
		    pki_cert(s->keys[i], &(struct pki_wish){.cn = "MP"});
		resign(s->certs[i], s->keys[i], i < 2);
		s->certs[i] = reread(s->certs[i]);
	}
	*state = s;
	return 0;
}

static int
leave(void **state)
{
	struct scene *s = *state;

	for (size_t i = 0; i < PEOPLE; i++) {
		EVP_PKEY_free(s->keys[i]);
		X509_free(s->certs[i]);
	}
	free(s);
	return 0;
}

/* All of it: n bytes of content, in pieces. */
static void
make(const struct mp_recipients *to, const uint8_t *data, size_t n,
    size_t piece, struct mp_buf *der)
{
	uint8_t out[4096 + MP_ENVELOPE_BLOCK];
	struct mp_envelope v;
	struct mp_error e;
	struct mp_buf body;
	size_t len, take;

	mp_buf_init(&body, 1 << 20);
	mp_buf_init(der, 1 << 20);
	if (mp_envelope_open(&v, to, &e) != MP_OK)
		fail_msg("%s", e.text);
	for (size_t at = 0; at < n; at += take) {
		take = n - at < piece ? n - at : piece;
		assert_int_equal(
		    mp_envelope_add(&v, data + at, take, out, &len, &e), 0);
		mp_buf_add(&body, out, len);
	}
	assert_int_equal(mp_envelope_end(&v, out, &len, &e), 0);
	mp_buf_add(&body, out, len);
	assert_int_equal(mp_envelope_head(&v, der, &e), 0);
	mp_buf_add(der, body.data, body.len);
	assert_true(mp_buf_ok(der));
	mp_buf_release(&body);
	mp_envelope_close(&v);
}

static CMS_ContentInfo *
parse(const struct mp_buf *der)
{
	const uint8_t *p = der->data;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)der->len);
	uint8_t *again = NULL;

	assert_non_null(cms);
	assert_int_equal(p - der->data, der->len);
	/* OpenSSL would write it the same way: DER, its SET in order. */
	assert_int_equal(i2d_CMS_ContentInfo(cms, &again), der->len);
	assert_memory_equal(again, der->data, der->len);
	OPENSSL_free(again);
	return cms;
}

static void
open_with(const struct mp_buf *der, EVP_PKEY *key, X509 *cert,
    const uint8_t *data, size_t n)
{
	CMS_ContentInfo *cms = parse(der);
	BIO *out = BIO_new(BIO_s_mem());
	char *got = NULL;

	assert_int_equal(CMS_decrypt(cms, key, cert, NULL, out, CMS_BINARY), 1);
	assert_int_equal(BIO_get_mem_data(out, &got), n);
	if (n > 0)
		assert_memory_equal(got, data, n);
	BIO_free(out);
	CMS_ContentInfo_free(cms);
}

/* Definite lengths, minimal ones, nothing left over: walks all of it. */
static void
walk(const uint8_t *p, size_t len)
{
	const uint8_t *end = p + len;
	uint8_t again[16], *q;
	int r, tag, class;
	long n;

	while (p < end) {
		const uint8_t *start = p;

		r = ASN1_get_object(&p, &n, &tag, &class, end - p);
		assert_int_equal(r & 0x80, 0);
		assert_int_equal(r & 1, 0);
		assert_true(n <= end - p);
		q = again;
		ASN1_put_object(&q, r & V_ASN1_CONSTRUCTED, (int)n, tag, class);
		assert_int_equal(q - again, p - start);
		assert_memory_equal(again, start, (size_t)(p - start));
		if (r & V_ASN1_CONSTRUCTED)
			walk(p, (size_t)n);
		p += n;
	}
	assert_ptr_equal(p, end);
}

static void
a_recipient_that_cannot_be_is_refused(void **state)
{
	struct scene *s = *state;
	X509 *many[MP_RECIPIENTS_MAX + 1];
	struct soft_signer *soft = soft_signer_new();
	struct mp_recipients to = {many, 0, MP_CIPHER_3DES};
	struct signer_identity id;
	struct mp_envelope v;
	struct signer signer;
	struct mp_error e;
	X509 *ec;

	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = s->certs[0];
	assert_int_equal(mp_envelope_open(&v, &to, &e), MP_EARG);
	to.n = COUNT(many);
	assert_int_equal(mp_envelope_open(&v, &to, &e), MP_EARG);
	assert_non_null(strstr(e.text, "65"));
	to.n = MP_RECIPIENTS_MAX;
	assert_int_equal(mp_envelope_open(&v, &to, &e), MP_OK);
	mp_envelope_close(&v);
	soft_signer_make(soft, "ec-p256", "curve", &id, &ec);
	soft_signer_signer(soft, &signer);
	many[1] = ec;
	to.n = 2;
	assert_int_equal(mp_envelope_open(&v, &to, &e), MP_EARG);
	assert_non_null(strstr(e.text, "curve"));
	assert_non_null(strstr(e.text, "no RSA key"));
	assert_null(v.ctx);
	X509_free(ec);
	signer_close(&signer);
}

static void
each_recipient_can_open_it_with_either_cipher(void **state)
{
	static const size_t sizes[] = {0, 1, 7, 8, 15, 16, 17, 1000, 65536};
	static uint8_t data[65536];
	struct scene *s = *state;
	struct mp_buf der;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 13);
	for (size_t n = 1; n <= PEOPLE; n++)
		for (size_t i = 0; i < 2 * COUNT(sizes); i++) {
			struct mp_recipients to = {s->certs, n,
			    i % 2 == 0 ? MP_CIPHER_3DES : MP_CIPHER_AES256};

			make(&to, data, sizes[i / 2], 1 + i * 200, &der);
			walk(der.data, der.len);
			for (size_t k = 0; k < n; k++)
				open_with(&der, s->keys[k], s->certs[k], data,
				    sizes[i / 2]);
			mp_buf_release(&der);
		}
}

static void
a_recipient_is_named_by_key_id_if_it_has_one(void **state)
{
	struct scene *s = *state;
	struct mp_recipients all = {s->certs, PEOPLE, MP_CIPHER_3DES};
	struct mp_recipients last = {s->certs + 2, 1, MP_CIPHER_3DES};
	STACK_OF(CMS_RecipientInfo) * infos;
	unsigned by_id = 0, by_issuer = 0;
	ASN1_OCTET_STRING *id;
	ASN1_INTEGER *serial;
	CMS_ContentInfo *cms;
	X509_NAME *issuer;
	struct mp_buf der;

	make(&all, (const uint8_t *)"x", 1, 1, &der);
	cms = parse(&der);
	infos = CMS_get0_RecipientInfos(cms);
	assert_int_equal(sk_CMS_RecipientInfo_num(infos), PEOPLE);
	for (int i = 0; i < PEOPLE; i++) {
		CMS_RecipientInfo *ri = sk_CMS_RecipientInfo_value(infos, i);

		id = NULL;
		issuer = NULL;
		serial = NULL;
		assert_int_equal(
		    CMS_RecipientInfo_type(ri), CMS_RECIPINFO_TRANS);
		assert_int_equal(CMS_RecipientInfo_ktri_get0_signer_id(
				     ri, &id, &issuer, &serial),
		    1);
		by_id += id != NULL;
		by_issuer += issuer != NULL && serial != NULL;
	}
	assert_int_equal(by_id, 2);
	assert_int_equal(by_issuer, 1);
	CMS_ContentInfo_free(cms);
	mp_buf_release(&der);
	/* RFC 5652, 6.1: version 0 if no recipient is named by key id. */
	make(&last, (const uint8_t *)"x", 1, 1, &der);
	assert_non_null(memmem(der.data, 40, "\x02\x01\x00\x31", 4));
	mp_buf_release(&der);
	make(&all, (const uint8_t *)"x", 1, 1, &der);
	assert_non_null(memmem(der.data, 40, "\x02\x01\x02\x31", 4));
	mp_buf_release(&der);
}

static void
no_truncation_can_be_opened(void **state)
{
	struct scene *s = *state;
	struct mp_recipients to = {s->certs, 2, MP_CIPHER_AES256};
	CMS_ContentInfo *cms;
	const uint8_t *p;
	struct mp_buf der;

	make(&to, (const uint8_t *)"some content", 12, 5, &der);
	for (size_t n = 0; n < der.len; n++) {
		p = der.data;
		cms = d2i_CMS_ContentInfo(NULL, &p, (long)n);
		assert_null(cms);
	}
	ERR_clear_error();
	mp_buf_release(&der);
}

/* Two times the same content: neither key nor IV may come again. */
static void
nothing_is_used_twice(void **state)
{
	struct scene *s = *state;
	struct mp_recipients to = {s->certs, 1, MP_CIPHER_3DES};
	static const uint8_t data[64];
	struct mp_buf one, two;

	make(&to, data, sizeof(data), 64, &one);
	make(&to, data, sizeof(data), 64, &two);
	assert_int_equal(one.len, two.len);
	assert_memory_not_equal(
	    one.data + one.len - 72, two.data + two.len - 72, 72);
	assert_null(memmem(two.data, two.len, one.data + one.len - 72, 8));
	mp_buf_release(&one);
	mp_buf_release(&two);
}

static void
a_content_beyond_what_der_lengths_hold_here_is_refused(void **state)
{
	struct scene *s = *state;
	struct mp_recipients to = {s->certs, 1, MP_CIPHER_3DES};
	struct mp_envelope v;
	struct mp_error e;
	struct mp_buf der;

	assert_int_equal(mp_envelope_open(&v, &to, &e), MP_OK);
	mp_buf_init(&der, 1 << 16);
	v.size = INT32_MAX;
	assert_int_equal(mp_envelope_head(&v, &der, &e), MP_ELIMIT);
	v.size = INT32_MAX - 2000;
	mp_buf_clear(&der);
	assert_int_equal(mp_envelope_head(&v, &der, &e), MP_OK);
	mp_buf_release(&der);
	mp_envelope_close(&v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_recipient_that_cannot_be_is_refused),
	    cmocka_unit_test(each_recipient_can_open_it_with_either_cipher),
	    cmocka_unit_test(a_recipient_is_named_by_key_id_if_it_has_one),
	    cmocka_unit_test(no_truncation_can_be_opened),
	    cmocka_unit_test(nothing_is_used_twice),
	    cmocka_unit_test(
		a_content_beyond_what_der_lengths_hold_here_is_refused),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
