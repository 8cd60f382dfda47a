#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/proto.h"

static uint8_t buf[PROTO_PACKET_MAX];

/* Golden bytes: version 1 of the protocol never changes under a client. */
static void
expect(size_t len, const char *hex)
{
	char text[4096];

	assert_true(len > 0 && 2 * len < sizeof(text));
	for (size_t i = 0; i < len; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", buf[i]);
	assert_string_equal(text, hex);
}

static struct signer_identity
identity(void)
{
	struct signer_identity id = {.type = SIGNER_KEY_RSA,
	    .bits = 2048,
	    .mechs = 0x10e,
	    .uses = 7,
	    .token = "card",
	    .not_after = 0x123456789};

	memset(id.sha1, 0x11, sizeof(id.sha1));
	memset(id.sha256, 0x22, sizeof(id.sha256));
	return id;
}

#define SHA1_HEX "1111111111111111111111111111111111111111"
#define SHA256_HEX \
	"2222222222222222222222222222222222222222222222222222222222222222"
#define IDENTITY_HEX                       \
	SHA1_HEX SHA256_HEX "01"           \
			    "00000800"     \
			    "0000010e"     \
			    "00000007"     \
			    "000463617264" \
			    "0000000123456789"

static const struct client_question question = {.other = true,
    .uid = 1,
    .gid = 2,
    .groups = {3},
    .ngroups = 1,
    .program = "/x",
    .use = SIGNER_USE_DECRYPT,
    .scheme = SIGNER_RSA_OAEP,
    .hash = SIGNER_SHA256};

static void
requests_have_their_golden_bytes(void **state)
{
	static const uint8_t data[] = "0123456789abcdef0123456789abcdef";
	struct proto_sign s = {
	    .what = {SIGNER_RSA_PSS, SIGNER_SHA256, true, 32, data, 32}};
	struct proto_decrypt d = {.scheme = SIGNER_RSA_OAEP,
	    .hash = SIGNER_SHA1,
	    .data = data,
	    .len = 2};
	struct proto_certificate c = {.depth = 1};

	(void)state;
	memset(s.key, 0x22, sizeof(s.key));
	memset(d.key, 0x22, sizeof(d.key));
	memset(c.key, 0x22, sizeof(c.key));
	expect(proto_hello_pack(buf, sizeof(buf), 1), "010100000000000101");
	expect(proto_ping_pack(buf, sizeof(buf), 2), "0102000000000002");
	expect(proto_list_pack(buf, sizeof(buf), 3, 5),
	    "010300000000000300000005");
	expect(proto_find_pack(buf, sizeof(buf), 4, s.key, 20),
	    "0104000000000004"
	    "0014"
	    "2222222222222222222222222222222222222222");
	expect(proto_certificate_pack(buf, sizeof(buf), 5, &c),
	    "0105000000000005" SHA256_HEX "01");
	expect(proto_sign_pack(buf, sizeof(buf), 6, &s),
	    "0106000000000006" SHA256_HEX "02"
	    "02"
	    "01"
	    "0020"
	    "0020"
	    "3031323334353637383961626364656630313233343536373839616263646566");
	expect(proto_decrypt_pack(buf, sizeof(buf), 7, &d),
	    "0107000000000007" SHA256_HEX "03"
	    "01"
	    "0002"
	    "3031");
	expect(
	    proto_status_pack(buf, sizeof(buf), 8, 1), "01080000000000080001");
	expect(proto_explain_pack(buf, sizeof(buf), 9, &question),
	    "0109000000000009"
	    "01"
	    "00000001"
	    "00000002"
	    "0001"
	    "00000003"
	    "00022f78"
	    "0000"
	    "00000002"
	    "03"
	    "02"
	    "00");
}

static void
replies_have_their_golden_bytes(void **state)
{
	const struct client_finding found = {CLIENT_TROUBLE, "key", "no"};
	const struct proto_hello h = {1, 65536, 32, "x"};
	const struct signer_trouble why = {
	    .ckr = 0x30, .retry = true, .after_ms = 500, .text = "no"};
	const struct signer_identity id = identity();
	const struct client_token t = {"n", "l", "ready", "", 0, 1, 2, 3, 4, 5,
	    6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

	(void)state;
	expect(proto_hello_reply_pack(buf, sizeof(buf), 1, &h),
	    "0181000000000001"
	    "01"
	    "00010000"
	    "0020"
	    "000178");
	expect(proto_ping_reply_pack(buf, sizeof(buf), 2), "0182000000000002");
	expect(proto_list_reply_pack(buf, sizeof(buf), 3, &id, 1),
	    "0183000000000003"
	    "0001" IDENTITY_HEX);
	expect(proto_find_reply_pack(buf, sizeof(buf), 4, &id),
	    "0184000000000004" IDENTITY_HEX);
	expect(proto_blob_reply_pack(
		   buf, sizeof(buf), 6, PROTO_SIGN, (const uint8_t *)"sig", 3),
	    "0186000000000006"
	    "0003736967");
	expect(proto_explain_reply_pack(buf, sizeof(buf), 9, &found, 1),
	    "0189000000000009"
	    "0001"
	    "02"
	    "00036b6579"
	    "00026e6f");
	expect(proto_status_reply_pack(buf, sizeof(buf), 8, &t),
	    "0188000000000008"
	    "00016e"
	    "00016c"
	    "00057265616479"
	    "0000"
	    "00000000"
	    "0000000000000001"
	    "0000000000000002"
	    "0000000000000003"
	    "0000000000000004"
	    "0000000000000005"
	    "0000000000000006"
	    "0000000000000007"
	    "0000000000000008"
	    "0000000000000009"
	    "000000000000000a"
	    "000000000000000b"
	    "000000000000000c"
	    "000000000000000d"
	    "000000000000000e"
	    "000000000000000f");
	expect(proto_failure_pack(
		   buf, sizeof(buf), 9, PROTO_SIGN, SIGNER_EDEVICE, &why),
	    "0186000b00000009"
	    "00000030"
	    "01"
	    "000001f4"
	    "00026e6f");
}

/* Parses a request of any type. */
static int
parse(const uint8_t *p, size_t len)
{
	struct client_question q;
	struct proto_certificate c;
	struct proto_decrypt d;
	struct proto_header h;
	struct wire_reader r;
	struct proto_sign s;
	const uint8_t *thumb;
	uint32_t from;
	uint16_t index;
	uint8_t version;
	size_t n;

	if (proto_header_parse(&r, p, len, &h) != SIGNER_OK)
		return SIGNER_EPROTO;
	switch (h.type) {
	case PROTO_HELLO:
		return proto_hello_parse(&r, &version);
	case PROTO_PING:
		return proto_ping_parse(&r);
	case PROTO_LIST:
		return proto_list_parse(&r, &from);
	case PROTO_FIND:
		return proto_find_parse(&r, &thumb, &n);
	case PROTO_CERTIFICATE:
		return proto_certificate_parse(&r, &c);
	case PROTO_SIGN:
		return proto_sign_parse(&r, &s);
	case PROTO_DECRYPT:
		return proto_decrypt_parse(&r, &d);
	case PROTO_STATUS:
		return proto_status_parse(&r, &index);
	case PROTO_EXPLAIN:
		return proto_explain_parse(&r, &q);
	default:
		return SIGNER_EPROTO;
	}
}

/* A good packet of this type in buf; its length. */
static size_t
make(uint8_t type)
{
	static const uint8_t data[64] = {1, 2, 3};
	struct proto_sign s = {
	    .what = {SIGNER_ECDSA, SIGNER_SHA384, true, 0, data, 48}};
	struct proto_decrypt d = {
	    .scheme = SIGNER_RSA_PKCS1, .data = data, .len = 64};
	struct proto_certificate c = {.depth = 0};

	switch (type) {
	case PROTO_HELLO:
		return proto_hello_pack(buf, sizeof(buf), 1);
	case PROTO_PING:
		return proto_ping_pack(buf, sizeof(buf), 1);
	case PROTO_LIST:
		return proto_list_pack(buf, sizeof(buf), 1, 0);
	case PROTO_FIND:
		return proto_find_pack(buf, sizeof(buf), 1, data, 32);
	case PROTO_CERTIFICATE:
		return proto_certificate_pack(buf, sizeof(buf), 1, &c);
	case PROTO_SIGN:
		return proto_sign_pack(buf, sizeof(buf), 1, &s);
	case PROTO_DECRYPT:
		return proto_decrypt_pack(buf, sizeof(buf), 1, &d);
	case PROTO_EXPLAIN:
		return proto_explain_pack(buf, sizeof(buf), 1, &question);
	default:
		return proto_status_pack(buf, sizeof(buf), 1, 0);
	}
}

static void
every_truncation_and_any_trailing_byte_is_refused(void **state)
{
	(void)state;
	for (uint8_t type = PROTO_HELLO; type <= PROTO_EXPLAIN; type++) {
		size_t len = make(type);

		assert_int_equal(parse(buf, len), SIGNER_OK);
		for (size_t n = 0; n < len; n++)
			assert_int_equal(parse(buf, n), SIGNER_EPROTO);
		buf[len] = 0;
		assert_int_equal(parse(buf, len + 1), SIGNER_EPROTO);
	}
}

static void
a_question_that_cannot_be_meant_is_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} cases[] = {
	    {8, 2},  /* other: neither 0 nor 1 */
	    {17, 2}, /* groups */
	    {28, 1}, /* a thumbprint of one byte */
	    {32, 3}, /* two uses at once */
	    {33, 9}, /* scheme */
	    {34, 9}, /* hash */
	    {35, 2}, /* digest */
	};
	struct client_finding found[CLIENT_FINDINGS_MAX];
	struct wire_reader r;
	struct proto_header h;
	size_t n, len;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		len = make(PROTO_EXPLAIN);
		assert_int_equal(len, 36);
		buf[cases[i].at] = cases[i].value;
		assert_int_equal(parse(buf, len), SIGNER_EPROTO);
	}
	memset(found, 0, sizeof(found));
	len = proto_explain_reply_pack(
	    buf, sizeof(buf), 1, found, CLIENT_FINDINGS_MAX);
	assert_true(len != 0);
	assert_int_equal(proto_header_parse(&r, buf, len, &h), SIGNER_OK);
	assert_int_equal(proto_explain_reply_parse(&r, found, &n), SIGNER_OK);
	assert_int_equal(n, CLIENT_FINDINGS_MAX);
	buf[9]++; /* one more than there is room for */
	assert_int_equal(proto_header_parse(&r, buf, len, &h), SIGNER_OK);
	assert_int_equal(
	    proto_explain_reply_parse(&r, found, &n), SIGNER_EPROTO);
}

static void
a_request_that_cannot_be_meant_is_refused(void **state)
{
	static const struct {
		const char *why;
		size_t at;
		uint8_t value;
	} cases[] = {
	    {"another version", 0, 2},
	    {"a status in a request", 3, 1},
	    {"scheme 0", 40, 0},
	    {"an unknown scheme", 40, 9},
	    {"a scheme that does not sign", 40, SIGNER_RSA_OAEP},
	    {"an unknown hash", 41, 99},
	    {"a hash of another length", 41, SIGNER_SHA256},
	    {"digest neither 0 nor 1", 42, 2},
	    {"a salt where none can be", 44, 20},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = make(PROTO_SIGN);

		buf[cases[i].at] = cases[i].value;
		if (parse(buf, len) != SIGNER_EPROTO)
			fail_msg("taken: %s", cases[i].why);
	}
}

static void
what_does_not_fit_is_not_packed(void **state)
{
	static uint8_t data[SIGNER_TBS_MAX + 1];
	struct proto_sign s = {.what = {SIGNER_RSA_PKCS1, SIGNER_SHA256, false,
				   0, data, sizeof(data)}};

	(void)state;
	assert_int_equal(proto_ping_pack(buf, 7, 1), 0);
	assert_true(proto_sign_pack(buf, sizeof(buf), 1, &s) > 0);
	assert_int_equal(parse(buf, proto_sign_pack(buf, sizeof(buf), 1, &s)),
	    SIGNER_EPROTO);
	s.what.len = 65536;
	assert_int_equal(proto_sign_pack(buf, sizeof(buf), 1, &s), 0);
}

static void
a_failure_comes_back_whole(void **state)
{
	struct signer_trouble why = {.ckr = 0xa0,
				  .after_ms = 7,
				  .text = "the PIN was refused"},
			      got;
	struct proto_header h;
	struct wire_reader r;
	size_t len;

	(void)state;
	len = proto_failure_pack(
	    buf, sizeof(buf), 77, PROTO_DECRYPT, SIGNER_EPIN, &why);
	assert_int_equal(proto_header_parse(&r, buf, len, &h), SIGNER_OK);
	assert_true(h.reply);
	assert_int_equal(h.type, PROTO_DECRYPT);
	assert_int_equal(-(int)h.status, SIGNER_EPIN);
	assert_int_equal(h.id, 77);
	assert_int_equal(proto_failure_parse(&r, &got), SIGNER_OK);
	assert_int_equal(got.ckr, 0xa0);
	assert_int_equal(got.after_ms, 7);
	assert_string_equal(got.text, why.text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(requests_have_their_golden_bytes),
	    cmocka_unit_test(replies_have_their_golden_bytes),
	    cmocka_unit_test(every_truncation_and_any_trailing_byte_is_refused),
	    cmocka_unit_test(a_question_that_cannot_be_meant_is_refused),
	    cmocka_unit_test(a_request_that_cannot_be_meant_is_refused),
	    cmocka_unit_test(what_does_not_fit_is_not_packed),
	    cmocka_unit_test(a_failure_comes_back_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
