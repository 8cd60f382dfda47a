#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mp/cms.h"
#include "mp/hex.h"
#include "mp/multipart.h"
#include "mp/seal.h"
#include "mp/utf16.h"
#include "mp/xml.h"
#include "mp/zip.h"
#include "tests/fake/soft_signer.h"
#include "tests/unit/mp/pki.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define ID "GUID:0D5A4B1C-1111-2222-3333-444455556666"

struct scene {
	struct soft_signer *soft;
	struct signer signer;
	struct signer_identity id;
	X509 *cert;
	struct evp *evp;
	struct mp_identity me;
	struct mp_message m;
	EVP_PKEY *mp_key; /* of the management point */
	X509 *mp_cert;
};

static void
enter(struct scene *s)
{
	struct signer_trouble why;
	struct mp_error e;

	memset(s, 0, sizeof(*s));
	s->soft = soft_signer_new();
	soft_signer_make(s->soft, "rsa-2048", "seal", &s->id, &s->cert);
	soft_signer_signer(s->soft, &s->signer);
	assert_int_equal(evp_open(&s->evp, &why), 0);
	if (mp_identity_open(&s->me, s->evp, &s->signer, s->id.sha1,
		SIGNER_SHA1_LEN, &e) != MP_OK)
		fail_msg("%s", e.text);
	assert_int_equal(mp_message_init(&s->m), 0);
	s->mp_key = pki_key();
	s->mp_cert = pki_cert(s->mp_key, &(struct pki_wish){.cn = "MP1"});
	s->m.endpoint = "MP_PolicyManager";
	s->m.body = "<Body>\xC3\xA4</Body>";
	s->m.source_id = ID;
	s->m.source_host = "CLIENT1";
	s->m.target_host = "mp1.dom";
	s->m.flags = MP_FLAG_NATIVE | MP_FLAG_SIGN | MP_FLAG_COMPRESS;
}

static void
leave(struct scene *s)
{
	mp_identity_close(&s->me);
	evp_close(s->evp);
	X509_free(s->cert);
	X509_free(s->mp_cert);
	EVP_PKEY_free(s->mp_key);
	signer_close(&s->signer);
}

/* With SHA-256, and nobody to encrypt to. */
static int
seal(struct scene *s, struct mp_sealed *out, struct mp_error *e)
{
	const struct mp_seal_config how = {.hash = MP_SHA256};

	return mp_seal(&s->me, &s->m, &how, out, e);
}

static void
a_flag_combination_that_is_ruled_out_is_refused(void **state)
{
	static const struct {
		uint32_t flags;
		const char *words;
	} bad[] = {{MP_FLAG_NATIVE | MP_FLAG_ENCRYPT, "mixed mode only"},
	    {MP_FLAG_NATIVE | MP_FLAG_SIGN | MP_FLAG_ENCRYPT,
		"mixed mode only"},
	    {MP_FLAG_CRL, "native mode only"}, {MP_FLAG_ENCRYPT, "certificate"},
	    {0x10, "0x00000010"}};
	struct mp_recipients nobody = {NULL, 0, MP_CIPHER_3DES};
	struct mp_seal_config how = {.recipients = &nobody};
	struct mp_error e;
	struct mp_sealed out;
	struct scene s;

	(void)state;
	enter(&s);
	mp_sealed_init(&out);
	for (size_t i = 0; i < COUNT(bad); i++) {
		s.m.flags = bad[i].flags;
		assert_int_equal(seal(&s, &out, &e), MP_EARG);
		assert_non_null(strstr(e.text, bad[i].words));
		assert_non_null(strstr(e.text, "MP_PolicyManager"));
		assert_int_equal(mp_sealed_size(&out), 0);
	}
	s.m.flags = MP_FLAG_ENCRYPT;
	assert_int_equal(mp_seal(&s.me, &s.m, &how, &out, &e), MP_EARG);
	assert_non_null(strstr(e.text, "all that may receive it"));
	assert_int_equal(soft_signer_counts(s.soft).signs, 0);
	mp_sealed_release(&out);
	leave(&s);
}

static void
a_message_without_what_it_needs_is_refused(void **state)
{
	struct mp_error e;
	struct mp_sealed out;
	struct scene s;

	(void)state;
	enter(&s);
	mp_sealed_init(&out);
	s.m.source_id = NULL;
	assert_int_equal(seal(&s, &out, &e), MP_EARG);
	assert_non_null(strstr(e.text, "register first"));
	s.m.source_id = "not an id";
	assert_int_equal(seal(&s, &out, &e), MP_EARG);
	s.m.source_id = ID;
	s.m.body = "";
	assert_int_equal(seal(&s, &out, &e), MP_EARG);
	s.m.body = "<a>\xFF</a>";
	assert_int_equal(seal(&s, &out, &e), MP_EARG);
	s.m.body = "<a/>";
	s.m.source_host = NULL;
	assert_int_equal(seal(&s, &out, &e), MP_EARG);
	s.m.source_host = "a\x1b";
	assert_int_equal(seal(&s, &out, &e), MP_EARG);
	mp_sealed_release(&out);
	leave(&s);
}

/* A wire signature: reversed, upper-case hex, PKCS#1 v1.5 with DigestInfo. */
static void
verify(X509 *cert, const EVP_MD *md, const char *hex, const uint8_t *data,
    size_t len)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	uint8_t sig[1024];
	struct mp_buf raw;

	mp_buf_init(&raw, sizeof(sig));
	assert_int_equal(strspn(hex, "0123456789ABCDEF"), strlen(hex));
	assert_true(mp_hex_decode(hex, strlen(hex), &raw));
	assert_int_equal(raw.len, 256);
	for (size_t i = 0; i < raw.len; i++)
		sig[i] = raw.data[raw.len - 1 - i];
	assert_int_equal(
	    EVP_DigestVerifyInit(c, NULL, md, NULL, X509_get0_pubkey(cert)), 1);
	assert_int_equal(EVP_DigestVerify(c, sig, raw.len, data, len), 1);
	EVP_MD_CTX_free(c);
	mp_buf_release(&raw);
}

/* A property of the clientauth hook; "" if it is not there. */
static const char *
property(const struct mp_xml_node *msg, const char *name)
{
	const struct mp_xml_node *p = mp_xml_child(
	    mp_xml_child(mp_xml_child(msg, "Hooks"), "Hook2"), "Property");

	for (; p != NULL; p = mp_xml_next(p, "Property"))
		if (strcmp(mp_xml_attr(p, "Name"), name) == 0)
			return mp_xml_text(p);
	return "";
}

/* All bytes of the HTTP body; all is made here. */
static void
read_all(struct mp_sealed *sealed, struct mp_buf *all)
{
	uint8_t chunk[1000];
	struct mp_error e;
	size_t n;

	mp_buf_init(all, 1 << 20);
	do {
		n = sizeof(chunk);
		assert_int_equal(mp_sealed_read(sealed, chunk, &n, &e), 0);
		mp_buf_add(all, chunk, n);
	} while (n > 0);
	assert_int_equal(all->len, mp_sealed_size(sealed));
}

/* The parts of what is sent, and the payload before it was encrypted. */
struct taken {
	struct mp_buf all, text, packed;
	struct mp_xml *x;
};

static void
take(struct scene *s, enum mp_hash hash, enum mp_cipher cipher, struct taken *t)
{
	static const char type[] = "multipart/mixed; boundary="
				   "aAbBcCdDv1234567890VxXyYzZ";
	struct mp_recipients to = {&s->mp_cert, 1, cipher};
	const struct mp_seal_config how = {.hash = hash, .recipients = &to};
	struct mp_sealed out;
	struct mp_parts parts;
	struct mp_error e;

	mp_sealed_init(&out);
	mp_buf_init(&t->text, 1 << 20);
	mp_buf_init(&t->packed, 1 << 20);
	assert_int_equal(mp_seal(&s->me, &s->m, &how, &out, &e), MP_OK);
	read_all(&out, &t->all);
	mp_sealed_release(&out);
	assert_int_equal(
	    mp_multipart_parse(type, t->all.data, t->all.len, &parts, &e), 0);
	assert_int_equal(mp_text_to_utf8(parts.list[0].data, parts.list[0].len,
			     &t->text, &e),
	    0);
	assert_int_equal(
	    mp_xml_parse(&t->x, (char *)t->text.data, t->text.len, "m", &e), 0);
	if (!(s->m.flags & MP_FLAG_ENCRYPT))
		mp_buf_add(&t->packed, parts.list[1].data, parts.list[1].len);
	else if (mp_cms_open(parts.list[1].data, parts.list[1].len, s->mp_key,
		     s->mp_cert, &t->packed, &e) != MP_OK)
		fail_msg("%s", e.text);
}

static void
release(struct taken *t)
{
	mp_xml_free(t->x);
	mp_buf_release(&t->all);
	mp_buf_release(&t->text);
	mp_buf_release(&t->packed);
}

/* 32 bytes: the body in UTF-16, NUL, CR LF. */
static void
check_clear(const struct scene *s, const struct taken *t)
{
	struct mp_buf clear;
	struct mp_error e;

	mp_buf_init(&clear, 1000);
	if (s->m.flags & MP_FLAG_COMPRESS)
		assert_int_equal(
		    mp_unzip(t->packed.data, t->packed.len, &clear, &e), MP_OK);
	else
		mp_buf_add(&clear, t->packed.data, t->packed.len);
	assert_int_equal(clear.len, 32);
	assert_memory_equal(clear.data + 26, ">\0\0\0\r\n", 6);
	mp_buf_release(&clear);
}

static void
check_signed(struct scene *s, enum mp_hash hash, enum mp_cipher cipher)
{
	const EVP_MD *md = hash == MP_SHA1 ? EVP_sha1() : EVP_sha256();
	bool native = (s->m.flags & MP_FLAG_NATIVE) != 0;
	const struct mp_xml_node *msg;
	struct mp_error e;
	struct mp_buf id;
	struct taken t;

	take(s, hash, cipher, &t);
	msg = mp_xml_root(t.x);
	assert_string_equal(property(msg, "AuthSenderMachine"), "CLIENT1");
	assert_string_equal(
	    property(msg, "ClientCapabilities"), native ? "SSL" : "NonSSL");
	assert_string_equal(property(msg, "HashAlgorithm"),
	    hash == MP_SHA1 ? "" : "1.2.840.113549.1.1.11");
	assert_string_equal(property(msg, "PublicKey"), s->me.public_hex);
	assert_int_equal(strlen(s->me.public_hex), 552);
	mp_buf_init(&id, 1000);
	assert_int_equal(mp_utf16_add(&id, ID, strlen(ID), &e), 0);
	mp_buf_add(&id, "\0", 2);
	assert_int_equal(id.len, 84);
	verify(
	    s->cert, md, property(msg, "ClientIDSignature"), id.data, id.len);
	verify(s->cert, md, property(msg, "PayloadSignature"), t.packed.data,
	    t.packed.len);
	check_clear(s, &t);
	mp_buf_release(&id);
	release(&t);
}

static void
signatures_are_the_wires_and_verify(void **state)
{
	struct scene s;

	(void)state;
	enter(&s);
	check_signed(&s, MP_SHA256, MP_CIPHER_3DES);
	assert_int_equal(soft_signer_counts(s.soft).signs, 2);
	check_signed(&s, MP_SHA256, MP_CIPHER_3DES);
	assert_int_equal(soft_signer_counts(s.soft).signs, 3);
	check_signed(&s, MP_SHA1, MP_CIPHER_3DES);
	s.m.flags = MP_FLAG_SIGN; /* mixed, uncompressed */
	check_signed(&s, MP_SHA256, MP_CIPHER_3DES);
	leave(&s);
}

/* Compressed, then signed, then encrypted, and the hooks say so. */
static void
encryption_comes_last(void **state)
{
	static const char hooks[] = "<Hook3 Name=\"zlib-compress\" />"
				    "<Hook2 Name=\"encrypt\" /></Hooks>";
	struct scene s;
	struct taken t;

	(void)state;
	enter(&s);
	s.m.flags = MP_FLAG_SIGN | MP_FLAG_COMPRESS | MP_FLAG_ENCRYPT;
	check_signed(&s, MP_SHA256, MP_CIPHER_3DES);
	check_signed(&s, MP_SHA1, MP_CIPHER_AES256);
	take(&s, MP_SHA256, MP_CIPHER_AES256, &t);
	assert_non_null(strstr((char *)t.text.data, "</Hook2><Hook3"));
	assert_non_null(strstr((char *)t.text.data, hooks));
	assert_non_null(strstr((char *)t.text.data, "Length=\"30\""));
	release(&t);
	s.m.flags = MP_FLAG_ENCRYPT;
	take(&s, MP_SHA256, MP_CIPHER_3DES, &t);
	check_clear(&s, &t);
	release(&t);
	leave(&s);
}

static void
a_payload_above_the_limit_is_refused_unsigned(void **state)
{
	struct mp_seal_config how = {.hash = MP_SHA256};
	struct mp_attachment a = {
	    .name = "1", .data = (const uint8_t *)"0123456789", .len = 10};
	struct mp_sealed out;
	struct mp_error e;
	struct scene s;

	(void)state;
	enter(&s);
	mp_sealed_init(&out);
	s.m.attachments = &a;
	s.m.nattachments = 1;
	for (how.payload_max = 1; how.payload_max < 42; how.payload_max++) {
		assert_int_equal(
		    mp_seal(&s.me, &s.m, &how, &out, &e), MP_ELIMIT);
		assert_non_null(strstr(e.text, "raise the limit"));
		assert_int_equal(mp_sealed_size(&out), 0);
	}
	assert_int_equal(soft_signer_counts(s.soft).signs, 0);
	assert_int_equal(mp_seal(&s.me, &s.m, &how, &out, &e), MP_OK);
	mp_sealed_release(&out);
	leave(&s);
}

static void
what_cannot_be_attached_is_not_sent_without(void **state)
{
	struct mp_attachment a = {.name = "1", .path = "/nonexistent/x"};
	struct mp_sealed out;
	struct mp_error e;
	struct scene s;

	(void)state;
	enter(&s);
	mp_sealed_init(&out);
	s.m.attachments = &a;
	s.m.nattachments = 1;
	assert_int_equal(seal(&s, &out, &e), MP_EARG);
	assert_non_null(strstr(e.text, "/nonexistent/x"));
	assert_non_null(strstr(e.text, "MP_PolicyManager"));
	assert_int_equal(mp_sealed_size(&out), 0);
	assert_int_equal(soft_signer_counts(s.soft).signs, 0);
	mp_sealed_release(&out);
	leave(&s);
}

static void
a_property_needs_name_and_value(void **state)
{
	struct mp_property bad[] = {{NULL, "x"}, {"x", NULL}, {"x", "\x01"}};
	struct mp_sealed out;
	struct mp_error e;
	struct scene s;

	(void)state;
	enter(&s);
	mp_sealed_init(&out);
	s.m.nproperties = 1;
	for (size_t i = 0; i < COUNT(bad); i++) {
		s.m.properties = &bad[i];
		assert_int_equal(seal(&s, &out, &e), MP_EARG);
		assert_int_equal(mp_sealed_size(&out), 0);
	}
	mp_sealed_release(&out);
	leave(&s);
}

static void
the_signers_failure_is_told_with_its_key(void **state)
{
	struct mp_error e;
	struct mp_sealed out;
	struct scene s;

	(void)state;
	enter(&s);
	mp_sealed_init(&out);
	soft_signer_fail(s.soft, SIGNER_EABSENT, 1);
	assert_int_equal(seal(&s, &out, &e), MP_ESIGNER);
	assert_non_null(strstr(e.text, s.me.thumbprint));
	assert_int_equal(mp_sealed_size(&out), 0);
	/* What failed was not kept as if it were a signature. */
	assert_int_equal(seal(&s, &out, &e), MP_OK);
	mp_sealed_release(&out);
	leave(&s);
}

static void
an_identity_must_be_rsa_and_known(void **state)
{
	uint8_t unknown[SIGNER_SHA256_LEN] = {0};
	struct signer_identity ec;
	struct mp_identity me;
	struct mp_error e;
	struct scene s;

	(void)state;
	enter(&s);
	soft_signer_make(s.soft, "ec-p256", "ec", &ec, NULL);
	assert_int_equal(mp_identity_open(&me, s.evp, &s.signer, ec.sha1,
			     SIGNER_SHA1_LEN, &e),
	    MP_EARG);
	assert_non_null(strstr(e.text, "no RSA key"));
	assert_null(me.cert);
	assert_int_equal(mp_identity_open(&me, s.evp, &s.signer, unknown,
			     sizeof(unknown), &e),
	    MP_ESIGNER);
	assert_int_equal(
	    mp_identity_open(&me, s.evp, &s.signer, unknown, 5, &e),
	    MP_ESIGNER);
	assert_true(s.me.self_signed);
	assert_int_equal(mp_identity_validity(&s.me, 0), -1);
	assert_int_equal(mp_identity_validity(&s.me, INT32_MAX * 2LL), 1);
	mp_identity_close(NULL);
	leave(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_flag_combination_that_is_ruled_out_is_refused),
	    cmocka_unit_test(a_message_without_what_it_needs_is_refused),
	    cmocka_unit_test(a_payload_above_the_limit_is_refused_unsigned),
	    cmocka_unit_test(what_cannot_be_attached_is_not_sent_without),
	    cmocka_unit_test(a_property_needs_name_and_value),
	    cmocka_unit_test(signatures_are_the_wires_and_verify),
	    cmocka_unit_test(encryption_comes_last),
	    cmocka_unit_test(the_signers_failure_is_told_with_its_key),
	    cmocka_unit_test(an_identity_must_be_rsa_and_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
