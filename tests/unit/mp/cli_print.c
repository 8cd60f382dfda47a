#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/x509.h>

#include "mp/cli/describe.h"
#include "mp/cli/output.h"
#include "mp/cli/policyname.h"

static const struct output_column columns[] = {
    {"NAME", "name"},
    {"WORDS", "words"},
    {"N", "n"},
    {NULL, NULL},
};

struct capture {
	struct output o;
	char *out, *err;
	size_t outlen, errlen;
};

static void
capture(struct capture *c)
{
	memset(c, 0, sizeof(*c));
	output_init(&c->o, open_memstream(&c->out, &c->outlen),
	    open_memstream(&c->err, &c->errlen));
}

static void
finish(struct capture *c)
{
	fclose(c->o.out);
	fclose(c->o.err);
}

static void
release(struct capture *c)
{
	free(c->out);
	free(c->err);
}

static struct record *
row(const char *name, const char *word, uint64_t n)
{
	struct record *r = record_new();

	record_set(r, "name", name);
	record_set_words(r, "words");
	if (word != NULL) {
		record_add_word(r, "words", word);
		record_add_word(r, "words", "b");
	}
	record_set_number(r, "n", n);
	return r;
}

static void
a_table_lines_up_and_escapes(void **state)
{
	struct record *list = record_list_new();
	struct capture c;

	(void)state;
	record_append(list, row("J\xc3\xbcrgen", "a", 7));
	record_append(list, row("\033[31m", NULL, 12));
	record_append(list, row("", "\xff", 0));
	capture(&c);
	assert_int_equal(output_list(&c.o, list, columns), 0);
	finish(&c);
	assert_string_equal(c.out, "NAME      WORDS  N\n"
				   "J\xc3\xbcrgen    a,b    7\n"
				   "\\x1b[31m  -      12\n"
				   "-         \xef\xbf\xbd,b    0\n");
	assert_string_equal(c.err, "");
	release(&c);
	record_free(list);
}

static void
json_is_ascii_whatever_goes_in(void **state)
{
	struct record *list = record_list_new();
	struct capture c;

	(void)state;
	record_append(list, row("\xc2\x9b\033\xff\xe2\x80\xae", "a", 1));
	record_append(list, row(NULL, NULL, 0));
	capture(&c);
	c.o.json = true;
	assert_int_equal(output_list(&c.o, list, columns), 0);
	finish(&c);
	for (char *p = c.out; *p != '\0'; p++)
		assert_true(*p == '\n' || (*p >= 0x20 && *p < 0x7f));
	assert_non_null(strstr(c.out, "\"\\u009B\\u001B\\uFFFD\\u202E\""));
	assert_non_null(strstr(c.out, "\"name\": null"));
	assert_non_null(strstr(c.out, "\"words\": []"));
	release(&c);
	record_free(list);
}

static void
an_empty_list_is_nothing_in_text_and_brackets_in_json(void **state)
{
	struct record *list = record_list_new();
	struct capture c;

	(void)state;
	capture(&c);
	assert_int_equal(output_list(&c.o, list, columns), 0);
	c.o.json = true;
	assert_int_equal(output_list(&c.o, list, columns), 0);
	finish(&c);
	assert_string_equal(c.out, "[]\n");
	release(&c);
	record_free(list);
}

static void
a_record_that_is_not_whole_is_not_printed(void **state)
{
	struct record *r = record_new();
	struct capture c;

	(void)state;
	record_set_record(r, "child", NULL);
	assert_false(record_ok(r));
	assert_false(record_ok(NULL));
	capture(&c);
	assert_int_equal(output_card(&c.o, r, columns), -1);
	finish(&c);
	assert_string_equal(c.out, "");
	assert_non_null(strstr(c.err, "out of memory"));
	release(&c);
	record_free(r);
}

static void
errors_go_to_the_error_stream_on_one_line(void **state)
{
	struct capture c;

	(void)state;
	capture(&c);
	output_error(&c.o, "file %s: gone", "a\nb\033");
	output_step(&c.o, "quiet when nobody looks");
	c.o.verbose = true;
	output_step(&c.o, "told");
	finish(&c);
	assert_string_equal(c.out, "");
	assert_string_equal(
	    c.err, "sealpoint: file a\\x0ab\\x1b: gone\ntold\n");
	release(&c);
}

/* One that wraps leaves its first lines on the screen. */
static void
a_long_step_stays_on_one_line_of_a_terminal(void **state)
{
	struct capture c;
	char url[200];

	(void)state;
	memset(url, 'u', sizeof(url) - 1);
	url[sizeof(url) - 1] = '\0';
	capture(&c);
	c.o.terminal = true;
	output_step(&c.o, url);
	assert_int_equal(c.errlen, strlen("\r\033[K") + 79);
	c.o.verbose = true;
	output_step(&c.o, url);
	finish(&c);
	assert_non_null(strstr(c.err, url));
	release(&c);
}

static void
a_full_disk_is_a_failure(void **state)
{
	FILE *full = fopen("/dev/full", "we");
	struct capture c;

	(void)state;
	if (full == NULL)
		skip();
	capture(&c);
	fclose(c.o.out);
	c.o.out = full;
	fputs("data", full);
	assert_int_equal(output_finish(&c.o), -1);
	finish(&c);
	assert_non_null(strstr(c.err, "standard output"));
	release(&c);
}

static void
keys_have_short_names(void **state)
{
	static const struct {
		struct signer_identity id;
		const char *name;
	} rows[] = {
	    {{.type = SIGNER_KEY_RSA, .bits = 2048}, "rsa-2048"},
	    {{.type = SIGNER_KEY_EC, .bits = 256}, "ec-p256"},
	    {{.type = SIGNER_KEY_EC, .bits = 521}, "ec-p521"},
	    {{.type = SIGNER_KEY_ED25519, .bits = 256}, "ed25519"},
	    {{.bits = UINT32_MAX}, "unknown"},
	};
	char text[DESCRIBE_KEY_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		describe_key(&rows[i].id, text);
		assert_string_equal(text, rows[i].name);
	}
}

static void
pss_by_raw_rsa_is_said_to_be_that(void **state)
{
	struct signer_identity id = {.type = SIGNER_KEY_RSA,
	    .mechs =
		SIGNER_MECH(SIGNER_RSA_PKCS1) | SIGNER_MECH(SIGNER_RSA_PSS)};
	char text[128], small[8];

	(void)state;
	describe_mechanisms(&id, text, sizeof(text));
	assert_string_equal(text, "rsa-pkcs1, rsa-pss");
	id.mechs |= SIGNER_MECH_RAW_PSS;
	describe_mechanisms(&id, text, sizeof(text));
	assert_string_equal(text, "rsa-pkcs1, rsa-pss-raw");
	describe_mechanisms(&id, small, sizeof(small));
	assert_string_equal(small, "rsa-pkc");
	id.mechs = 0;
	describe_mechanisms(&id, text, sizeof(text));
	assert_string_equal(text, "nothing");
}

static void
a_name_is_rfc2253_with_controls_escaped(void **state)
{
	X509_NAME *n = X509_NAME_new();
	char *text;

	(void)state;
	assert_int_equal(
	    X509_NAME_add_entry_by_txt(n, "O", MBSTRING_UTF8,
		(const unsigned char *)"Caf\xc3\xa9, Ltd", -1, -1, 0),
	    1);
	assert_int_equal(X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8,
			     (const unsigned char *)"a\033[31m\0b", 8, -1, 0),
	    1);
	text = describe_name(n);
	assert_string_equal(text, "CN=a\\1B[31m\\00b,O=Caf\xc3\xa9\\, Ltd");
	free(text);
	X509_NAME_free(n);
}

static void
file_names_of_policies_stay_in_their_directory(void **state)
{
	static const struct {
		const char *id, *name;
	} rows[] = {
	    {"{A1b2-C3}", "A1b2-C3.xml"},
	    {"PS1-0_x.1", "PS1-0_x.1.xml"},
	    {"../../etc/passwd", "_._.._etc_passwd-"},
	    {"..", "_.-"},
	    {".hidden", "_hidden-"},
	    {"-rf", "_rf-"},
	    {"", "_-"},
	    {"{}", "__-"},
	    {"a/b", "a_b-"},
	    {"a b", "a_b-"},
	    {"\xc3\xbc", "__-"},
	};
	char name[POLICYNAME_MAX], other[POLICYNAME_MAX], longest[500];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		policyname_file(rows[i].id, name);
		assert_int_equal(
		    strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "abcdefghijklmnopqrstuvwxyz0123456789._-"),
		    strlen(name));
		assert_true(name[0] != '.' && name[0] != '-');
		assert_string_equal(name + strlen(name) - 4, ".xml");
		assert_memory_equal(name, rows[i].name, strlen(rows[i].name));
	}
	policyname_file("a/b", name);
	policyname_file("a b", other);
	assert_string_not_equal(name, other);
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	policyname_file(longest, name);
	longest[sizeof(longest) - 2] = 'b';
	policyname_file(longest, other);
	assert_string_not_equal(name, other);
}

static void
flags_are_named_and_unknown_ones_shown(void **state)
{
	struct record *r = record_new();
	char *text;

	(void)state;
	policyname_flags(r, "f", 30);
	text = record_text(r, "f");
	assert_string_equal(
	    text, "requires-auth,secret,intranet-only,persist-whole-policy");
	free(text);
	policyname_flags(r, "f", 0x80000081u);
	text = record_text(r, "f");
	assert_string_equal(text, "task-sequence,0x80,0x80000000");
	free(text);
	record_free(r);
}

static void
progress_is_a_bar_on_a_terminal_and_nothing_elsewhere(void **state)
{
	struct capture c;

	(void)state;
	capture(&c);
	c.o.terminal = false;
	output_progress(&c.o, 1u << 20, 4u << 20);
	c.o.terminal = true;
	output_progress(&c.o, 10, 20); /* too little to tell of */
	output_progress(&c.o, 5u << 20, 4u << 20);
	fflush(c.o.err);
	assert_int_equal(c.errlen, 0);
	output_progress(&c.o, 1u << 20, 4u << 20);
	output_progress(&c.o, 4u << 20, 4u << 20);
	output_error(&c.o, "over");
	finish(&c);
	assert_non_null(strstr(c.err, "[#######                       ] 25%"));
	assert_non_null(strstr(c.err, "100% of 4 MiB"));
	assert_non_null(strstr(c.err, "\033[Ksealpoint: over\n"));
	assert_int_equal(c.outlen, 0);
	release(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_table_lines_up_and_escapes),
	    cmocka_unit_test(json_is_ascii_whatever_goes_in),
	    cmocka_unit_test(
		an_empty_list_is_nothing_in_text_and_brackets_in_json),
	    cmocka_unit_test(a_record_that_is_not_whole_is_not_printed),
	    cmocka_unit_test(errors_go_to_the_error_stream_on_one_line),
	    cmocka_unit_test(a_long_step_stays_on_one_line_of_a_terminal),
	    cmocka_unit_test(a_full_disk_is_a_failure),
	    cmocka_unit_test(keys_have_short_names),
	    cmocka_unit_test(pss_by_raw_rsa_is_said_to_be_that),
	    cmocka_unit_test(a_name_is_rfc2253_with_controls_escaped),
	    cmocka_unit_test(file_names_of_policies_stay_in_their_directory),
	    cmocka_unit_test(flags_are_named_and_unknown_ones_shown),
	    cmocka_unit_test(
		progress_is_a_bar_on_a_terminal_and_nothing_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
