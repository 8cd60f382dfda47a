#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/proto.h"
#include "agent/worker/serve.h"
#include "tests/fake/soft_signer.h"

static struct soft_signer *soft;
static struct signer signer;
static struct signer_identity id;
static uint8_t req[PROTO_PACKET_MAX], rep[PROTO_PACKET_MAX];

static void
status(void *ctx, struct client_token *t)
{
	(void)ctx;
	(void)snprintf(t->name, sizeof(t->name), "soft");
}

static const struct serve sv = {&signer, status, NULL};

static int
make(void **state)
{
	(void)state;
	soft = soft_signer_new();
	soft_signer_make(soft, "rsa-2048", "serve", &id, NULL);
	soft_signer_signer(soft, &signer);
	return 0;
}

static int
unmake(void **state)
{
	(void)state;
	signer_close(&signer);
	return 0;
}

/* Answers req; leaves r at the body of the reply. Its status as an error. */
static int
ask(size_t len, struct wire_reader *r)
{
	struct signer_trouble why;
	struct proto_header h;
	size_t n;
	int err;

	n = serve_answer(&sv, req, len, rep, sizeof(rep), &err, &why);
	assert_true(n > 0);
	assert_int_equal(proto_header_parse(r, rep, n, &h), SIGNER_OK);
	assert_true(h.reply);
	assert_int_equal(-(int)h.status, err);
	return err;
}

static size_t
sign_request(size_t hashlen)
{
	static const uint8_t digest[SIGNER_HASH_MAX] = {7};
	struct proto_sign s = {.what = {SIGNER_RSA_PKCS1, SIGNER_SHA256, true,
				   0, digest, hashlen}};

	memcpy(s.key, id.sha256, sizeof(s.key));
	return proto_sign_pack(req, sizeof(req), 1, &s);
}

static void
a_good_request_reaches_the_signer(void **state)
{
	unsigned long before = soft_signer_counts(soft).signs;
	uint8_t sig[SIGNER_SIG_MAX];
	size_t siglen = sizeof(sig);
	struct wire_reader r;

	(void)state;
	assert_int_equal(ask(sign_request(32), &r), SIGNER_OK);
	assert_int_equal(proto_blob_reply_parse(&r, sig, &siglen), SIGNER_OK);
	assert_int_equal(siglen, 256);
	assert_int_equal(soft_signer_counts(soft).signs, before + 1);
}

static void
a_bad_request_never_reaches_the_signer(void **state)
{
	unsigned long before = soft_signer_counts(soft).signs;
	struct signer_trouble why;
	struct wire_reader r;
	size_t len = sign_request(32);
	int err;

	(void)state;
	for (size_t n = 0; n < len; n++) {
		if (n < PROTO_HEADER_LEN)
			assert_int_equal(serve_answer(&sv, req, n, rep,
					     sizeof(rep), &err, &why),
			    0);
		else
			assert_int_equal(ask(n, &r), SIGNER_EPROTO);
	}
	assert_int_equal(ask(sign_request(31), &r), SIGNER_EPROTO);
	assert_int_equal(soft_signer_counts(soft).signs, before);
}

static void
an_error_of_the_signer_crosses_with_its_words(void **state)
{
	struct signer_trouble why;
	struct wire_reader r;

	(void)state;
	soft_signer_fail(soft, SIGNER_EABSENT, 1);
	assert_int_equal(ask(sign_request(32), &r), SIGNER_EABSENT);
	assert_int_equal(proto_failure_parse(&r, &why), SIGNER_OK);
	assert_true(why.text[0] != '\0');
}

static void
what_is_the_fronts_is_not_answered_here(void **state)
{
	struct wire_reader r;

	(void)state;
	assert_int_equal(
	    ask(proto_list_pack(req, sizeof(req), 1, 0), &r), SIGNER_EPROTO);
	assert_int_equal(
	    ask(proto_ping_pack(req, sizeof(req), 1), &r), SIGNER_EPROTO);
}

static void
certificates_and_status_are_answered(void **state)
{
	struct proto_certificate c = {.depth = 0};
	static uint8_t der[SIGNER_CERT_MAX];
	size_t len = sizeof(der);
	struct client_token t;
	struct wire_reader r;

	(void)state;
	memcpy(c.key, id.sha256, sizeof(c.key));
	assert_int_equal(
	    ask(proto_certificate_pack(req, sizeof(req), 1, &c), &r),
	    SIGNER_OK);
	assert_int_equal(proto_blob_reply_parse(&r, der, &len), SIGNER_OK);
	assert_int_equal(der[0], 0x30);
	assert_int_equal(
	    ask(proto_status_pack(req, sizeof(req), 1, 0), &r), SIGNER_OK);
	assert_int_equal(proto_status_reply_parse(&r, &t), SIGNER_OK);
	assert_string_equal(t.name, "soft");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_good_request_reaches_the_signer),
	    cmocka_unit_test(a_bad_request_never_reaches_the_signer),
	    cmocka_unit_test(an_error_of_the_signer_crosses_with_its_words),
	    cmocka_unit_test(what_is_the_fronts_is_not_answered_here),
	    cmocka_unit_test(certificates_and_status_are_answered),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
