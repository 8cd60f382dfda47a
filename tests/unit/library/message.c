#include <sealpoint/sealpoint.h>

#include <sys/stat.h>

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct sealpoint_messaging *s;
static struct sealpoint_message *m;
static struct sealpoint_failure why;
static char dir[] = "/tmp/sealpoint.XXXXXX";

static int
set_up(void **state)
{
	(void)state;
	memset(&why, 0, sizeof(why));
	assert_int_equal(sealpoint_messaging_new(&s, &why), 0);
	return sealpoint_messaging_create_message(s, &m, &why);
}

static int
tear_down(void **state)
{
	(void)state;
	sealpoint_message_free(m);
	sealpoint_messaging_free(s);
	return 0;
}

static int
make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

static void
says(const char *words)
{
	if (strstr(why.text, words) == NULL)
		fail_msg("not said: \"%s\" in \"%s\"", words, why.text);
}

/* A file in the directory of the tests; the path lasts until the next. */
static const char *
file_with(const char *name, const void *data, size_t len)
{
	static char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	return path;
}

/* Each setter of one string, with how much it takes. */
static const struct {
	int (*set)(struct sealpoint_message *, const char *,
	    struct sealpoint_failure *);
	size_t max;
	bool optional;
} setters[] = {
    {sealpoint_message_set_target_endpoint, SEALPOINT_NAME_MAX, false},
    {sealpoint_message_set_encryption_certificates_store, SEALPOINT_VALUE_MAX,
	true},
    {sealpoint_message_verify_server_signature, SEALPOINT_VALUE_MAX, true},
};

static void
a_string_that_cannot_be_is_refused(void **state)
{
	static const char *const bad[] = {
	    "", "a\nb", "a\x7f", "\x01", "\xff", "a\xc0\x80", "\xed\xa0\x80"};
	char longest[SEALPOINT_VALUE_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(setters) / sizeof(setters[0]); i++) {
		assert_int_equal(
		    setters[i].set(NULL, "x", &why), SEALPOINT_ERR_ARGUMENT);
		assert_int_equal(setters[i].set(m, NULL, &why),
		    setters[i].optional ? SEALPOINT_OK
					: SEALPOINT_ERR_ARGUMENT);
		for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++)
			assert_int_equal(setters[i].set(m, bad[k], NULL),
			    SEALPOINT_ERR_ARGUMENT);
		memset(longest, 'x', sizeof(longest));
		longest[setters[i].max] = '\0';
		assert_int_equal(
		    setters[i].set(m, longest, &why), SEALPOINT_ERR_LIMIT);
		longest[setters[i].max - 1] = '\0';
		assert_int_equal(setters[i].set(m, longest, &why), 0);
		assert_int_equal(
		    setters[i].set(m, "gr\xc3\xbc\xc3\x9f", &why), 0);
	}
}

static void
a_failed_call_changes_nothing(void **state)
{
	size_t n = 3;
	uint8_t body[3];

	(void)state;
	assert_string_equal(sealpoint_message_get_target_endpoint(m), "");
	assert_int_equal(
	    sealpoint_message_set_target_endpoint(m, "A", &why), 0);
	assert_int_not_equal(
	    sealpoint_message_set_target_endpoint(m, "\n", &why), 0);
	assert_string_equal(sealpoint_message_get_target_endpoint(m), "A");
	assert_int_equal(
	    sealpoint_message_set_body_from_string(m, "<a>", &why), 0);
	assert_int_equal(
	    sealpoint_message_set_body_from_buffer(m, NULL, 1, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(sealpoint_message_set_body_from_buffer(
			     m, body, SEALPOINT_BODY_MAX + 1u, &why),
	    SEALPOINT_ERR_LIMIT);
	assert_int_equal(
	    sealpoint_message_set_body_from_file(m, "/nonexistent/b", &why),
	    SEALPOINT_ERR_FILE);
	says("/nonexistent/b");
	assert_int_equal(
	    sealpoint_message_set_body_from_file(m, "/dev/zero", &why),
	    SEALPOINT_ERR_FILE);
	assert_int_equal(
	    sealpoint_message_get_body_to_buffer(m, body, &n, &why), 0);
	assert_memory_equal(body, "<a>", 3);
}

static void
nothing_is_asked_of_a_missing_message(void **state)
{
	const struct sealpoint_attachment *a = (void *)1;
	const char *text = "x";
	size_t n = 1;

	(void)state;
	sealpoint_message_free(NULL);
	sealpoint_messaging_free(NULL);
	assert_string_equal(sealpoint_message_get_target_endpoint(NULL), "");
	assert_null(sealpoint_message_get_property_by_name(NULL, "x"));
	assert_null(sealpoint_message_get_property_by_name(m, NULL));
	assert_int_equal(sealpoint_message_get_timeout(NULL), 0);
	assert_int_equal(sealpoint_message_get_body_length(NULL), 0);
	assert_int_equal(sealpoint_message_get_security_flags(NULL), 0);
	assert_int_equal(sealpoint_message_get_attachment_count(NULL), 0);
	assert_int_equal(
	    sealpoint_message_get_body_to_buffer(NULL, NULL, &n, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(
	    sealpoint_message_get_body_to_buffer(m, NULL, NULL, NULL),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(
	    sealpoint_message_get_body_to_string(NULL, &text, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_null(text);
	assert_int_equal(sealpoint_message_get_body_to_string(m, NULL, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(
	    sealpoint_message_get_attachment_by_index(NULL, 0, &a, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_null(a);
	assert_int_equal(
	    sealpoint_message_get_attachment_by_name(m, NULL, &a, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(sealpoint_attachment_get_length(NULL, &n, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_null(sealpoint_attachment_get_name(NULL));
}

static void
a_property_is_found_by_its_name_and_replaced(void **state)
{
	char name[16];

	(void)state;
	assert_int_equal(sealpoint_message_set_property(m, NULL, "x", &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(sealpoint_message_set_property(m, "x", NULL, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(
	    sealpoint_message_set_property(m, "FileType", "SMX", &why), 0);
	assert_int_equal(
	    sealpoint_message_set_property(m, "FileType", "SWM", &why), 0);
	assert_string_equal(
	    sealpoint_message_get_property_by_name(m, "FileType"), "SWM");
	assert_null(sealpoint_message_get_property_by_name(m, "filetype"));
	for (int i = 1; i < SEALPOINT_PROPERTIES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "P%d", i);
		assert_int_equal(
		    sealpoint_message_set_property(m, name, "v", &why), 0);
	}
	assert_int_equal(
	    sealpoint_message_set_property(m, "another", "v", &why),
	    SEALPOINT_ERR_LIMIT);
	assert_int_equal(sealpoint_message_set_property(m, "P1", "w", &why), 0);
	assert_string_equal(
	    sealpoint_message_get_property_by_name(m, "P1"), "w");
}

static void
lengths_are_room_before_and_bytes_after(void **state)
{
	static const char text[] = "<Report />";
	uint8_t out[16];
	size_t n;

	(void)state;
	n = 0;
	assert_int_equal(
	    sealpoint_message_get_body_to_buffer(m, NULL, &n, &why), 0);
	assert_int_equal(n, 0);
	assert_int_equal(
	    sealpoint_message_set_body_from_string(m, text, &why), 0);
	assert_int_equal(sealpoint_message_get_body_length(m), 10);
	for (size_t room = 0; room < 10; room++) {
		memset(out, 0xAA, sizeof(out));
		n = room;
		assert_int_equal(
		    sealpoint_message_get_body_to_buffer(m, out, &n, &why),
		    SEALPOINT_ERR_ROOM);
		assert_int_equal(n, 10);
		assert_int_equal(out[0], 0xAA);
	}
	n = sizeof(out);
	assert_int_equal(
	    sealpoint_message_get_body_to_buffer(m, NULL, &n, &why),
	    SEALPOINT_ERR_ARGUMENT);
	n = sizeof(out);
	assert_int_equal(
	    sealpoint_message_get_body_to_buffer(m, out, &n, &why), 0);
	assert_int_equal(n, 10);
	assert_memory_equal(out, text, 10);
}

static void
a_body_that_is_text_is_given_as_utf8(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		const char *text;
	} cases[] = {
	    {"<a />", 5, "<a />"},
	    {"\xef\xbb\xbf<a />", 8, "<a />"},
	    {"<\0a\0/\0>\0", 8, "<a/>"},
	    {"\xff\xfe<\0a\0/\0>\0", 10, "<a/>"},
	    {"\xff\xfe<\0\xfc\0/\0>\0\0\0", 12, "<\xc3\xbc/>"},
	    {"", 0, ""},
	};
	const char *text;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
		    sealpoint_message_set_body_from_buffer(
			m, (const uint8_t *)cases[i].data, cases[i].len, &why),
		    0);
		for (int twice = 0; twice < 2; twice++) {
			assert_int_equal(sealpoint_message_get_body_to_string(
					     m, &text, &why),
			    0);
			assert_string_equal(text, cases[i].text);
		}
		assert_int_equal(
		    sealpoint_message_get_body_length(m), cases[i].len);
	}
}

static void
a_body_that_is_no_text_is_a_mismatch(void **state)
{
	static const struct {
		const char *data;
		size_t len;
	} cases[] = {
	    {"\xff\xff\xff", 3},
	    {"\x89PNG\r\n\x1a\n", 8},
	    {"<a>\0</a>", 8},
	    {"\xff\xfe<\0\0\xd8/\0", 8},
	    {"\xff\xfe<", 3},
	};
	const char *text;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
		    sealpoint_message_set_body_from_buffer(
			m, (const uint8_t *)cases[i].data, cases[i].len, &why),
		    0);
		text = "x";
		assert_int_equal(
		    sealpoint_message_get_body_to_string(m, &text, &why),
		    SEALPOINT_ERR_DATATYPE_MISMATCH);
		assert_null(text);
		assert_int_equal(why.code, SEALPOINT_ERR_DATATYPE_MISMATCH);
	}
}

static void
a_body_comes_from_a_file_at_once(void **state)
{
	const char *path = file_with("body", "<a />", 5), *text;

	(void)state;
	assert_int_equal(
	    sealpoint_message_set_body_from_file(m, path, &why), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(
	    sealpoint_message_get_body_to_string(m, &text, &why), 0);
	assert_string_equal(text, "<a />");
	assert_int_equal(sealpoint_message_set_body_from_file(m, NULL, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(sealpoint_message_set_body_from_file(m, dir, &why),
	    SEALPOINT_ERR_FILE);
	says("no regular file");
}

static const struct sealpoint_attachment *
at(size_t index)
{
	const struct sealpoint_attachment *a;

	assert_int_equal(
	    sealpoint_message_get_attachment_by_index(m, index, &a, &why), 0);
	return a;
}

static void
attach(const char *name, const char *data)
{
	assert_int_equal(sealpoint_message_set_attachment_from_buffer(m, name,
			     (const uint8_t *)data, strlen(data), &why),
	    0);
}

static void
the_same_name_replaces_an_attachment(void **state)
{
	const struct sealpoint_attachment *a;
	const char *path = file_with("attached", "12345", 5);
	uint8_t out[8];
	size_t n;

	(void)state;
	attach("one", "1");
	attach("two", "22");
	attach("one", "");
	assert_int_equal(sealpoint_message_get_attachment_count(m), 2);
	assert_string_equal(sealpoint_attachment_get_name(at(0)), "one");
	assert_int_equal(sealpoint_attachment_get_length(at(0), &n, &why), 0);
	assert_int_equal(n, 0);
	assert_int_equal(
	    sealpoint_message_set_attachment_from_file(m, "two", path, &why),
	    0);
	assert_int_equal(sealpoint_message_get_attachment_count(m), 2);
	assert_int_equal(
	    sealpoint_message_get_attachment_by_name(m, "two", &a, &why), 0);
	assert_int_equal(sealpoint_attachment_get_length(a, &n, &why), 0);
	assert_int_equal(n, 5);
	n = 4;
	assert_int_equal(sealpoint_attachment_copy_to_buffer(a, out, &n, &why),
	    SEALPOINT_ERR_ROOM);
	assert_int_equal(n, 5);
	assert_int_equal(
	    sealpoint_attachment_copy_to_buffer(a, out, &n, &why), 0);
	assert_memory_equal(out, "12345", 5);
	/* One that cannot be read leaves the one before it in place. */
	assert_int_equal(sealpoint_message_set_attachment_from_file(
			     m, "two", "/nonexistent/a", &why),
	    SEALPOINT_ERR_FILE);
	says("/nonexistent/a");
	assert_ptr_equal(at(1), a);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(
	    sealpoint_attachment_get_length(a, &n, &why), SEALPOINT_ERR_FILE);
	assert_int_equal(n, 0);
}

static void
an_index_past_the_end_is_out_of_range(void **state)
{
	const struct sealpoint_attachment *a;
	static const size_t beyond[] = {1, 2, SIZE_MAX};

	(void)state;
	attach("one", "1");
	for (size_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
		a = (void *)1;
		assert_int_equal(sealpoint_message_get_attachment_by_index(
				     m, beyond[i], &a, &why),
		    SEALPOINT_ERR_INDEX_OUT_OF_RANGE);
		assert_null(a);
	}
	assert_int_equal(
	    sealpoint_message_get_attachment_by_name(m, "ONE", &a, &why),
	    SEALPOINT_ERR_NOT_FOUND);
	assert_null(a);
	says("ONE");
}

static void
attachments_are_counted_and_checked(void **state)
{
	char name[16];

	(void)state;
	assert_int_equal(sealpoint_message_set_attachment_from_buffer(
			     m, NULL, NULL, 0, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(sealpoint_message_set_attachment_from_buffer(
			     m, "a\n", NULL, 0, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(
	    sealpoint_message_set_attachment_from_buffer(m, "a", NULL, 1, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(
	    sealpoint_message_set_attachment_from_file(m, "a", NULL, &why),
	    SEALPOINT_ERR_ARGUMENT);
	assert_int_equal(sealpoint_message_get_attachment_count(m), 0);
	for (int i = 0; i < SEALPOINT_ATTACHMENTS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		attach(name, "x");
	}
	assert_int_equal(sealpoint_message_set_attachment_from_buffer(
			     m, "more", NULL, 0, &why),
	    SEALPOINT_ERR_LIMIT);
	attach("7", "y");
	assert_int_equal(sealpoint_message_get_attachment_count(m),
	    SEALPOINT_ATTACHMENTS_MAX);
}

static void
an_attachment_is_written_whole_and_private(void **state)
{
	const char *path = file_with("copy", "old and longer", 14);
	struct stat st;
	char data[16];
	char left[64];
	glob_t found;
	FILE *f;

	(void)state;
	attach("one", "new");
	assert_int_equal(
	    sealpoint_attachment_copy_to_file(at(0), path, &why), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, 3);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fread(data, 1, sizeof(data), f), 3);
	assert_int_equal(fclose(f), 0);
	assert_memory_equal(data, "new", 3);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(
	    sealpoint_attachment_copy_to_file(at(0), "/nonexistent/x", &why),
	    SEALPOINT_ERR_FILE);
	says("/nonexistent/x");
	/* A directory stands in the way: no half-written file is left. */
	assert_int_equal(sealpoint_attachment_copy_to_file(at(0), dir, &why),
	    SEALPOINT_ERR_FILE);
	(void)snprintf(left, sizeof(left), "%s.*", dir);
	assert_int_equal(glob(left, 0, NULL, &found), GLOB_NOMATCH);
	assert_int_equal(sealpoint_attachment_copy_to_file(at(0), NULL, &why),
	    SEALPOINT_ERR_ARGUMENT);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	    TEST(a_string_that_cannot_be_is_refused),
	    TEST(a_failed_call_changes_nothing),
	    TEST(nothing_is_asked_of_a_missing_message),
	    TEST(a_property_is_found_by_its_name_and_replaced),
	    TEST(lengths_are_room_before_and_bytes_after),
	    TEST(a_body_that_is_text_is_given_as_utf8),
	    TEST(a_body_that_is_no_text_is_a_mismatch),
	    TEST(a_body_comes_from_a_file_at_once),
	    TEST(the_same_name_replaces_an_attachment),
	    TEST(an_index_past_the_end_is_out_of_range),
	    TEST(attachments_are_counted_and_checked),
	    TEST(an_attachment_is_written_whole_and_private),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
