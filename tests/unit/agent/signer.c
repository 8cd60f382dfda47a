#include "agent/signer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A signer that fails after dirtying every output it was given. */
struct dirty {
	int err;
	const char *text; /* the sentence it brings, or NULL */
	unsigned calls;
	bool lies; /* claims one more than there is room for */
};

static int
answer(struct dirty *d, struct signer_trouble *why)
{
	d->calls++;
	if (d->text != NULL)
		return signer_fail(why, d->err, "%s", d->text);
	return d->err;
}

static int
dirty_list(void *ctx, size_t from, struct signer_identity *ids, size_t max,
    size_t *n, struct signer_trouble *why)
{
	(void)from;
	memset(ids, 0xaa, max * sizeof(*ids));
	*n = max + ((struct dirty *)ctx)->lies;
	return answer(ctx, why);
}

static int
dirty_find(void *ctx, const uint8_t *thumb, size_t thumblen,
    struct signer_identity *id, struct signer_trouble *why)
{
	(void)thumb;
	(void)thumblen;
	memset(id, 0xaa, sizeof(*id));
	return answer(ctx, why);
}

static int
dirty_certificate(void *ctx, const uint8_t key[SIGNER_SHA256_LEN],
    unsigned depth, uint8_t *der, size_t *len, struct signer_trouble *why)
{
	(void)key;
	(void)depth;
	memset(der, 0xaa, *len);
	*len += ((struct dirty *)ctx)->lies;
	return answer(ctx, why);
}

static int
dirty_sign(void *ctx, const uint8_t key[SIGNER_SHA256_LEN],
    const struct signer_sign *what, uint8_t *sig, size_t *siglen,
    struct signer_trouble *why)
{
	(void)key;
	(void)what;
	memset(sig, 0xaa, *siglen);
	*siglen += ((struct dirty *)ctx)->lies;
	return answer(ctx, why);
}

static int
dirty_decrypt(void *ctx, const uint8_t key[SIGNER_SHA256_LEN],
    enum signer_scheme scheme, enum signer_hash hash, const uint8_t *in,
    size_t inlen, uint8_t *out, size_t *outlen, struct signer_trouble *why)
{
	(void)key;
	(void)scheme;
	(void)hash;
	(void)in;
	(void)inlen;
	memset(out, 0xaa, *outlen);
	*outlen += ((struct dirty *)ctx)->lies;
	return answer(ctx, why);
}

static void
dirty_close(void *ctx)
{
	((struct dirty *)ctx)->calls++;
}

static const struct signer_ops dirty_ops = {
    .name = "dirty",
    .list = dirty_list,
    .find = dirty_find,
    .certificate = dirty_certificate,
    .sign = dirty_sign,
    .decrypt = dirty_decrypt,
    .close = dirty_close,
};

static const uint8_t key[SIGNER_SHA256_LEN];
static const uint8_t data[SIGNER_TBS_MAX + 1];

static void
assert_empty(const void *p, size_t len)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < len; i++)
		assert_int_equal(b[i], 0);
}

static void
a_request_that_makes_no_sense_never_reaches_the_signer(void **state)
{
	static const struct signer_sign cases[] = {
	    {0, SIGNER_SHA256, false, 0, data, 1},
	    {SIGNER_RSA_OAEP, SIGNER_SHA256, false, 0, data, 1},
	    {(enum signer_scheme)99, SIGNER_SHA256, false, 0, data, 1},
	    {SIGNER_RSA_PKCS1, SIGNER_HASH_NONE, false, 0, data, 1},
	    {SIGNER_RSA_PKCS1, (enum signer_hash)9, false, 0, data, 1},
	    {SIGNER_RSA_PKCS1, SIGNER_SHA256, false, 0, NULL, 1},
	    {SIGNER_RSA_PKCS1, SIGNER_SHA256, false, 32, data, 1},
	    {SIGNER_RSA_PKCS1, SIGNER_SHA256, true, 0, data, 31},
	    {SIGNER_RSA_PKCS1, SIGNER_SHA256, true, 0, data, 33},
	    {SIGNER_RSA_PSS, SIGNER_SHA512, true, 64, data, 0},
	    {SIGNER_ECDSA, SIGNER_SHA1, true, 1, data, 20},
	    {SIGNER_RSA_PSS, SIGNER_SHA1, false, 20, data, SIGNER_TBS_MAX + 1},
	    {SIGNER_EDDSA, SIGNER_SHA512, false, 0, data, 1},
	    {SIGNER_EDDSA, SIGNER_HASH_NONE, true, 0, data, 64},
	    {SIGNER_EDDSA, SIGNER_HASH_NONE, false, 1, data, 1},
	    {SIGNER_EDDSA, SIGNER_HASH_NONE, false, 0, data,
		SIGNER_TBS_MAX + 1},
	};
	struct dirty d = {.err = SIGNER_OK, .text = NULL};
	struct signer s = {&dirty_ops, &d};
	struct signer_trouble why;
	uint8_t sig[SIGNER_SIG_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = sizeof(sig);

		memset(sig, 0xaa, sizeof(sig));
		assert_int_equal(
		    signer_sign(&s, key, &cases[i], sig, &len, &why),
		    SIGNER_EARG);
		assert_int_equal(len, 0);
		assert_empty(sig, sizeof(sig));
		assert_string_not_equal(why.text, "");
	}
	assert_int_equal(d.calls, 0);
}

static void
a_request_that_makes_sense_reaches_the_signer(void **state)
{
	static const struct signer_sign cases[] = {
	    {SIGNER_RSA_PKCS1, SIGNER_SHA1, true, 0, data, 20},
	    {SIGNER_RSA_PKCS1, SIGNER_SHA256, false, 0, NULL, 0},
	    {SIGNER_RSA_PSS, SIGNER_SHA384, true, 48, data, 48},
	    {SIGNER_RSA_PSS, SIGNER_SHA512, false, 0, data, SIGNER_TBS_MAX},
	    {SIGNER_ECDSA, SIGNER_SHA256, true, 0, data, 32},
	    {SIGNER_EDDSA, SIGNER_HASH_NONE, false, 0, data, 5},
	};
	struct dirty d = {.err = SIGNER_OK, .text = NULL};
	struct signer s = {&dirty_ops, &d};
	uint8_t sig[SIGNER_SIG_MAX];
	size_t n = sizeof(cases) / sizeof(cases[0]);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		size_t len = sizeof(sig);

		assert_int_equal(
		    signer_sign(&s, key, &cases[i], sig, &len, NULL),
		    SIGNER_OK);
	}
	assert_int_equal(d.calls, n);
}

static void
a_decryption_that_makes_no_sense_never_reaches_the_signer(void **state)
{
	static const struct {
		enum signer_scheme scheme;
		enum signer_hash hash;
		size_t inlen, room;
	} cases[] = {
	    {SIGNER_RSA_OAEP, SIGNER_HASH_NONE, 256, 256},
	    {SIGNER_RSA_PSS, SIGNER_SHA256, 256, 256},
	    {SIGNER_ECDSA, SIGNER_SHA256, 256, 256},
	    {(enum signer_scheme)0, SIGNER_HASH_NONE, 256, 256},
	    {SIGNER_RSA_PKCS1, SIGNER_HASH_NONE, 0, 256},
	    {SIGNER_RSA_PKCS1, SIGNER_HASH_NONE, 256, 255},
	    {SIGNER_RSA_PKCS1, SIGNER_HASH_NONE, SIGNER_DATA_MAX + 1,
		SIGNER_DATA_MAX + 1},
	};
	struct dirty d = {.err = SIGNER_OK, .text = NULL};
	struct signer s = {&dirty_ops, &d};
	struct signer_trouble why;
	uint8_t out[SIGNER_DATA_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = cases[i].room;

		memset(out, 0xaa, sizeof(out));
		assert_int_equal(
		    signer_decrypt(&s, key, cases[i].scheme, cases[i].hash,
			data, cases[i].inlen, out, &len, &why),
		    SIGNER_EARG);
		assert_int_equal(len, 0);
		assert_empty(out, cases[i].room);
		assert_string_not_equal(why.text, "");
	}
	assert_int_equal(d.calls, 0);
}

static void
a_thumbprint_of_an_odd_length_is_not_looked_for(void **state)
{
	struct dirty d = {.err = SIGNER_OK, .text = NULL};
	struct signer s = {&dirty_ops, &d};
	struct signer_identity id;

	(void)state;
	for (size_t len = 0; len <= SIGNER_SHA256_LEN + 1; len++) {
		if (len == SIGNER_SHA1_LEN || len == SIGNER_SHA256_LEN)
			continue;
		memset(&id, 0xaa, sizeof(id));
		assert_int_equal(
		    signer_find(&s, data, len, &id, NULL), SIGNER_EARG);
		assert_empty(&id, sizeof(id));
	}
	assert_int_equal(d.calls, 0);
}

static void
every_output_is_emptied_on_failure(void **state)
{
	struct dirty d = {.err = SIGNER_EDEVICE, .text = "it broke"};
	struct signer s = {&dirty_ops, &d};
	struct signer_sign what = {
	    SIGNER_RSA_PKCS1, SIGNER_SHA256, false, 0, data, 3};
	struct signer_identity ids[3];
	struct signer_trouble why;
	uint8_t buf[SIGNER_SIG_MAX];
	size_t len;

	(void)state;
	assert_int_equal(
	    signer_list(&s, 0, ids, 3, &len, &why), SIGNER_EDEVICE);
	assert_int_equal(len, 0);
	assert_empty(ids, sizeof(ids));

	assert_int_equal(
	    signer_find(&s, data, SIGNER_SHA1_LEN, ids, &why), SIGNER_EDEVICE);
	assert_empty(ids, sizeof(ids[0]));

	len = sizeof(buf);
	assert_int_equal(
	    signer_certificate(&s, key, 0, buf, &len, &why), SIGNER_EDEVICE);
	assert_int_equal(len, 0);
	assert_empty(buf, sizeof(buf));

	len = sizeof(buf);
	assert_int_equal(
	    signer_sign(&s, key, &what, buf, &len, &why), SIGNER_EDEVICE);
	assert_int_equal(len, 0);
	assert_empty(buf, sizeof(buf));

	len = 256;
	assert_int_equal(signer_decrypt(&s, key, SIGNER_RSA_PKCS1,
			     SIGNER_HASH_NONE, data, 256, buf, &len, &why),
	    SIGNER_EDEVICE);
	assert_int_equal(len, 0);
	assert_empty(buf, 256);
	assert_string_equal(why.text, "it broke");
	assert_int_equal(d.calls, 5);
}

static void
a_failure_without_words_gets_those_of_its_class(void **state)
{
	struct dirty d = {.err = SIGNER_EABSENT, .text = NULL};
	struct signer s = {&dirty_ops, &d};
	struct signer_identity id;
	struct signer_trouble why;

	(void)state;
	memset(&why, 0xaa, sizeof(why));
	assert_int_equal(
	    signer_find(&s, data, SIGNER_SHA1_LEN, &id, &why), SIGNER_EABSENT);
	assert_string_equal(why.text, signer_strerror(SIGNER_EABSENT));
	assert_int_equal(why.err, SIGNER_EABSENT);
	assert_int_equal(why.ckr, 0);
	assert_false(why.retry);
}

static void
success_leaves_no_trouble_behind(void **state)
{
	struct dirty d = {.err = SIGNER_OK, .text = NULL};
	struct signer s = {&dirty_ops, &d};
	struct signer_identity id;
	struct signer_trouble why;

	(void)state;
	memset(&why, 0xaa, sizeof(why));
	assert_int_equal(
	    signer_find(&s, data, SIGNER_SHA256_LEN, &id, &why), SIGNER_OK);
	assert_empty(&why, sizeof(why));
}

static void
closing_ends_a_signer_once(void **state)
{
	struct dirty d = {.err = SIGNER_OK, .text = NULL};
	struct signer s = {&dirty_ops, &d};

	(void)state;
	signer_close(NULL);
	signer_close(&s);
	signer_close(&s);
	assert_int_equal(d.calls, 1);
}

static void
a_sentence_longer_than_its_room_is_cut(void **state)
{
	struct signer_trouble why;

	(void)state;
	memset(&why, 0xaa, sizeof(why));
	assert_int_equal(
	    signer_fail(&why, SIGNER_EPIN, "%1000d", 7), SIGNER_EPIN);
	assert_int_equal(strlen(why.text), SIGNER_TEXT_MAX - 1);
	assert_int_equal(signer_fail(NULL, SIGNER_EPIN, "x"), SIGNER_EPIN);
}

static void
every_error_has_its_own_words(void **state)
{
	(void)state;
	for (int a = SIGNER_ENOMEM; a <= SIGNER_OK; a++) {
		assert_string_not_equal(signer_strerror(a), "unknown error");
		for (int b = SIGNER_ENOMEM; b < a; b++)
			assert_string_not_equal(
			    signer_strerror(a), signer_strerror(b));
	}
	assert_string_equal(signer_strerror(-99), "unknown error");
	assert_string_equal(signer_strerror(1), "unknown error");
}

#define SHA1_HEX "9f3a0102030405060708090a0b0c0d0e0f101112"
#define SHA256_HEX SHA1_HEX "131415161718191a1b1c1d1e"

static void
a_thumbprint_is_read_in_every_customary_spelling(void **state)
{
	static const struct {
		const char *text;
		size_t len; /* 0: refused */
	} cases[] = {
	    {SHA1_HEX, 20},
	    {SHA256_HEX, 32},
	    {"9F3A0102030405060708090A0B0C0D0E0F101112", 20},
	    {"9F:3A:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12", 20},
	    {"9f 3a 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 12", 20},
	    {"\xe2\x80\x8e" SHA1_HEX, 20},
	    {"9f3a 0102 0304 0506 0708 090a 0b0c 0d0e 0f10 1112", 20},
	    {"  " SHA1_HEX " ", 20},
	    {"", 0},
	    {" ", 0},
	    {"\xe2\x80\x8e", 0},
	    {"\xe2\x80", 0},
	    {SHA1_HEX "\xe2\x80\x8e", 0},
	    {"0x" SHA1_HEX, 0},
	    {SHA1_HEX "0", 0},
	    {SHA1_HEX "00", 0},
	    {SHA256_HEX "0", 0},
	    {SHA256_HEX "00", 0},
	    {SHA256_HEX SHA256_HEX, 0},
	    {"9:f3a0102030405060708090a0b0c0d0e0f101112", 0},
	    {"9f3a0102030405060708090a0b0c0d0e0f10111 2", 0},
	    {"9f-3a-01-02-03-04-05-06-07-08-09-0a-0b-0c-0d-0e-0f-10-11-12", 0},
	    {"gf3a0102030405060708090a0b0c0d0e0f101112", 0},
	    {"9f3a0102030405060708090a0b0c0d0e0f10111\xff", 0},
	    {SHA1_HEX "\n", 0},
	};
	uint8_t want[SIGNER_SHA256_LEN] = {0x9f, 0x3a};

	(void)state;
	for (size_t i = 2; i < sizeof(want); i++)
		want[i] = (uint8_t)(i - 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t buf[SIGNER_SHA256_LEN];
		size_t len = 77;
		int r;

		memset(buf, 0xaa, sizeof(buf));
		r = signer_thumbprint_parse(cases[i].text, buf, &len);
		if (r != (cases[i].len == 0 ? SIGNER_EARG : SIGNER_OK))
			fail_msg(
			    "case %zu: \"%s\" gives %d", i, cases[i].text, r);
		assert_int_equal(len, cases[i].len);
		assert_memory_equal(buf, want, len);
		if (r == SIGNER_OK)
			assert_empty(buf + len, sizeof(buf) - len);
	}
}

static void
every_truncation_of_a_thumbprint_is_refused(void **state)
{
	char text[] = SHA256_HEX;
	uint8_t buf[SIGNER_SHA256_LEN];
	size_t len;

	(void)state;
	for (size_t n = sizeof(text) - 1; n-- > 0;) {
		text[n] = '\0';
		if (n == 2 * SIGNER_SHA1_LEN)
			continue;
		assert_int_equal(
		    signer_thumbprint_parse(text, buf, &len), SIGNER_EARG);
		assert_int_equal(len, 0);
	}
}

static void
a_signer_that_claims_too_much_is_not_believed(void **state)
{
	struct dirty d = {.err = SIGNER_OK, .lies = true};
	struct signer s = {&dirty_ops, &d};
	struct signer_sign what = {
	    SIGNER_RSA_PKCS1, SIGNER_SHA256, false, 0, data, 3};
	struct signer_identity ids[2];
	uint8_t buf[64];
	size_t len;

	(void)state;
	assert_int_equal(signer_list(&s, 0, ids, 2, &len, NULL), SIGNER_EPROTO);
	assert_int_equal(len, 0);
	len = sizeof(buf);
	assert_int_equal(
	    signer_certificate(&s, key, 0, buf, &len, NULL), SIGNER_EPROTO);
	assert_empty(buf, sizeof(buf));
	len = sizeof(buf);
	assert_int_equal(
	    signer_sign(&s, key, &what, buf, &len, NULL), SIGNER_EPROTO);
	assert_empty(buf, sizeof(buf));
	len = sizeof(buf);
	assert_int_equal(signer_decrypt(&s, key, SIGNER_RSA_PKCS1,
			     SIGNER_HASH_NONE, data, 64, buf, &len, NULL),
	    SIGNER_EPROTO);
	assert_int_equal(len, 0);
	assert_empty(buf, sizeof(buf));
	d.lies = false;
	len = sizeof(buf);
	assert_int_equal(
	    signer_sign(&s, key, &what, buf, &len, NULL), SIGNER_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		a_request_that_makes_no_sense_never_reaches_the_signer),
	    cmocka_unit_test(a_request_that_makes_sense_reaches_the_signer),
	    cmocka_unit_test(
		a_decryption_that_makes_no_sense_never_reaches_the_signer),
	    cmocka_unit_test(a_thumbprint_of_an_odd_length_is_not_looked_for),
	    cmocka_unit_test(every_output_is_emptied_on_failure),
	    cmocka_unit_test(a_signer_that_claims_too_much_is_not_believed),
	    cmocka_unit_test(a_failure_without_words_gets_those_of_its_class),
	    cmocka_unit_test(success_leaves_no_trouble_behind),
	    cmocka_unit_test(closing_ends_a_signer_once),
	    cmocka_unit_test(a_sentence_longer_than_its_room_is_cut),
	    cmocka_unit_test(every_error_has_its_own_words),
	    cmocka_unit_test(a_thumbprint_is_read_in_every_customary_spelling),
	    cmocka_unit_test(every_truncation_of_a_thumbprint_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
