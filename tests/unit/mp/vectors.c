/*
 * Our messages against those that an independent client sent: the same
 * inputs must give the same bytes, header and payload, signatures included.
 * actor.h lists the differences that are allowed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mp/kinds/assignments.h"
#include "mp/kinds/registration.h"
#include "tests/unit/mp/actor.h"

static void
check_registration(const char *name, const char *cert, int type,
    enum mp_hash hash, const char *confirm)
{
	struct mp_registration r = {.netbios = "CLIENT1",
	    .fqdn = "client1.example.test",
	    .agent_type = type,
	    .hash = hash};
	char proxy[ACTOR_FIELD];
	struct mp_buf xml;
	struct mp_error e;
	struct actor a;
	int x;

	actor_enter(&a, name, cert);
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
	actor_compare(&a, NULL);
	mp_buf_release(&xml);
	actor_leave(&a);
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
	check_registration("sdk/05-register-isvproxy-client/002-request",
	    "sdk/client-selfsigned.pem", 8, MP_SHA256, ID);
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

	actor_enter(&a, name, cert);
	mp_buf_init(&xml, 1 << 20);
	mp_buf_init(&id, ACTOR_FIELD);
	mp_buf_init(&sig, ACTOR_FIELD);
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
	actor_compare(&a, &auth);
	mp_buf_release(&xml);
	mp_buf_release(&id);
	mp_buf_release(&sig);
	actor_leave(&a);
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
	actor_enter(&a, "sdk/15-policy-request-https-pki/001-request",
	    "sdk/client-pki.pem");
	mp_buf_init(&one, ACTOR_FIELD);
	mp_buf_init(&two, ACTOR_FIELD);
	assert_int_equal(
	    mp_identity_sign_id(&a.me, MP_SHA256, ID, &one, &e), 0);
	assert_int_equal(
	    mp_identity_sign_id(&a.me, MP_SHA256, ID, &two, &e), 0);
	actor_same(&one, &two);
	assert_int_equal(a.recorded.signs, 1);
	/* SHA-1 is another signature, which nobody recorded. */
	assert_int_equal(
	    mp_identity_sign_id(&a.me, MP_SHA1, ID, &two, &e), MP_ESIGNER);
	mp_buf_release(&one);
	mp_buf_release(&two);
	actor_leave(&a);
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
