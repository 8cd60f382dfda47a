/* The help and the manual page say the same: option by option, both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mp/cli/command.h"

#ifndef PAGE
#error "PAGE names the manual page"
#endif

#define PAGE_MAX 65536

static char page[PAGE_MAX];

static int
read_page(void **state)
{
	FILE *f = fopen(PAGE, "re");
	size_t n;

	(void)state;
	if (f == NULL)
		return -1;
	n = fread(page, 1, sizeof(page) - 1, f);
	page[n] = '\0';
	return fclose(f);
}

/* The part of the page under a heading, yours to free; NULL if none. */
static char *
section(const char *heading)
{
	char line[128];
	const char *at, *end;

	snprintf(line, sizeof(line), "\n%s\n", heading);
	at = strstr(page, line);
	if (at == NULL)
		return NULL;
	at += strlen(line) - 1;
	end = strstr(at, "\n.S");
	return end == NULL ? strdup(at) : strndup(at, (size_t)(end - at) + 1);
}

/* A value as the page writes it: "Ar FILE", "Cm sha1 | sha256". */
static void
value_text(const char *value, char text[128])
{
	size_t n;

	n = (size_t)snprintf(
	    text, 128, " %s ", strchr(value, '|') == NULL ? "Ar" : "Cm");
	for (; *value != '\0' && n < 120; value++)
		n += (size_t)snprintf(text + n, 128 - n,
		    *value == '|'    ? " %c "
		    : *value == '\\' ? "%ce"
				     : "%c",
		    *value);
}

/* The line of the page that lists an option. */
static void
item(const struct option_def *d, char line[256])
{
	char letter[16] = "", value[128] = "";

	if (d->letter != '\0')
		snprintf(letter, sizeof(letter), "Fl %c , ", d->letter);
	if (d->value != NULL)
		value_text(d->value, value);
	snprintf(line, 256, "\n.It %sFl -%s%s\n", letter, d->name, value);
}

static size_t
count(const char *text, const char *what)
{
	size_t n = 0;

	while ((text = strstr(text, what)) != NULL) {
		text += strlen(what);
		n++;
	}
	return n;
}

/* Each option of the table is in the section, and no other. */
static void
compare(const char *heading, const struct option_def *table)
{
	char *text = section(heading), line[256];
	size_t n = 0;

	if (text == NULL)
		fail_msg("the page has no section %s", heading);
	for (; table->name != NULL; table++, n++) {
		item(table, line);
		if (strstr(text, line) == NULL)
			fail_msg("%s lacks%s", heading, line);
	}
	if (count(text, "\n.It ") != n)
		fail_msg("%s lists an option that --help does not", heading);
	free(text);
}

static void
every_command_has_its_section_with_its_options(void **state)
{
	char heading[64];

	(void)state;
	for (size_t i = 0; command_table[i] != NULL; i++) {
		snprintf(
		    heading, sizeof(heading), ".Ss %s", command_table[i]->name);
		compare(heading, command_table[i]->options);
	}
}

static void
shared_options_have_their_sections(void **state)
{
	(void)state;
	compare(".Sh OPTIONS", command_global_options);
	compare(".Ss Options for management points", command_mp_options);
}

static void
the_page_knows_no_command_that_is_not_there(void **state)
{
	size_t n = 0;

	(void)state;
	while (command_table[n] != NULL)
		n++;
	assert_int_equal(count(page, "\n.Ss "), n + 1);
}

/* What a user sees: made by the program itself, from its command line. */
static char *
help_of(const char *name)
{
	char word[64], *argv[5] = {NULL}, *save = NULL, *out = NULL;
	static char program[] = "sealpoint", flag[] = "--help";
	size_t len;
	FILE *f = open_memstream(&out, &len);
	int argc = 0;

	snprintf(word, sizeof(word), "%s", name);
	argv[argc++] = program;
	for (char *w = strtok_r(word, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc++] = flag;
	assert_int_equal(command_main(argc, argv, f, f, NULL), 0);
	fclose(f);
	return out;
}

static void
assert_shows(const char *help, const struct option_def *table)
{
	char option[160];

	for (; table->name != NULL; table++) {
		snprintf(option, sizeof(option), "--%s%s%s", table->name,
		    table->value == NULL ? "" : " ",
		    table->value == NULL ? "" : table->value);
		if (strstr(help, option) == NULL)
			fail_msg("the help lacks %s:\n%s", option, help);
	}
}

static void
the_help_of_a_command_shows_every_option_it_takes(void **state)
{
	(void)state;
	for (size_t i = 0; command_table[i] != NULL; i++) {
		const struct command *c = command_table[i];
		char *help = help_of(c->name);

		assert_shows(help, c->options);
		assert_shows(help, command_global_options);
		if (c->mp)
			assert_shows(help, command_mp_options);
		free(help);
	}
}

static void
no_line_of_help_is_wider_than_a_terminal(void **state)
{
	char *save;

	(void)state;
	for (size_t i = 0; command_table[i] != NULL; i++) {
		char *help = help_of(command_table[i]->name);

		for (char *l = strtok_r(help, "\n", &save); l != NULL;
		     l = strtok_r(NULL, "\n", &save)) {
			if (strlen(l) > 80)
				fail_msg("%s", l);
		}
		free(help);
	}
}

static void
the_program_teaches_its_commands(void **state)
{
	char *help = help_of("");

	(void)state;
	for (size_t i = 0; command_table[i] != NULL; i++) {
		assert_non_null(strstr(help, command_table[i]->name));
		assert_non_null(strstr(help, command_table[i]->summary));
	}
	assert_non_null(strstr(help, "Examples:"));
	assert_non_null(strstr(help, "sealpoint(1)"));
	free(help);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_command_has_its_section_with_its_options),
	    cmocka_unit_test(shared_options_have_their_sections),
	    cmocka_unit_test(the_page_knows_no_command_that_is_not_there),
	    cmocka_unit_test(the_help_of_a_command_shows_every_option_it_takes),
	    cmocka_unit_test(no_line_of_help_is_wider_than_a_terminal),
	    cmocka_unit_test(the_program_teaches_its_commands),
	};

	return cmocka_run_group_tests(tests, read_page, NULL);
}
