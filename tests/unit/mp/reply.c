#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mp/multipart.h"
#include "mp/reply.h"
#include "mp/utf16.h"
#include "mp/zip.h"
#include "tests/unit/mp/vector.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define TYPE "multipart/mixed; boundary=\"B\""

/* A reply with that header and payload; release it. */
static struct mp_buf
make(const char *header, const void *payload, size_t len)
{
	struct mp_buf b;

	mp_buf_init(&b, 1 << 26);
	mp_buf_str(&b, "--B\r\ncontent-type: text/plain\r\n\r\n");
	mp_buf_str(&b, header);
	mp_buf_str(&b, "\r\n--B\r\n\r\n");
	mp_buf_add(&b, payload, len);
	mp_buf_str(&b, "\r\n--B--");
	return b;
}

/* Parses it; on failure the sentence must hold `words`. */
static int
parse(const char *header, const char *payload, const char *words)
{
	struct mp_buf b = make(header, payload, strlen(payload));
	struct mp_error e = {0};
	struct mp_reply r;
	int x;

	x = mp_reply_parse(&r, TYPE, b.data, b.len, &e);
	if (x != MP_OK && (words == NULL || strstr(e.text, words) == NULL))
		fail_msg("%s: %s", header, e.text);
	if (x != MP_OK)
		assert_null(r.payload);
	mp_reply_release(&r);
	mp_buf_release(&b);
	return x;
}

static void
what_is_no_message_is_refused(void **state)
{
	static const struct {
		const char *type, *body, *words;
	} bad[] = {{TYPE, "", "nothing to say"},
	    {"text/html", "<html>", "text/html"},
	    {"multipart/mixed", "--B", "boundary"},
	    {"multipart/mixed; boundary=\"\"", "--", "boundary"},
	    {"multipart/mixed; boundary=\"B", "--B", "boundary"},
	    {TYPE, "no such thing", "does not hold the boundary"},
	    {TYPE, "--B\r\n\r\n<Msg/>\r\n--B--", "1 parts"},
	    {TYPE, "--B--", "0 parts"},
	    {TYPE, "--Bx\r\n\r\n<Msg/>\r\n--B--", "stray"},
	    {TYPE, "--B\r\n\r\n1\r\n--B\r\n\r\n2\r\n--B\r\n\r\n3\r\n--B--",
		"more than 2"},
	    {NULL, "--B\r\n\r\n", "does not hold the boundary"}};
	struct mp_error e;
	struct mp_reply r;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(
		    mp_reply_parse(&r, bad[i].type,
			(const uint8_t *)bad[i].body, strlen(bad[i].body), &e),
		    MP_EREPLY);
		if (strstr(e.text, bad[i].words) == NULL)
			fail_msg("%zu: %s", i, e.text);
	}
	assert_int_equal(mp_reply_parse(&r, TYPE, (const uint8_t *)"",
			     MP_REPLY_MAX + 1u, &e),
	    MP_ELIMIT);
	mp_reply_release(NULL);
}

static void
the_boundary_is_found_however_it_is_written(void **state)
{
	static const char *const types[] = {"multipart/mixed; boundary=\"B\"",
	    "Multipart/Related;BOUNDARY=B", "multipart/mixed;  Boundary=B; x=y",
	    "multipart/mixed; x=\"boundary=C;\"; boundary=\"B\""};
	static const char body[] =
	    "preamble\r\n--B \t\r\nContent-Type: x\r\n"
	    "\r\n<Msg/>\r\n--B\r\n\r\npay\r\n--load\r\n--B--\r\n";
	struct mp_error e;
	struct mp_reply r;

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		if (mp_reply_parse(&r, types[i], (const uint8_t *)body,
			sizeof(body) - 1, &e) != MP_OK)
			fail_msg("%s: %s", types[i], e.text);
		assert_string_equal((char *)r.payload, "pay\r\n--load");
		mp_reply_release(&r);
	}
}

#define AUTH(props) "<Hook Name='authenticate'>" props "</Hook>"
#define SIG "<Property Name='Signature'>3000</Property>"

static void
a_doubtful_header_is_refused(void **state)
{
	static const struct {
		const char *header, *words;
	} bad[] = {{"<Msg>", "well-formed"}, {"<Other/>", "<Other>"},
	    {"<!DOCTYPE Msg><Msg/>", "document type"}, {"\xFF", "UTF-8"},
	    {"<Msg><Body Length='x'/></Msg>", "no number"},
	    {"<Msg><Body Length='-1'/></Msg>", "no number"},
	    {"<Msg><Body Length='2' Offset='1'/></Msg>", "offset"},
	    {"<Msg><Body/><Body/></Msg>", "more than one Body"},
	    {"<Msg><Hooks/><hooks/></Msg>", "more than one Hooks"},
	    {"<Msg><ID/><ID/></Msg>", "more than one ID"},
	    {"<Msg><Hooks><Hook3 Name='zlib-compress'/>"
	     "<Hook Name='ZLIB-compress'/></Hooks></Msg>",
		"two zlib"},
	    {"<Msg><Hooks><Hook2 Name='encrypt'/></Hooks></Msg>", "encrypt"},
	    {"<Msg><Hooks><Hook Name='compress'/></Hooks></Msg>", "compress"},
	    {"<Msg><Body Length='1'/><Hooks>" AUTH(SIG)
		    AUTH(SIG) "</Hooks></Msg>",
		"two authenticate"},
	    {"<Msg><Body Length='1'/><Hooks>" AUTH(SIG SIG) "</Hooks></Msg>",
		"two properties"},
	    {"<Msg><Body Length='1'/><Hooks>" AUTH("") "</Hooks></Msg>",
		"no signature"},
	    {"<Msg><Body Length='1'/><Hooks>" AUTH(
		 "<Property "
		 "Name='Signature'>30 0</Property>") "</Hooks></Msg>",
		"no signature"},
	    {"<Msg><Body Length='2'/><Hooks>" AUTH(SIG) "</Hooks></Msg>",
		"over 2 bytes"},
	    {"<Msg><Body Length='0'/><Hooks>" AUTH(SIG) "</Hooks></Msg>",
		"over 0 bytes"},
	    {"<Msg><Hooks>" AUTH(SIG) "</Hooks></Msg>", "over 0 bytes"}};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(
		    parse(bad[i].header, "x", bad[i].words), MP_EREPLY);
}

static void
unknown_elements_and_hooks_are_ignored(void **state)
{
	(void)state;
	assert_int_equal(parse("<Msg><New x='1'/><Body Length='9999'/><Hooks>"
			       "<Hook Name='other'/><Hook/><Hook2 "
			       "Name='authenticator'/></Hooks>"
			       "</Msg>",
			     "x", NULL),
	    MP_OK);
	assert_int_equal(
	    parse("<Msg><Body Length='1'/><Hooks>" AUTH(SIG
		      "<x/>"
		      "<Property Name='More'>1</Property>") "</Hooks></Msg>",
		"x", NULL),
	    MP_OK);
}

static void
a_recorded_signed_reply_is_taken_apart(void **state)
{
	struct mp_error e;
	struct mp_reply r;
	struct vector v;
	struct mp_buf xml;

	(void)state;
	vector_load(&v, "sdk/60-reply-authenticated-accepted/001-response");
	assert_int_equal(
	    mp_reply_parse(&r, v.content_type, v.body.data, v.body.len, &e),
	    MP_OK);
	assert_true(r.signed_ && r.compressed);
	assert_int_equal(r.body_length, 675);
	assert_int_equal(r.payload_len, 675);
	assert_memory_equal(r.payload, v.payload.data, 675);
	assert_int_equal(r.signature_len, 1202);
	assert_string_equal(r.site_code, "PRI");
	assert_string_equal(r.senders, "MP1;127.0.0.1;");
	assert_string_equal(r.msg_id, "{11111111-2222-3333-4444-555555555555}");
	mp_buf_init(&xml, 1 << 20);
	assert_int_equal(mp_reply_body(&r, &xml, &e), MP_OK);
	assert_string_equal((char *)xml.data, (char *)v.xml.data);
	mp_buf_release(&xml);
	mp_reply_release(&r);
	vector_release(&v);
}

static void
every_truncation_is_refused(void **state)
{
	struct mp_error e;
	struct mp_reply r;
	struct vector v;
	uint8_t *cut;

	(void)state;
	vector_load(&v, "sdk/60-reply-authenticated-accepted/001-response");
	/* The final CR LF may go; the "--" before it must not. */
	for (size_t n = 0; n < v.body.len - 2; n++) {
		cut = malloc(n + 1); /* so that ASan sees a byte too far */
		assert_non_null(cut);
		memcpy(cut, v.body.data, n);
		assert_int_equal(
		    mp_reply_parse(&r, v.content_type, cut, n, &e), MP_EREPLY);
		free(cut);
	}
	vector_release(&v);
}

static void
every_damaged_byte_is_survived(void **state)
{
	struct mp_error e;
	struct mp_reply r;
	struct vector v;
	struct mp_buf xml;

	(void)state;
	vector_load(&v, "sdk/08-register-https-pki/001-response");
	for (size_t i = 0; i < v.body.len; i++) {
		v.body.data[i] ^= 0x5A;
		mp_buf_init(&xml, 1 << 20);
		if (mp_reply_parse(&r, v.content_type, v.body.data, v.body.len,
			&e) == MP_OK &&
		    mp_reply_body(&r, &xml, &e) != MP_OK)
			assert_int_equal(xml.len, 0);
		mp_reply_release(&r);
		mp_buf_release(&xml);
		v.body.data[i] ^= 0x5A;
	}
	vector_release(&v);
}

static void
a_payload_is_read_in_each_of_its_forms(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		int want;
	} forms[] = {{"<\0a\0/\0>\0", 8, MP_OK},
	    {"\xFF\xFE<\0a\0/\0>\0\0\0", 12, MP_OK},
	    {"<\0a\0/\0>\0\0\0\r\n", 12, MP_OK}, {"<a/>", 4, MP_OK},
	    {"", 0, MP_EREPLY}, {"\xFF\xFE\0\0", 4, MP_EREPLY},
	    {"<\0a\0/\0>\0\0\0x", 11, MP_EREPLY}};
	struct mp_buf packed, body, xml;
	struct mp_error e;
	struct mp_reply r;

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(forms); i++) {
		bool zip = i % 2 == 1;

		mp_buf_init(&packed, 1000);
		mp_buf_init(&xml, 1000);
		mp_buf_add(
		    &packed, forms[i / 2].data, zip ? 0 : forms[i / 2].len);
		if (zip)
			assert_int_equal(
			    mp_zip((const uint8_t *)forms[i / 2].data,
				forms[i / 2].len, &packed, &e),
			    0);
		body = make(zip ? "<Msg><Hooks><Hook3 Name='zlib-compress'/>"
				  "</Hooks></Msg>"
				: "<Msg/>",
		    packed.data, packed.len);
		assert_int_equal(
		    mp_reply_parse(&r, TYPE, body.data, body.len, &e), MP_OK);
		assert_int_equal(
		    mp_reply_body(&r, &xml, &e), forms[i / 2].want);
		if (forms[i / 2].want == MP_OK)
			assert_string_equal((char *)xml.data, "<a/>");
		mp_reply_release(&r);
		mp_buf_release(&packed);
		mp_buf_release(&body);
		mp_buf_release(&xml);
	}
}

static void
a_zip_bomb_in_a_reply_is_refused(void **state)
{
	static uint8_t zeros[8 << 20];
	struct mp_buf packed, body, xml;
	struct mp_error e;
	struct mp_reply r;

	(void)state;
	mp_buf_init(&packed, 1 << 20);
	mp_buf_init(&xml, MP_CONTENT_MAX);
	assert_int_equal(mp_zip(zeros, sizeof(zeros), &packed, &e), 0);
	body = make("<Msg><Hooks><Hook3 Name='zlib-compress'/></Hooks></Msg>",
	    packed.data, packed.len);
	assert_int_equal(mp_reply_parse(&r, TYPE, body.data, body.len, &e), 0);
	assert_int_equal(mp_reply_body(&r, &xml, &e), MP_ELIMIT);
	assert_non_null(strstr(e.text, "the reply's payload: "));
	mp_reply_release(&r);
	mp_buf_release(&packed);
	mp_buf_release(&body);
	mp_buf_release(&xml);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_no_message_is_refused),
	    cmocka_unit_test(the_boundary_is_found_however_it_is_written),
	    cmocka_unit_test(a_doubtful_header_is_refused),
	    cmocka_unit_test(unknown_elements_and_hooks_are_ignored),
	    cmocka_unit_test(a_recorded_signed_reply_is_taken_apart),
	    cmocka_unit_test(every_truncation_is_refused),
	    cmocka_unit_test(every_damaged_byte_is_survived),
	    cmocka_unit_test(a_payload_is_read_in_each_of_its_forms),
	    cmocka_unit_test(a_zip_bomb_in_a_reply_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
