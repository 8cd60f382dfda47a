#include "mp/attachment.h"

#include <sys/stat.h>

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "mp/encode.h"
#include "mp/text.h"
#include "tests/unit/mp/pki.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* A directory, and a file in it. */
static char dir[PATH_MAX], path[PATH_MAX];

static int
enter(void **state)
{
	(void)state;
	pki_dir(dir);
	pki_path(path, dir, "file");
	return 0;
}

static int
leave(void **state)
{
	(void)state;
	pki_remove(dir);
	return 0;
}

static int
put_in_buf(void *ctx, const void *data, size_t len, struct mp_error *e)
{
	mp_buf_add(ctx, data, len);
	return mp_buf_ok(ctx) ? MP_OK : mp_fail(e, MP_ELIMIT, "full");
}

static void
save(const void *data, size_t len)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* From memory and from a file: both must give the same. */
static int
put_both(const void *data, size_t len, bool xml, struct mp_buf *out,
    struct mp_error *e)
{
	struct mp_attachment memory = {
	    .name = "A", .data = data, .len = len, .xml = xml};
	struct mp_attachment file = {.name = "A", .path = path, .xml = xml};
	const struct mp_sink to = {put_in_buf, out};
	uint64_t n1, n2;
	size_t first;
	int r1, r2;

	mp_buf_clear(out);
	r1 = mp_attachment_put(&memory, &to, &n1, e);
	first = out->len;
	save(data, len);
	r2 = mp_attachment_put(&file, &to, &n2, e);
	assert_int_equal(r1, r2);
	assert_int_equal(n1, n2);
	if (r1 == MP_OK) {
		assert_int_equal(n1, first);
		assert_int_equal(out->len, 2 * first);
		assert_memory_equal(out->data, out->data + first, first);
		out->len = first;
	}
	return r1;
}

static void
a_file_that_is_none_is_refused(void **state)
{
	char loop[PATH_MAX], fifo[PATH_MAX];
	struct mp_attachment a = {.name = "{1}"};
	struct mp_error e;
	struct mp_buf out;
	const struct mp_sink to = {put_in_buf, &out};
	uint64_t len;
	const struct {
		const char *path, *words;
	} bad[] = {{"/nonexistent/report.xml", "No such file"},
	    {dir, "no regular file"}, {fifo, "no regular file"},
	    {"/dev/zero", "no regular file"}, {loop, "symbolic links"}};

	(void)state;
	mp_buf_init(&out, 100);
	pki_path(loop, dir, "loop");
	pki_path(fifo, dir, "fifo");
	assert_int_equal(symlink("loop", loop), 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	for (size_t i = 0; i < COUNT(bad); i++) {
		a.path = bad[i].path;
		assert_int_equal(mp_attachment_put(&a, &to, &len, &e), MP_EARG);
		if (strstr(e.text, bad[i].words) == NULL ||
		    strstr(e.text, bad[i].path) == NULL ||
		    strstr(e.text, "{1}") == NULL)
			fail_msg("%s", e.text);
		assert_int_equal(out.len, 0);
		assert_int_equal(len, 0);
	}
	mp_buf_release(&out);
}

static void
an_empty_attachment_is_refused(void **state)
{
	static const struct {
		const char *text;
		bool xml;
	} empty[] = {{"", false}, {"", true}, {"\xEF\xBB\xBF", true},
	    {"<?xml version=\"1.0\" encoding=\"utf-8\"?>", true}};
	struct mp_error e;
	struct mp_buf out;

	(void)state;
	mp_buf_init(&out, 1000);
	for (size_t i = 0; i < COUNT(empty); i++) {
		assert_int_equal(put_both(empty[i].text, strlen(empty[i].text),
				     empty[i].xml, &out, &e),
		    MP_EARG);
		assert_non_null(strstr(e.text, "empty"));
	}
	mp_buf_release(&out);
}

static void
what_xml_cannot_hold_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *words;
	} bad[] = {{"<a>\0</a>", 8, "byte 3 "}, {"<a>\x1b</a>", 8, "byte 3 "},
	    {"<a>\xEF\xBF\xBE</a>", 10, "byte 3 "},
	    {"<a>\xEF\xBF\xBF</a>", 10, "byte 3 "},
	    {"<a>\xED\xA0\x80</a>", 10, "byte 3 "},
	    {"<a>\xC0\x80</a>", 9, "byte 3 "}, {"<a>\xFF</a>", 8, "byte 3 "},
	    {"\xFF\xFE<\0a\0/\0>\0", 10, "UTF-16 already"},
	    {"\xEF\xBB\xBF<a>\x01</a>", 11, "byte 6 "},
	    {"<a>\xE2\x82", 5, "byte 3 "}};
	struct mp_error e;
	struct mp_buf out;

	(void)state;
	mp_buf_init(&out, 1000);
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(
		    put_both(bad[i].text, bad[i].len, true, &out, &e), MP_EARG);
		if (strstr(e.text, bad[i].words) == NULL)
			fail_msg("%zu: %s", i, e.text);
	}
	/* What is no XML may hold anything. */
	assert_int_equal(put_both("\0\xFF", 2, false, &out, &e), MP_OK);
	assert_int_equal(out.len, 2);
	mp_buf_release(&out);
}

static void
xml_becomes_utf16_with_a_mark_and_without_an_untrue_declaration(void **state)
{
	static const char wide[] = "\xFF\xFE<\0a\0/\0>";
	static const char *const same[] = {"<a/>", "\xEF\xBB\xBF<a/>",
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><a/>",
	    "\xEF\xBB\xBF<?xml version='1.0' encoding='utf-16'?><a/>"};
	struct mp_error e;
	struct mp_buf out;

	(void)state;
	mp_buf_init(&out, 1000);
	for (size_t i = 0; i < COUNT(same); i++) {
		assert_int_equal(
		    put_both(same[i], strlen(same[i]), true, &out, &e), MP_OK);
		assert_int_equal(out.len, sizeof(wide));
		assert_memory_equal(out.data, wide, sizeof(wide));
	}
	/* A declaration that says nothing untrue stays. */
	assert_int_equal(
	    put_both("<?xml version=\"1.0\"?><a/>", 25, true, &out, &e), MP_OK);
	assert_int_equal(out.len, 2 + 50);
	mp_buf_release(&out);
}

/*
 * Characters of 1 to 4 bytes, moved over every edge of the pieces that files
 * and texts are cut into.
 */
static void
a_character_may_lie_across_two_pieces(void **state)
{
	static const char *const chars[] = {
	    "z", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
	static const char *const wides[] = {
	    "z\0", "\xE4\0", "\xAC\x20", "\x3D\xD8\x00\xDE"};
	static const size_t widelens[] = {2, 2, 2, 4};
	static const size_t edges[] = {256, MP_TEXT_PIECE, 65536, 131072};
	static char text[140000];
	struct mp_error e;
	struct mp_buf out;

	(void)state;
	mp_buf_init(&out, 1 << 20);
	for (size_t i = 0; i < COUNT(edges); i++)
		for (size_t c = 0; c < COUNT(chars); c++)
			for (size_t at = edges[i] - 5; at < edges[i] + 2;
			     at++) {
				size_t n = strlen(chars[c]);

				memset(text, 'x', sizeof(text));
				memcpy(text, "<a>", 3);
				memcpy(text + at, chars[c], n);
				memcpy(text + edges[i] + 6, "</a>", 4);
				assert_int_equal(put_both(text, edges[i] + 10,
						     true, &out, &e),
				    MP_OK);
				assert_int_equal(out.len,
				    2 + 2 * (edges[i] + 10 - n) + widelens[c]);
				assert_memory_equal(out.data + 2 + 2 * at,
				    wides[c], widelens[c]);
			}
	mp_buf_release(&out);
}

static void
every_truncation_within_a_character_is_refused(void **state)
{
	static const char text[] = "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80";
	static const bool whole[] = {true, true, false, true, false, false,
	    true, false, false, false, true};
	char element[32];
	struct mp_error e;
	struct mp_buf out;
	int len;

	(void)state;
	mp_buf_init(&out, 1000);
	for (size_t n = 0; n < sizeof(text); n++) {
		len = snprintf(
		    element, sizeof(element), "<a>%.*s</a>", (int)n, text);
		assert_int_equal(put_both(element, (size_t)len, true, &out, &e),
		    whole[n] ? MP_OK : MP_EARG);
	}
	mp_buf_release(&out);
}

/* As far behind its beginning as a report that nobody reads at once. */
static void
xml_that_is_none_at_its_end_is_refused(void **state)
{
	static const struct {
		const char *start, *end, *words;
	} bad[] = {{"<a>", "</b>", "mismatch"}, {"<a>", "", "Premature end"},
	    {"<a>", "</a><b/>", "Extra content"}, {"<a>", "&x;</a>", "'x'"},
	    {"<!DOCTYPE a><a>", "</a>", "document type"},
	    {"x", "", "not found"}, {"<a>", "<b c='' c=''/></a>", "redefined"}};
	const size_t fill = 300000;
	struct mp_buf text, out;
	struct mp_error e;

	(void)state;
	mp_buf_init(&text, 1 << 20);
	mp_buf_init(&out, 4 << 20);
	for (size_t i = 0; i < COUNT(bad); i++) {
		mp_buf_clear(&text);
		mp_buf_str(&text, bad[i].start);
		mp_buf_printf(&text, "%*s", (int)fill, "");
		mp_buf_str(&text, bad[i].end);
		assert_int_equal(
		    put_both(text.data, text.len, true, &out, &e), MP_EARG);
		if (strstr(e.text, bad[i].words) == NULL ||
		    strstr(e.text, "attachment A") == NULL)
			fail_msg("%zu: %s", i, e.text);
		assert_int_equal(
		    put_both(text.data, text.len, false, &out, &e), MP_OK);
	}
	mp_buf_release(&text);
	mp_buf_release(&out);
}

static void
a_sink_that_is_full_ends_it(void **state)
{
	static char text[200000];
	struct mp_error e;
	struct mp_buf out;

	(void)state;
	memset(text, 'x', sizeof(text));
	for (unsigned i = 0; i < 4; i++) {
		mp_buf_init(&out, i % 2 == 0 ? 1 : 100000);
		assert_int_equal(
		    put_both(text, sizeof(text), i < 2, &out, &e), MP_ELIMIT);
		mp_buf_release(&out);
	}
}

static int
encode(struct mp_message *m, struct mp_layout *layout, struct mp_buf *clear,
    struct mp_error *e)
{
	const struct mp_sink to = {put_in_buf, clear};

	mp_buf_clear(clear);
	return mp_encode_payload(m, &to, layout, e);
}

static void
names_are_there_and_differ(void **state)
{
	struct mp_attachment two[2] = {
	    {.name = "1", .data = (const uint8_t *)"a", .len = 1},
	    {.name = "1", .data = (const uint8_t *)"b", .len = 1}};
	static struct mp_attachment many[MP_ATTACHMENTS_MAX + 1];
	struct mp_layout layout;
	struct mp_message m = {.body = "<a/>"};
	struct mp_error e;
	struct mp_buf clear;

	(void)state;
	mp_buf_init(&clear, 1000);
	m.attachments = two;
	m.nattachments = 2;
	assert_int_equal(encode(&m, &layout, &clear, &e), MP_EARG);
	assert_non_null(strstr(e.text, "two attachments are named 1"));
	assert_int_equal(clear.len, 0);
	mp_layout_release(&layout);
	two[1].name = "";
	assert_int_equal(encode(&m, &layout, &clear, &e), MP_EARG);
	mp_layout_release(&layout);
	two[1].name = NULL;
	assert_int_equal(encode(&m, &layout, &clear, &e), MP_EARG);
	assert_non_null(strstr(e.text, "number 2"));
	mp_layout_release(&layout);
	m.attachments = many;
	m.nattachments = COUNT(many);
	assert_int_equal(encode(&m, &layout, &clear, &e), MP_ELIMIT);
	mp_layout_release(&layout);
	mp_buf_release(&clear);
}

static void
each_attachment_is_announced_at_its_place(void **state)
{
	struct mp_attachment three[3] = {{.name = "x<1>",
					     .data = (const uint8_t *)"<b/>",
					     .len = 4,
					     .xml = true},
	    {.name = "2", .path = path},
	    {.name = "3", .data = (const uint8_t *)"\0\x01", .len = 2}};
	static const char announced[] =
	    "<Attachment Length=\"10\" Name=\"x&lt;1&gt;\" Offset=\"10\" />"
	    "<Attachment Length=\"3\" Name=\"2\" Offset=\"20\" />"
	    "<Attachment Length=\"2\" Name=\"3\" Offset=\"23\" />"
	    "<Body Type=\"ByteRange\" Length=\"10\" Offset=\"0\" />";
	struct mp_layout layout;
	struct mp_message m;
	struct mp_error e;
	struct mp_buf clear, xml;

	(void)state;
	save("abc", 3);
	mp_buf_init(&clear, 1000);
	mp_buf_init(&xml, 10000);
	assert_int_equal(mp_message_init(&m), 0);
	m.endpoint = m.source_host = m.target_host = "h";
	m.body = "<a/>";
	m.attachments = three;
	m.nattachments = 3;
	assert_int_equal(encode(&m, &layout, &clear, &e), MP_OK);
	assert_int_equal(clear.len, 27);
	assert_memory_equal(
	    clear.data + 8, "\0\0\xFF\xFE<\0b\0/\0>\0abc\0\x01\r\n", 19);
	assert_int_equal(mp_encode_header(&m, NULL, &layout, &xml, &e), MP_OK);
	assert_non_null(strstr((char *)xml.data, announced));
	mp_layout_release(&layout);
	mp_buf_release(&clear);
	mp_buf_release(&xml);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_file_that_is_none_is_refused),
	    cmocka_unit_test(an_empty_attachment_is_refused),
	    cmocka_unit_test(what_xml_cannot_hold_is_refused_with_its_place),
	    cmocka_unit_test(
		xml_becomes_utf16_with_a_mark_and_without_an_untrue_declaration),
	    cmocka_unit_test(a_character_may_lie_across_two_pieces),
	    cmocka_unit_test(every_truncation_within_a_character_is_refused),
	    cmocka_unit_test(xml_that_is_none_at_its_end_is_refused),
	    cmocka_unit_test(a_sink_that_is_full_ends_it),
	    cmocka_unit_test(names_are_there_and_differ),
	    cmocka_unit_test(each_attachment_is_announced_at_its_place),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
