#include "mp/cli/record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "mp/cli/text.h"

struct record {
	json_t *json;
	bool failed;
};

static struct record *
wrap(json_t *json)
{
	struct record *r = calloc(1, sizeof(*r));

	if (r == NULL || json == NULL) {
		free(r);
		json_decref(json);
		return NULL;
	}
	r->json = json;
	return r;
}

struct record *
record_new(void)
{
	return wrap(json_object());
}

struct record *
record_list_new(void)
{
	return wrap(json_array());
}

void
record_free(struct record *r)
{
	if (r == NULL)
		return;
	json_decref(r->json);
	free(r);
}

/* Takes value; NULL marks the failure that made it. */
static void
set(struct record *r, const char *name, json_t *value)
{
	if (r == NULL)
		json_decref(value);
	else if (json_object_set_new(r->json, name, value) != 0)
		r->failed = true;
}

/* A string that jansson will take, whatever bytes it came with. */
static json_t *
string(const char *text)
{
	char *clean = text_utf8(text);
	json_t *value = clean == NULL ? NULL : json_string(clean);

	free(clean);
	return value;
}

void
record_set(struct record *r, const char *name, const char *text)
{
	set(r, name, text == NULL ? json_null() : string(text));
}

void
record_set_number(struct record *r, const char *name, uint64_t number)
{
	set(r, name, json_integer((json_int_t)number));
}

void
record_set_bool(struct record *r, const char *name, bool yes)
{
	set(r, name, json_boolean(yes));
}

void
record_set_words(struct record *r, const char *name)
{
	set(r, name, json_array());
}

void
record_add_word(struct record *r, const char *name, const char *word)
{
	if (r == NULL)
		return;
	if (json_array_append_new(
		json_object_get(r->json, name), string(word)) != 0)
		r->failed = true;
}

/* Takes the child apart: its value, and whether it is whole. */
static json_t *
unwrap(struct record *child)
{
	json_t *value = NULL;

	if (record_ok(child))
		value = json_incref(child->json);
	record_free(child);
	return value;
}

void
record_set_record(struct record *r, const char *name, struct record *child)
{
	set(r, name, unwrap(child));
}

void
record_append(struct record *list, struct record *child)
{
	json_t *value = unwrap(child);

	if (list == NULL)
		json_decref(value);
	else if (json_array_append_new(list->json, value) != 0)
		list->failed = true;
}

bool
record_ok(const struct record *r)
{
	return r != NULL && !r->failed;
}

size_t
record_count(const struct record *list)
{
	return list == NULL ? 0 : json_array_size(list->json);
}

/* Words with commas between, to be escaped later. */
static void
join(FILE *f, const json_t *words)
{
	for (size_t i = 0; i < json_array_size(words); i++)
		fprintf(f, "%s%s", i == 0 ? "" : ",",
		    json_string_value(json_array_get(words, i)));
	if (json_array_size(words) == 0)
		fputc('-', f);
}

static void
show(FILE *f, const json_t *value)
{
	const char *text = json_string_value(value);

	if (text != NULL)
		fputs(*text == '\0' ? "-" : text, f);
	else if (json_is_integer(value))
		fprintf(f, "%" PRIu64, (uint64_t)json_integer_value(value));
	else if (json_is_boolean(value))
		fputs(json_is_true(value) ? "yes" : "no", f);
	else if (json_is_array(value))
		join(f, value);
	else
		fputc('-', f);
}

static char *
printable(const json_t *value)
{
	char *raw = NULL, *clean = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&raw, &len);

	if (f == NULL)
		return NULL;
	show(f, value);
	if (fclose(f) == 0)
		clean = text_printable(raw);
	free(raw);
	return clean;
}

char *
record_text(const struct record *r, const char *name)
{
	return printable(json_object_get(r->json, name));
}

char *
record_cell(const struct record *list, size_t row, const char *name)
{
	return printable(
	    json_object_get(json_array_get(list->json, row), name));
}

int
record_print(const struct record *r, FILE *f)
{
	if (json_dumpf(r->json, f, JSON_INDENT(2) | JSON_ENSURE_ASCII) != 0)
		return -1;
	return fputc('\n', f) == EOF ? -1 : 0;
}
