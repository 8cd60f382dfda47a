/*
 * Our uploads against those that an independent client sent: bodies,
 * attachments, properties and the encrypted form must be the recorded bytes,
 * but for what actor.h allows, keys, initialisation vectors and padding.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mp/envelope.h"
#include "mp/utf16.h"
#include "tests/unit/mp/actor.h"

/* What a recorded sender said, as our message. */
struct upload {
	struct actor a;
	struct mp_buf body, text;
	char name[64];
	struct mp_attachment attachment;
	struct mp_property property;
};

static void
take_text(const struct vector *v, size_t from, size_t to, struct mp_buf *out)
{
	struct mp_error e;

	mp_buf_init(out, 1 << 20);
	if (mp_utf16_to_utf8(v->clear.data + from, to - from, out, &e) != MP_OK)
		fail_msg("%s", e.text);
}

static void
enter(struct upload *u, const char *name)
{
	struct vector *v = &u->a.v;

	memset(u, 0, sizeof(*u));
	actor_enter(&u->a, name, "sdk/client-selfsigned.pem");
	u->a.m.reply_mode = MP_REPLY_ASYNC;
	if (strstr((char *)v->header.data, "<Attachment ") == NULL) {
		take_text(v, 0, v->body_len - 4, &u->body);
		u->a.m.body = (const char *)u->body.data;
		return;
	}
	assert_memory_equal(v->clear.data + v->body_len, "\xFF\xFE", 2);
	take_text(v, 0, v->body_len - 2, &u->body);
	take_text(v, v->body_len + 2, v->clear.len - 2, &u->text);
	u->a.m.body = (const char *)u->body.data;
	(void)vector_between(
	    &v->header, " Name=\"", "\"", u->name, sizeof(u->name));
	u->attachment = (struct mp_attachment){.name = u->name,
	    .data = u->text.data,
	    .len = u->text.len,
	    .xml = true};
	u->a.m.attachments = &u->attachment;
	u->a.m.nattachments = 1;
}

static void
leave(struct upload *u)
{
	mp_buf_release(&u->body);
	mp_buf_release(&u->text);
	actor_leave(&u->a);
}

/* The signer knows no other digests than the recorded ones. */
static void
compare_signed(struct upload *u)
{
	struct mp_clientauth auth = {0};
	struct mp_buf id, sig;
	struct mp_error e;

	mp_buf_init(&id, ACTOR_FIELD);
	mp_buf_init(&sig, ACTOR_FIELD);
	assert_int_equal(
	    mp_identity_sign_id(&u->a.me, MP_SHA256, u->a.source, &id, &e), 0);
	assert_int_equal(mp_identity_sign(&u->a.me, MP_SHA256,
			     u->a.v.packed.data, u->a.v.packed.len, &sig, &e),
	    0);
	auth.public_key = u->a.me.public_hex;
	auth.client_id_signature = (const char *)id.data;
	auth.payload_signature = (const char *)sig.data;
	auth.hash_algorithm = "1.2.840.113549.1.1.11";
	u->a.m.flags |= MP_FLAG_SIGN;
	actor_compare(&u->a, &auth);
	mp_buf_release(&id);
	mp_buf_release(&sig);
}

static void
an_upload_is_made_as_recorded(void **state)
{
	static const char *const names[] = {"sdk/20-ddr/001-request",
	    "sdk/21-hinv/001-request", "sdk/23-sinv/001-request",
	    "sdk/26-status/001-request"};
	struct upload u;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		enter(&u, names[i]);
		compare_signed(&u);
		leave(&u);
	}
}

static void
a_state_message_names_its_file_type(void **state)
{
	struct upload u;

	(void)state;
	enter(&u, "sdk/24-state/001-request");
	u.property = (struct mp_property){"FileType", "SMX"};
	u.a.m.properties = &u.property;
	u.a.m.nproperties = 1;
	actor_compare(&u.a, NULL);
	leave(&u);
}

static void
an_encrypted_upload_is_made_as_recorded(void **state)
{
	struct upload u;

	(void)state;
	enter(&u, "sdk/30-hinv-encrypted/003-request");
	u.a.m.flags |= MP_FLAG_ENCRYPT;
	compare_signed(&u);
	leave(&u);
}

/* Blanks out what stands after a mark: a key or an IV. */
static void
blank(struct mp_buf *b, const void *mark, size_t marklen, size_t len)
{
	uint8_t *at = memmem(b->data, b->len, mark, marklen);

	assert_non_null(at);
	at += marklen;
	assert_true((size_t)(at - b->data) + len <= b->len);
	memset(at, 0, len);
}

static void
blank_secrets(struct mp_buf *der)
{
	static const uint8_t key[] = {0x05, 0x00, 0x04, 0x82, 0x01, 0x00};
	static const uint8_t iv[] = {0x86, 0xF7, 0x0D, 0x03, 0x07, 0x04, 0x08};

	blank(der, key, sizeof(key), 256);
	blank(der, iv, sizeof(iv), 8);
}

/*
 * All that stands before the recorded ciphertext; the padding of the cipher
 * tells how long the latter is: the packed payload, up to the next 8.
 */
static void
an_envelope_is_made_as_recorded(void **state)
{
	X509 *cert = vector_cert("sdk/mp-enc.pem");
	struct mp_recipients to = {&cert, 1, MP_CIPHER_3DES};
	struct mp_buf ours, theirs;
	struct mp_envelope v;
	struct mp_error e;
	struct upload u;

	(void)state;
	enter(&u, "sdk/30-hinv-encrypted/003-request");
	mp_buf_init(&ours, 1 << 16);
	mp_buf_init(&theirs, 1 << 16);
	assert_int_equal(mp_envelope_open(&v, &to, &e), MP_OK);
	v.size = u.a.v.packed.len / 8 * 8 + 8;
	assert_int_equal(mp_envelope_head(&v, &ours, &e), MP_OK);
	mp_envelope_close(&v);
	mp_buf_add(&theirs, u.a.v.payload.data, ours.len);
	blank_secrets(&ours);
	blank_secrets(&theirs);
	actor_same(&ours, &theirs);
	mp_buf_release(&ours);
	mp_buf_release(&theirs);
	X509_free(cert);
	leave(&u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_upload_is_made_as_recorded),
	    cmocka_unit_test(a_state_message_names_its_file_type),
	    cmocka_unit_test(an_encrypted_upload_is_made_as_recorded),
	    cmocka_unit_test(an_envelope_is_made_as_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
