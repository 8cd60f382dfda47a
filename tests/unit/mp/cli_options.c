#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mp/cli/options.h"

#define WORDS_MAX 12

static const struct option_def own[] = {
    {OPTION_KEY, 'k', "key", "THUMBPRINT", "the key"},
    {OPTION_DIGEST, 'd', "digest", "sha1|sha256", "the hash"},
    {OPTION_PSS, '\0', "pss", NULL, "RSA-PSS"},
    {OPTION_WAIT, '\0', "wait", "SECONDS", "how long"},
    {0},
};

static const struct option_def global[] = {
    {OPTION_JSON, '\0', "json", NULL, "JSON"},
    {OPTION_VERBOSE, 'v', "verbose", NULL, "more"},
    {OPTION_AGENT, '\0', "agent", "SOCKET", "the agent"},
    {0},
};

static const struct option_def *const both[] = {own, global, NULL};

/* Parses the words of a line; argv[0] is put before them. */
static int
parse(struct options *o, const char *line, bool stop, int *words, char *text)
{
	static char copy[512];
	char *argv[WORDS_MAX + 2] = {NULL}, *save = NULL;
	static char name[] = "test";
	int argc = 0, next, r;

	memset(o, 0, sizeof(*o));
	snprintf(copy, sizeof(copy), "%s", line);
	argv[argc++] = name;
	for (char *w = strtok_r(copy, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save)) {
		/* The only way to write an empty word in a line. */
		argv[argc++] = strcmp(w, "EMPTY") == 0 ? w + 5 : w;
	}
	r = options_parse(o, both, stop, argc, argv, &next, text);
	*words = argc - next;
	return r;
}

static void
what_makes_no_sense_is_refused_with_a_reason(void **state)
{
	static const struct {
		const char *line, *why;
	} rows[] = {
	    {"--nothing", "no option --nothing"},
	    {"-x", "no option -x"},
	    {"-k", "--key needs a value: THUMBPRINT"},
	    {"--key", "--key needs a value: THUMBPRINT"},
	    {"-k EMPTY", "--key has an empty value"},
	    {"-k A -k B", "--key is given twice"},
	    {"-k A --key=B", "--key is given twice"},
	    {"--pss=yes", "--pss takes no value"},
	    {"-d md5", "one of sha1|sha256"},
	    {"-d sha", "one of sha1|sha256"},
	    {"-d sha1|sha256", "one of sha1|sha256"},
	    {"-d |", "one of sha1|sha256"},
	    {"-d SHA1", "one of sha1|sha256"},
	};
	char text[OPTIONS_TEXT_MAX];
	struct options o;
	int words;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
		    parse(&o, rows[i].line, false, &words, text), -1);
		assert_non_null(strstr(text, rows[i].why));
	}
}

static void
every_spelling_of_an_option_is_understood(void **state)
{
	static const char *const lines[] = {"-k A", "-kA", "--key A", "--key=A",
	    "-v -k A", "-vkA", "word -k A", "--ke A"};
	char text[OPTIONS_TEXT_MAX];
	struct options o;
	int words;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(parse(&o, lines[i], false, &words, text), 0);
		assert_string_equal(o.value[OPTION_KEY], "A");
		assert_true(o.given[OPTION_KEY]);
	}
}

static void
global_options_end_at_the_command(void **state)
{
	char text[OPTIONS_TEXT_MAX];
	struct options o;
	int words;

	(void)state;
	assert_int_equal(parse(&o, "--json sign -v", true, &words, text), 0);
	assert_int_equal(words, 2);
	assert_true(o.given[OPTION_JSON]);
	assert_false(o.given[OPTION_VERBOSE]);
	assert_int_equal(parse(&o, "a --json b -- -k", false, &words, text), 0);
	assert_int_equal(words, 3);
	assert_true(o.given[OPTION_JSON]);
}

static void
a_flag_may_be_repeated_and_a_dash_is_a_value(void **state)
{
	char text[OPTIONS_TEXT_MAX];
	struct options o;
	int words;

	(void)state;
	assert_int_equal(
	    parse(&o, "-v -v --json -k -", false, &words, text), 0);
	assert_string_equal(o.value[OPTION_KEY], "-");
	assert_null(o.value[OPTION_VERBOSE]);
}

static void
numbers_are_whole_and_within_bounds(void **state)
{
	static const struct {
		const char *line;
		int r;
		unsigned n;
	} rows[] = {
	    {"", 0, 7},
	    {"--wait 0", 0, 0},
	    {"--wait 100", 0, 100},
	    {"--wait 007", 0, 7},
	    {"--wait 101", -1, 7},
	    {"--wait -1", -1, 7},
	    {"--wait +1", -1, 7},
	    {"--wait 1s", -1, 7},
	    {"--wait 0x1", -1, 7},
	    {"--wait 4294967297", -1, 7},
	    {"--wait 18446744073709551617", -1, 7},
	};
	char text[OPTIONS_TEXT_MAX];
	struct options o;
	int words;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned n = 7;

		assert_int_equal(
		    parse(&o, rows[i].line, false, &words, text), 0);
		assert_int_equal(
		    options_number(
			&o, options_find(own, OPTION_WAIT), 0, 100, &n, text),
		    rows[i].r);
		assert_int_equal(n, rows[i].n);
	}
}

static void
sizes_are_bytes_or_have_a_unit(void **state)
{
	static const struct {
		const char *line;
		int r;
		uint64_t n;
	} rows[] = {
	    {"", 0, 7},
	    {"--wait 1", 0, 1},
	    {"--wait 999", 0, 999},
	    {"--wait 2K", 0, 2048},
	    {"--wait 3m", 0, 3u << 20},
	    {"--wait 1G", 0, 1u << 30},
	    {"--wait 1073741824", -1, 7},
	    {"--wait 1048577K", -1, 7},
	    {"--wait 2G", -1, 7},
	    {"--wait 999999999G", -1, 7},
	    {"--wait 0", -1, 7},
	    {"--wait 0M", -1, 7},
	    {"--wait M", -1, 7},
	    {"--wait -1", -1, 7},
	    {"--wait 1MB", -1, 7},
	    {"--wait 1T", -1, 7},
	    {"--wait 1.5M", -1, 7},
	    {"--wait 18446744073709551617", -1, 7},
	};
	char text[OPTIONS_TEXT_MAX];
	struct options o;
	int words;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t n = 7;

		assert_int_equal(
		    parse(&o, rows[i].line, false, &words, text), 0);
		if (options_size(&o, options_find(own, OPTION_WAIT), 1u << 30,
			&n, text) != rows[i].r ||
		    n != rows[i].n)
			fail_msg(
			    "%s: %llu", rows[i].line, (unsigned long long)n);
	}
}

static void
the_help_names_every_option_of_the_table(void **state)
{
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);

	(void)state;
	options_help(own, f);
	fclose(f);
	assert_non_null(strstr(out, "  -k, --key THUMBPRINT"));
	assert_non_null(strstr(out, "  -d, --digest sha1|sha256 "));
	assert_non_null(strstr(out, "      --pss  "));
	free(out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_makes_no_sense_is_refused_with_a_reason),
	    cmocka_unit_test(every_spelling_of_an_option_is_understood),
	    cmocka_unit_test(global_options_end_at_the_command),
	    cmocka_unit_test(a_flag_may_be_repeated_and_a_dash_is_a_value),
	    cmocka_unit_test(numbers_are_whole_and_within_bounds),
	    cmocka_unit_test(sizes_are_bytes_or_have_a_unit),
	    cmocka_unit_test(the_help_names_every_option_of_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
