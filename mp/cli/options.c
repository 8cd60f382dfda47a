#include "mp/cli/options.h"

#include <ctype.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "mp/cli/text.h"

#define SLOTS (2 * OPTION_COUNT + 1) /* tables may repeat an option */
#define HELP_COLUMN 28
#define HELP_WIDTH 78

/* The tables in the form that getopt_long(3) wants. */
struct plan {
	const struct option_def *def[SLOTS];
	struct option longs[SLOTS];
	char shorts[2 * SLOTS + 3];
	size_t n;
};

static void
plan_make(struct plan *p, const struct option_def *const *tables, bool stop)
{
	char *s = p->shorts;

	memset(p, 0, sizeof(*p));
	if (stop)
		*s++ = '+';
	*s++ = ':'; /* tell a missing value from an unknown option */
	for (; *tables != NULL; tables++) {
		for (const struct option_def *d = *tables;
		     d->name != NULL && p->n < SLOTS - 1; d++) {
			p->longs[p->n].name = d->name;
			p->longs[p->n].has_arg =
			    d->value == NULL ? no_argument : required_argument;
			p->longs[p->n].val = 256 + (int)p->n;
			p->def[p->n++] = d;
			if (d->letter == '\0')
				continue;
			*s++ = d->letter;
			if (d->value != NULL)
				*s++ = ':';
		}
	}
}

/* The option that getopt_long() means by its answer, or NULL. */
static const struct option_def *
plan_find(const struct plan *p, int answer)
{
	if (answer >= 256 && (size_t)(answer - 256) < p->n)
		return p->def[answer - 256];
	for (size_t i = 0; answer > 0 && i < p->n; i++) {
		if (p->def[i]->letter == answer)
			return p->def[i];
	}
	return NULL;
}

bool
option_allows(const struct option_def *def, const char *value)
{
	size_t len = strlen(value), n;
	const char *p = def->value;

	if (len == 0)
		return false;
	if (p == NULL || strchr(p, '|') == NULL)
		return true;
	for (; *p != '\0'; p += p[n] == '|' ? n + 1 : n) {
		n = strcspn(p, "|");
		if (n == len && strncmp(p, value, n) == 0)
			return true;
	}
	return false;
}

static bool
repeats(const struct option_def *def)
{
	size_t len = strlen(def->value);

	return len > 3 && strcmp(def->value + len - 3, "...") == 0;
}

/* One more value of an option that may be repeated. */
static int
collect(struct options *o, const struct option_def *def, const char *value,
    char text[OPTIONS_TEXT_MAX])
{
	if (o->nmany == OPTIONS_MANY_MAX) {
		snprintf(text, OPTIONS_TEXT_MAX,
		    "option --%s is one too many: %d are the limit", def->name,
		    OPTIONS_MANY_MAX);
		return -1;
	}
	o->many[o->nmany].id = def->id;
	o->many[o->nmany].value = value;
	o->nmany++;
	return 0;
}

static int
take(struct options *o, const struct option_def *def, const char *value,
    char text[OPTIONS_TEXT_MAX])
{
	if (def->value == NULL) {
		o->given[def->id] = true;
		return 0;
	}
	if (o->given[def->id] && !repeats(def)) {
		snprintf(text, OPTIONS_TEXT_MAX,
		    "option --%s is given twice: give it once", def->name);
		return -1;
	}
	if (*value == '\0') {
		snprintf(text, OPTIONS_TEXT_MAX,
		    "option --%s has an empty value: give %s", def->name,
		    def->value);
		return -1;
	}
	if (!option_allows(def, value)) {
		snprintf(text, OPTIONS_TEXT_MAX,
		    "option --%s cannot be \"%.64s\": it is one of %s",
		    def->name, value, def->value);
		return -1;
	}
	o->given[def->id] = true;
	o->value[def->id] = value;
	return repeats(def) ? collect(o, def, value, text) : 0;
}

/* Words for what getopt_long() did not take. */
static int
refuse(
    const struct plan *p, int answer, char **argv, char text[OPTIONS_TEXT_MAX])
{
	const struct option_def *def = plan_find(p, optopt);

	if (answer == ':' && def != NULL)
		snprintf(text, OPTIONS_TEXT_MAX,
		    "option --%s needs a value: %s", def->name, def->value);
	else if (def != NULL)
		snprintf(text, OPTIONS_TEXT_MAX, "option --%s takes no value",
		    def->name);
	else if (optopt > 0 && optopt < 256)
		snprintf(text, OPTIONS_TEXT_MAX, "there is no option -%c",
		    isprint(optopt) ? optopt : '?');
	else
		snprintf(text, OPTIONS_TEXT_MAX,
		    "there is no option %.64s, or it is short for several",
		    argv[optind - 1]);
	return -1;
}

int
options_parse(struct options *o, const struct option_def *const *tables,
    bool stop, int argc, char **argv, int *next, char text[OPTIONS_TEXT_MAX])
{
	const struct option_def *def;
	struct plan p;
	int answer;

	text[0] = '\0';
	*next = argc;
	plan_make(&p, tables, stop);
	optind = 0; /* glibc: start afresh */
	opterr = 0;
	for (;;) {
		optopt = 0;
		answer = getopt_long(argc, argv, p.shorts, p.longs, NULL);
		if (answer == -1)
			break;
		def = answer == '?' || answer == ':' ? NULL
						     : plan_find(&p, answer);
		if (def == NULL)
			return refuse(&p, answer, argv, text);
		if (take(o, def, optarg, text) != 0)
			return -1;
	}
	*next = optind;
	return 0;
}

int
options_number(const struct options *o, const struct option_def *def,
    unsigned least, unsigned most, unsigned *number,
    char text[OPTIONS_TEXT_MAX])
{
	const char *value = o->value[def->id];
	unsigned long n = 0;

	if (value == NULL)
		return 0;
	/* Digits only: strtoul() would take blanks and signs. */
	if (strspn(value, "0123456789") == strlen(value) && strlen(value) <= 9)
		n = strtoul(value, NULL, 10);
	else
		n = (unsigned long)most + 1;
	if (n < least || n > most) {
		snprintf(text, OPTIONS_TEXT_MAX,
		    "option --%s cannot be \"%.64s\": it is a whole number "
		    "from %u to %u",
		    def->name, value, least, most);
		return -1;
	}
	*number = (unsigned)n;
	return 0;
}

int
options_size(const struct options *o, const struct option_def *def,
    uint64_t most, uint64_t *size, char text[OPTIONS_TEXT_MAX])
{
	static const char suffixes[] = "KMG";
	const char *value = o->value[def->id], *suffix = NULL;
	size_t digits;
	uint64_t n = 0;

	if (value == NULL)
		return 0;
	digits = strspn(value, "0123456789");
	if (value[digits] != '\0')
		suffix =
		    strchr(suffixes, toupper((unsigned char)value[digits]));
	/* As many digits as any size here has: nothing can overflow. */
	if (digits > 0 && digits <= 9 &&
	    (value[digits] == '\0' ||
		(suffix != NULL && value[digits + 1] == '\0')))
		n = strtoull(value, NULL, 10);
	for (; suffix != NULL && suffix >= suffixes; suffix--)
		n *= 1024;
	if (n == 0 || n > most) {
		snprintf(text, OPTIONS_TEXT_MAX,
		    "option --%s cannot be \"%.64s\": it is a size in bytes "
		    "from 1 to %llu, or in units of 1024 with K, M or G behind "
		    "it, as in 300M",
		    def->name, value, (unsigned long long)most);
		return -1;
	}
	*size = n;
	return 0;
}

const struct option_def *
options_find(const struct option_def *table, enum option_id id)
{
	for (; table->name != NULL; table++) {
		if (table->id == id)
			return table;
	}
	return NULL;
}

void
options_help(const struct option_def *table, FILE *f)
{
	char left[128];
	int n;

	for (; table->name != NULL; table++) {
		n = snprintf(left, sizeof(left), "  %c%c%s--%s%s%s",
		    table->letter == '\0' ? ' ' : '-',
		    table->letter == '\0' ? ' ' : table->letter,
		    table->letter == '\0' ? "  " : ", ", table->name,
		    table->value == NULL ? "" : " ",
		    table->value == NULL ? "" : table->value);
		if (n < HELP_COLUMN - 1)
			fprintf(f, "%-*s", HELP_COLUMN, left);
		else
			fprintf(f, "%s\n%*s", left, HELP_COLUMN, "");
		text_wrap(f, table->help, HELP_COLUMN, HELP_WIDTH);
	}
}
