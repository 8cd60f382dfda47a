#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mp/writer.h"
#include "mp/xml.h"
#include "mp/zip.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* What mp_xml_check() reads. */
struct pieces {
	const char *text;
	size_t len;
	size_t most; /* at once */
};

static int
next_piece(void *ctx, char *data, int room)
{
	struct pieces *p = ctx;
	size_t n = p->len < p->most ? p->len : p->most;

	n = n < (size_t)room ? n : (size_t)room;
	memcpy(data, p->text, n);
	p->text += n;
	p->len -= n;
	return (int)n;
}

/* In pieces it is judged as it is as a whole, but for its size. */
static void
check_alike(const char *text, size_t len, int r, const struct mp_error *e)
{
	struct pieces p = {text, len, len < 1000 ? 1 : 4000};
	struct mp_error own = {0};
	int c;

	if (r == MP_ELIMIT || strstr(e->text, "too many elements") != NULL)
		return;
	c = mp_xml_check(next_piece, &p, "the test", &own);
	if (c != r)
		fail_msg("%d, not %d: %s", c, r, own.text);
	if (r != MP_OK && len > 0)
		assert_string_equal(own.text, e->text);
}

static int
parse(const char *text, size_t len, struct mp_error *e)
{
	struct mp_error own = {0};
	struct mp_xml *x;
	int r = mp_xml_parse(&x, text, len, "the test", &own);

	assert_true((r == MP_OK) == (x != NULL));
	mp_xml_free(x);
	check_alike(text, len, r, &own);
	*e = own;
	return r;
}

static void
what_is_not_well_formed_is_refused_with_its_reason(void **state)
{
	static const char *const bad[] = {"", " ", "text", "<a>", "<a></b>",
	    "<a/><b/>", "<a b='1' b='2'/>", "<a>&unknown;</a>", "<a>\x01</a>",
	    "<a>&#0;</a>", "<a b=x/>", "<a><![CDATA[x</a>"};
	struct mp_error e;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(parse(bad[i], strlen(bad[i]), &e), MP_EREPLY);
		assert_non_null(strstr(e.text, "the test"));
	}
	(void)parse("<a>\n</b>", 8, &e);
	assert_non_null(strstr(e.text, "line 2: Opening and ending tag"));
}

static void
a_document_type_is_refused_whatever_it_declares(void **state)
{
	static const char *const bad[] = {"<!DOCTYPE a><a/>",
	    "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
	    "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
	    "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
	    "<!DOCTYPE a [<!ENTITY % p SYSTEM 'http://127.0.0.1/'>%p;]><a/>",
	    ("<!DOCTYPE l [<!ENTITY l0 'lol'><!ENTITY l1 '&l0;&l0;&l0;&l0;'>"
	     "<!ENTITY l2 '&l1;&l1;&l1;&l1;'>]><l>&l2;</l>")};
	struct mp_error e;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(parse(bad[i], strlen(bad[i]), &e), MP_EREPLY);
		assert_non_null(strstr(e.text, "document type"));
	}
}

static void
elements_nest_as_deep_as_the_limit(void **state)
{
	struct mp_error e;
	struct mp_buf b;

	(void)state;
	for (int depth = MP_XML_DEPTH_MAX; depth <= 100000;
	     depth +=
	     1 +
	     (depth > MP_XML_DEPTH_MAX ? 100000 - MP_XML_DEPTH_MAX - 2 : 0)) {
		mp_buf_init(&b, 1 << 22);
		for (int i = 0; i < depth; i++)
			mp_buf_str(&b, "<a>");
		for (int i = 0; i < depth; i++)
			mp_buf_str(&b, "</a>");
		assert_int_equal(parse((char *)b.data, b.len, &e),
		    depth == MP_XML_DEPTH_MAX ? MP_OK : MP_EREPLY);
		if (depth > MP_XML_DEPTH_MAX)
			assert_non_null(strstr(e.text, "nested too deep"));
		mp_buf_release(&b);
	}
}

static void
too_many_nodes_are_refused(void **state)
{
	static const char many[] = "<a b='' c='' d='' e='' f='' g='' h=''/>";
	struct mp_error e;
	struct mp_buf b;

	(void)state;
	mp_buf_init(&b, MP_XML_MAX);
	mp_buf_str(&b, "<r>");
	for (unsigned i = 0; i < MP_XML_NODES_MAX / 8 + 1; i++)
		mp_buf_add(&b, many, sizeof(many) - 1);
	mp_buf_str(&b, "</r>");
	assert_true(mp_buf_ok(&b));
	assert_int_equal(parse((char *)b.data, b.len, &e), MP_EREPLY);
	assert_non_null(strstr(e.text, "too many elements"));
	mp_buf_release(&b);
	assert_int_equal(parse("", MP_XML_MAX + 1u, &e), MP_ELIMIT);
}

/* Texts between elements are nodes, and take as much memory. */
static void
texts_count_as_nodes(void **state)
{
	const unsigned half = MP_XML_NODES_MAX / 2;
	struct mp_error e;
	struct mp_buf b;

	(void)state;
	for (unsigned n = half - 1; n <= half; n++) {
		mp_buf_init(&b, MP_XML_MAX);
		mp_buf_str(&b, "<r>");
		for (unsigned i = 0; i < n; i++)
			mp_buf_str(&b, i % 2 == 0 ? "x<a/>" : "\n<a/>");
		mp_buf_str(&b, "</r>");
		assert_true(mp_buf_ok(&b));
		assert_int_equal(parse((char *)b.data, b.len, &e),
		    n < half ? MP_OK : MP_EREPLY);
		if (n == half)
			assert_non_null(strstr(e.text, "too many elements"));
		mp_buf_release(&b);
	}
}

/* One text that comes in many pieces is one node. */
static void
a_long_text_is_one_node(void **state)
{
	struct mp_error e;
	struct mp_buf b;

	(void)state;
	mp_buf_init(&b, MP_XML_MAX);
	mp_buf_str(&b, "<r>");
	for (unsigned i = 0; i <= MP_XML_NODES_MAX; i++)
		mp_buf_str(&b, "&lt;x");
	mp_buf_str(&b, "</r>");
	if (parse((char *)b.data, b.len, &e) != MP_OK)
		fail_msg("%s", e.text);
	mp_buf_release(&b);
}

/* <a x0='' ...>: n attributes, or namespaces; without the end of the tag. */
static void
put_crowd(struct mp_buf *b, const char *prefix, unsigned n)
{
	mp_buf_str(b, "<a");
	for (unsigned i = 0; i < n; i++)
		mp_buf_printf(
		    b, " %sx%u=%s", prefix, i, i % 2 == 0 ? "'\">'" : "\"'>\"");
}

/*
 * libxml2 takes a minute for the 50000 of one element, so that it must not
 * even see them: not either where quotes and marks could hide them.
 */
static void
an_element_with_too_many_attributes_is_refused_at_once(void **state)
{
	static const char *const before[] = {"<r>", "<?xml version='1.0'?><r>",
	    "<!-- ' --><r>", "<r><![CDATA[' <']]>", "<r b='\"'>\"",
	    "<r>don't &lt;"};
	static const char *const prefixes[] = {"", "xmlns:"};
	struct mp_error e;
	struct mp_buf b;

	(void)state;
	mp_buf_init(&b, MP_XML_MAX);
	for (size_t i = 0; i < COUNT(before) * COUNT(prefixes); i++) {
		for (unsigned n = MP_XML_ATTRIBUTES_MAX; n <= 50000;
		     n += 50000 - MP_XML_ATTRIBUTES_MAX) {
			mp_buf_clear(&b);
			mp_buf_str(&b, before[i % COUNT(before)]);
			put_crowd(&b, prefixes[i / COUNT(before)], n);
			mp_buf_str(&b, "/></r>");
			assert_int_equal(parse((char *)b.data, b.len, &e),
			    n == MP_XML_ATTRIBUTES_MAX ? MP_OK : MP_EREPLY);
		}
		assert_non_null(strstr(e.text, "too many attributes"));
	}
	mp_buf_release(&b);
}

/* Seconds for half a million of them, minutes for some more. */
static void
too_many_different_names_are_refused(void **state)
{
	struct mp_error e;
	struct mp_buf b;

	(void)state;
	for (unsigned n = MP_XML_NAMES_MAX - 1000; n <= MP_XML_NAMES_MAX + 1000;
	     n += 2000) {
		mp_buf_init(&b, MP_XML_MAX);
		mp_buf_str(&b, "<r>");
		for (unsigned i = 0; i < n; i += 2)
			mp_buf_printf(&b, "<a%u b%u=''/>", i, i);
		mp_buf_str(&b, "</r>");
		assert_int_equal(parse((char *)b.data, b.len, &e),
		    n < MP_XML_NAMES_MAX ? MP_OK : MP_EREPLY);
		mp_buf_release(&b);
	}
	assert_non_null(strstr(e.text, "too many different names"));
}

/* Those of all elements around it count, too, but not those beside it. */
static void
too_many_namespaces_at_one_place_are_refused(void **state)
{
	struct mp_error e;
	struct mp_buf b;

	(void)state;
	for (unsigned inner = 56; inner <= 57; inner++) {
		mp_buf_init(&b, MP_XML_MAX);
		put_crowd(&b, "xmlns:", MP_XML_ATTRIBUTES_MAX - 56);
		mp_buf_str(&b, ">");
		for (int i = 0; i < 100; i++) {
			put_crowd(&b, "xmlns:y", inner);
			mp_buf_str(&b, "/>");
		}
		mp_buf_str(&b, "</a>");
		assert_int_equal(parse((char *)b.data, b.len, &e),
		    inner == 56 ? MP_OK : MP_EREPLY);
		mp_buf_release(&b);
	}
	assert_non_null(strstr(e.text, "too many attributes"));
}

static int
fail_to_read(void *ctx, char *data, int room)
{
	int *times = ctx;

	(void)room;
	memcpy(data, "<a/>", 4);
	return ++*times < 2 ? 4 : -1;
}

static void
what_cannot_be_read_is_no_document(void **state)
{
	struct mp_error e;
	int times = 0;

	(void)state;
	assert_int_equal(
	    mp_xml_check(fail_to_read, &times, "the test", &e), MP_EARG);
	assert_string_equal(e.text, "the test cannot be read");
}

static void
every_truncation_is_refused(void **state)
{
	static const char good[] =
	    "<?xml version=\"1.0\"?><a b=\"&lt;\"><!-- c --><d/>"
	    "<![CDATA[<mp>]]><e>&#65;</e></a>";
	struct mp_error e;

	(void)state;
	assert_int_equal(parse(good, sizeof(good) - 1, &e), MP_OK);
	for (size_t n = 0; n < sizeof(good) - 1; n++)
		assert_int_equal(parse(good, n, &e), MP_EREPLY);
}

static void
names_are_found_in_any_case_and_values_are_plain(void **state)
{
	static const char text[] =
	    "<Msg xmlns='urn:x' ACK='a&amp;b&#x41;' "
	    "empty=''><x:One xmlns:x='urn:y'><![CDATA[<mp>]]> &lt;t</x:One>"
	    "<?pi?><one>2<!-- no -->2</one><two/>tail</Msg>";
	const struct mp_xml_node *root, *n;
	struct mp_error e;
	struct mp_xml *x;

	(void)state;
	assert_int_equal(mp_xml_parse(&x, text, sizeof(text) - 1, "t", &e), 0);
	root = mp_xml_root(x);
	assert_true(mp_xml_is(root, "MSG"));
	assert_string_equal(mp_xml_name(root), "Msg");
	assert_string_equal(mp_xml_attr(root, "Ack"), "a&bA");
	assert_string_equal(mp_xml_attr(root, "Empty"), "");
	assert_null(mp_xml_attr(root, "none"));
	n = mp_xml_child(root, "ONE");
	assert_string_equal(mp_xml_text(n), "<mp> <t");
	n = mp_xml_next(n, "ONE");
	assert_string_equal(mp_xml_text(n), "22");
	assert_null(mp_xml_next(n, "ONE"));
	assert_true(mp_xml_is(mp_xml_next(n, NULL), "two"));
	assert_string_equal(mp_xml_child_text(root, "two"), "");
	assert_string_equal(mp_xml_child_text(root, "three"), "");
	assert_null(mp_xml_child(NULL, "a"));
	mp_xml_free(x);
	mp_xml_free(NULL);
}

static void
the_writer_escapes_and_closes_as_recorded(void **state)
{
	struct mp_writer w;
	struct mp_error e;
	struct mp_buf b;

	(void)state;
	mp_buf_init(&b, 1000);
	mp_writer_init(&w, &b);
	mp_writer_start(&w, "a");
	mp_writer_set(&w, "b", "<\"&'>\t\n\r");
	mp_writer_leaf(&w, "c", "<\"&'>\t\n\r");
	mp_writer_leaf(&w, "d", "");
	mp_writer_raw(&w, "<e/>", 4);
	mp_writer_end(&w, "a");
	assert_int_equal(mp_writer_done(&w, "x", &e), MP_OK);
	assert_string_equal((char *)b.data,
	    "<a b=\"&lt;&quot;&amp;'&gt;&#x9;&#xA;&#xD;\">"
	    "<c>&lt;\"&amp;'&gt;\t\n&#xD;</c><d /><e/></a>");
	assert_int_equal(parse((char *)b.data, b.len, &e), MP_OK);
	mp_buf_release(&b);
}

static void
the_writer_refuses_what_xml_cannot_hold(void **state)
{
	static const char *const bad[] = {
	    "\x01", "a\x1b[0m", "\x0B", "\xEF\xBF\xBE", "\xEF\xBF\xBF"};
	struct mp_writer w;
	struct mp_error e;
	struct mp_buf b;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		mp_buf_init(&b, 1000);
		mp_writer_init(&w, &b);
		mp_writer_leaf(&w, "a", bad[i]);
		assert_int_equal(mp_writer_done(&w, "x", &e), MP_EARG);
		mp_buf_release(&b);
	}
	mp_buf_init(&b, 5);
	mp_writer_init(&w, &b);
	mp_writer_leaf(&w, "abc", "");
	assert_int_equal(mp_writer_done(&w, "x", &e), MP_ELIMIT);
	mp_buf_release(&b);
}

static void
what_was_zipped_comes_back(void **state)
{
	struct mp_buf in, packed, out;
	struct mp_error e;

	(void)state;
	mp_buf_init(&in, 1 << 20);
	mp_buf_init(&packed, 1 << 20);
	mp_buf_init(&out, 1 << 20);
	for (int i = 0; i < 20000; i++)
		mp_buf_printf(&in, "%d,", i * 7919);
	assert_int_equal(mp_zip(in.data, in.len, &packed, &e), MP_OK);
	assert_int_equal(mp_unzip(packed.data, packed.len, &out, &e), MP_OK);
	assert_int_equal(out.len, in.len);
	assert_memory_equal(out.data, in.data, in.len);
	for (size_t n = 0; n < packed.len; n += n < 40 ? 1 : 997) {
		mp_buf_clear(&out);
		assert_int_equal(mp_unzip(packed.data, n, &out, &e), MP_EREPLY);
		assert_int_equal(out.len, 0);
	}
	mp_buf_add(&packed, "\0\r\n", 3); /* padding is harmless */
	assert_int_equal(mp_unzip(packed.data, packed.len, &out, &e), MP_OK);
	mp_buf_clear(&out);
	mp_buf_add(&packed, "x", 1);
	assert_int_equal(
	    mp_unzip(packed.data, packed.len, &out, &e), MP_EREPLY);
	mp_buf_release(&in);
	mp_buf_release(&packed);
	mp_buf_release(&out);
}

static void
a_zip_bomb_is_stopped_early(void **state)
{
	static uint8_t zeros[16 << 20];
	struct mp_buf packed, out;
	struct mp_error e;

	(void)state;
	mp_buf_init(&packed, 1 << 20);
	assert_int_equal(mp_zip(zeros, sizeof(zeros), &packed, &e), MP_OK);
	mp_buf_init(&out, 1 << 30);
	assert_int_equal(
	    mp_unzip(packed.data, packed.len, &out, &e), MP_ELIMIT);
	assert_non_null(strstr(e.text, "200 times"));
	assert_true(out.cap < 8u << 20);
	mp_buf_release(&out);
	mp_buf_init(&out, 1000);
	assert_int_equal(
	    mp_unzip(packed.data, packed.len, &out, &e), MP_ELIMIT);
	assert_non_null(strstr(e.text, "1000 bytes"));
	mp_buf_release(&out);
	mp_buf_release(&packed);
}

/* Each thread has documents of its own; complaints must not be mixed up. */
static void *
read_many(void *arg)
{
	unsigned number = *(unsigned *)arg;
	char good[64], bad[64], tag[16];
	struct mp_error e;
	uintptr_t wrong = 0;
	struct mp_xml *x;

	(void)snprintf(tag, sizeof(tag), "t%u", number);
	(void)snprintf(good, sizeof(good), "<%s>%s</%s>", tag, tag, tag);
	(void)snprintf(bad, sizeof(bad), "<%s></other>", tag);
	for (int i = 0; i < 300; i++) {
		if (mp_xml_parse(&x, good, strlen(good), "x", &e) != MP_OK ||
		    strcmp(mp_xml_text(mp_xml_root(x)), tag) != 0)
			wrong++;
		mp_xml_free(x);
		if (mp_xml_parse(&x, bad, strlen(bad), "x", &e) != MP_EREPLY ||
		    strstr(e.text, tag) == NULL)
			wrong++;
	}
	return (void *)wrong;
}

static void
threads_read_documents_at_once(void **state)
{
	unsigned numbers[4] = {1, 2, 3, 4};
	pthread_t threads[4];
	void *wrong;

	(void)state;
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, read_many, &numbers[i]),
		    0);
	for (size_t i = 0; i < COUNT(threads); i++) {
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    /* The first, so that threads set the parser up as well. */
	    cmocka_unit_test(threads_read_documents_at_once),
	    cmocka_unit_test(
		what_is_not_well_formed_is_refused_with_its_reason),
	    cmocka_unit_test(a_document_type_is_refused_whatever_it_declares),
	    cmocka_unit_test(elements_nest_as_deep_as_the_limit),
	    cmocka_unit_test(too_many_nodes_are_refused),
	    cmocka_unit_test(texts_count_as_nodes),
	    cmocka_unit_test(a_long_text_is_one_node),
	    cmocka_unit_test(
		an_element_with_too_many_attributes_is_refused_at_once),
	    cmocka_unit_test(too_many_different_names_are_refused),
	    cmocka_unit_test(too_many_namespaces_at_one_place_are_refused),
	    cmocka_unit_test(what_cannot_be_read_is_no_document),
	    cmocka_unit_test(every_truncation_is_refused),
	    cmocka_unit_test(names_are_found_in_any_case_and_values_are_plain),
	    cmocka_unit_test(the_writer_escapes_and_closes_as_recorded),
	    cmocka_unit_test(the_writer_refuses_what_xml_cannot_hold),
	    cmocka_unit_test(what_was_zipped_comes_back),
	    cmocka_unit_test(a_zip_bomb_is_stopped_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
