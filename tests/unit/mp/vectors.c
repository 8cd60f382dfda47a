/*
 * Our messages against those that an independent client sent: the same
 * inputs must give the same bytes, header and payload, signatures included.
 * One difference is allowed: our ReplyTo names the source host, theirs the
 * machine's own name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mp/encode.h"
#include "mp/kinds/assignments.h"
#include "mp/kinds/registration.h"
#include "tests/unit/mp/vector.h"

#define FIELD 1024

/* What a test needs to speak as the recorded client. */
struct actor {
	struct vector v;
	struct vector_signer recorded;
	struct signer signer;
	struct evp *evp;
	struct mp_identity me;
	struct mp_message m;
	char endpoint[FIELD], host[FIELD], target[FIELD], source[FIELD];
	char sig[3][FIELD];
};

static const char *
field(struct actor *a, const char *before, const char *after, char *out)
{
	return vector_between(&a->v.header, before, after, out, FIELD);
}

static void
act(struct actor *a, const char *name, const char *cert)
{
	static const uint8_t any[SIGNER_SHA1_LEN];
	struct signer_trouble why;
	struct mp_error e;
	char text[FIELD];

	memset(a, 0, sizeof(*a));
	vector_load(&a->v, name);
	a->recorded.cert = vector_cert(cert);
	a->recorded.hex[0] = vector_between(
	    &a->v.xml, "<SignatureValue>", "<", a->sig[0], FIELD);
	a->recorded.hex[1] = field(a, "\"ClientIDSignature\">", "<", a->sig[1]);
	a->recorded.hex[2] = field(a, "\"PayloadSignature\">", "<", a->sig[2]);
	vector_signer(&a->recorded, &a->signer);
	assert_int_equal(evp_open(&a->evp, &why), 0);
	assert_int_equal(
	    mp_identity_open(&a->me, a->evp, &a->signer, any, sizeof(any), &e),
	    MP_OK);

	assert_int_equal(mp_message_init(&a->m), 0);
	a->m.flags = MP_FLAG_COMPRESS;
	a->m.endpoint = field(a, "<TargetEndpoint>", "<", a->endpoint);
	a->m.source_host = field(a, "<SourceHost>", "<", a->host);
	a->m.target_host = field(a, "<TargetHost>", "<", a->target);
	if (field(a, "<SourceID>", "<", a->source)[0] != '\0')
		a->m.source_id = a->source;
	(void)snprintf(
	    a->m.id, sizeof(a->m.id), "%s", field(a, "<ID>", "<", text));
	(void)snprintf(a->m.sent, sizeof(a->m.sent), "%s",
	    field(a, "<SentTime>", "<", text));
}

static void
leave(struct actor *a)
{
	mp_identity_close(&a->me);
	evp_close(a->evp);
	X509_free(a->recorded.cert);
	vector_release(&a->v);
}

/* The recorded header, with our ReplyTo. */
static void
expected_header(struct actor *a, struct mp_buf *out)
{
	static const char theirs[] = "<ReplyTo>direct:vm:";
	const char *text = (const char *)a->v.header.data;
	const char *at = strstr(text, theirs);

	mp_buf_init(out, 1 << 20);
	assert_non_null(at);
	mp_buf_add(out, text, (size_t)(at - text));
	mp_buf_printf(out, "<ReplyTo>direct:%s:", a->host);
	mp_buf_str(out, at + sizeof(theirs) - 1);
}

static void
same(const struct mp_buf *ours, const struct mp_buf *theirs)
{
	assert_true(mp_buf_ok(ours));
	assert_int_equal(ours->len, theirs->len);
	assert_memory_equal(ours->data, theirs->data, theirs->len);
}

static int
put_in_buf(void *ctx, const void *data, size_t len, struct mp_error *e)
{
	(void)e;
	mp_buf_add(ctx, data, len);
	return 0;
}

/* Header, payload and frame of a->m must be the recorded ones. */
static void
compare(struct actor *a, const struct mp_clientauth *auth)
{
	struct mp_buf clear, header, theirs, frame;
	const struct mp_sink to = {put_in_buf, &clear};
	struct mp_layout layout;
	struct mp_error e;

	mp_buf_init(&clear, 1 << 20);
	mp_buf_init(&header, 1 << 20);
	mp_buf_init(&frame, 1 << 20);
	expected_header(a, &theirs);
	assert_int_equal(mp_encode_payload(&a->m, &to, &layout, &e), 0);
	same(&clear, &a->v.clear);
	assert_int_equal(
	    mp_encode_header(&a->m, auth, &layout, &header, &e), 0);
	assert_string_equal((char *)header.data, (char *)theirs.data);
	assert_int_equal(mp_encode_head(&a->v.header, &frame, &e), 0);
	mp_buf_add(&frame, a->v.payload.data, a->v.payload.len);
	mp_encode_tail(&frame);
	same(&frame, &a->v.body);
	mp_layout_release(&layout);
	mp_buf_release(&clear);
	mp_buf_release(&header);
	mp_buf_release(&theirs);
	mp_buf_release(&frame);
}

static void
check_registration(const char *name, const char *cert, int type,
    enum mp_hash hash, const char *confirm)
{
	struct mp_registration r = {.netbios = "CLIENT1",
	    .fqdn = "client1.example.test",
	    .agent_type = type,
	    .hash = hash};
	char proxy[FIELD];
	struct mp_buf xml;
	struct mp_error e;
	struct actor a;
	int x;

	act(&a, name, cert);
	mp_buf_init(&xml, 1 << 20);
	r.time = a.m.sent;
	if (type == 8)
		r.proxy = vector_between(&a.v.xml, "<Signature SMSID=\"", "\"",
		    proxy, sizeof(proxy));
	x = confirm == NULL
		? mp_registration_request(&r, &a.me, &xml, &e)
		: mp_registration_confirmation(&r, &a.me, confirm, &xml, &e);
	if (x != MP_OK)
		fail_msg("%s: %s", name, e.text);
	a.m.body = (const char *)xml.data;
	compare(&a, NULL);
	mp_buf_release(&xml);
	leave(&a);
}

#define ID "GUID:0D5A4B1C-1111-2222-3333-444455556666"

static void
a_registration_is_made_as_recorded(void **state)
{
	static const char own[] = "sdk/client-selfsigned.pem";
	static const char pki[] = "sdk/client-pki.pem";

	(void)state;
	check_registration("sdk/01-register-pending-confirm/001-request", own,
	    0, MP_SHA256, NULL);
	check_registration(
	    "sdk/02-register-windowsauth/001-request", own, 0, MP_SHA256, NULL);
	check_registration(
	    "sdk/04-register-sha1/001-request", own, 0, MP_SHA1, NULL);
	check_registration("sdk/05-register-isvproxy-client/001-request", own,
	    8, MP_SHA256, NULL);
	check_registration(
	    "sdk/08-register-https-pki/001-request", pki, 0, MP_SHA256, NULL);
}

static void
a_confirmation_is_made_as_recorded(void **state)
{
	(void)state;
	check_registration("sdk/01-register-pending-confirm/002-request",
	    "sdk/client-selfsigned.pem", 0, MP_SHA256, ID);
	check_registration("sdk/04-register-sha1/002-request",
	    "sdk/client-selfsigned.pem", 0, MP_SHA1, ID);
	check_registration("sdk/08-register-https-pki/002-request",
	    "sdk/client-pki.pem", 0, MP_SHA256, ID);
}

static void
check_policy_request(
    const char *name, const char *cert, enum mp_hash hash, uint32_t flags)
{
	struct mp_assignments_request r = {
	    .smsid = ID, .fqdn = "localhost", .netbios = "vm", .site = "PRI"};
	struct mp_clientauth auth = {0};
	struct mp_buf xml, id, sig;
	struct mp_error e;
	struct actor a;

	act(&a, name, cert);
	mp_buf_init(&xml, 1 << 20);
	mp_buf_init(&id, FIELD);
	mp_buf_init(&sig, FIELD);
	assert_int_equal(mp_assignments_request(&r, &xml, &e), MP_OK);
	/* The signer knows no other digests than the recorded ones. */
	assert_int_equal(
	    mp_identity_sign_id(&a.me, hash, a.source, &id, &e), 0);
	assert_int_equal(mp_identity_sign(&a.me, hash, a.v.payload.data,
			     a.v.payload.len, &sig, &e),
	    0);
	auth.public_key = a.me.public_hex;
	auth.client_id_signature = (const char *)id.data;
	auth.payload_signature = (const char *)sig.data;
	auth.hash_algorithm = hash == MP_SHA1 ? NULL : "1.2.840.113549.1.1.11";
	a.m.body = (const char *)xml.data;
	a.m.flags |= flags;
	compare(&a, &auth);
	mp_buf_release(&xml);
	mp_buf_release(&id);
	mp_buf_release(&sig);
	leave(&a);
}

static void
a_policy_request_is_made_as_recorded(void **state)
{
	(void)state;
	check_policy_request("sdk/10-policy-request/001-request",
	    "sdk/client-selfsigned.pem", MP_SHA256, MP_FLAG_SIGN);
	check_policy_request("sdk/11-policy-request-sha1/001-request",
	    "sdk/client-selfsigned.pem", MP_SHA1, MP_FLAG_SIGN);
	check_policy_request("sdk/15-policy-request-https-pki/001-request",
	    "sdk/client-pki.pem", MP_SHA256, MP_FLAG_SIGN | MP_FLAG_NATIVE);
}

static void
a_client_id_is_signed_once(void **state)
{
	struct mp_buf one, two;
	struct mp_error e;
	struct actor a;

	(void)state;
	act(&a, "sdk/15-policy-request-https-pki/001-request",
	    "sdk/client-pki.pem");
	mp_buf_init(&one, FIELD);
	mp_buf_init(&two, FIELD);
	assert_int_equal(
	    mp_identity_sign_id(&a.me, MP_SHA256, ID, &one, &e), 0);
	assert_int_equal(
	    mp_identity_sign_id(&a.me, MP_SHA256, ID, &two, &e), 0);
	same(&one, &two);
	assert_int_equal(a.recorded.signs, 1);
	/* SHA-1 is another signature, which nobody recorded. */
	assert_int_equal(
	    mp_identity_sign_id(&a.me, MP_SHA1, ID, &two, &e), MP_ESIGNER);
	mp_buf_release(&one);
	mp_buf_release(&two);
	leave(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_registration_is_made_as_recorded),
	    cmocka_unit_test(a_confirmation_is_made_as_recorded),
	    cmocka_unit_test(a_policy_request_is_made_as_recorded),
	    cmocka_unit_test(a_client_id_is_signed_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
