/*
 * What a command has to say, as named values: one description, printed as
 * JSON for programs or as text for people. Knows nothing of terminals. A
 * failure (no memory) sticks; ask record_ok() once, at the end.
 */
#ifndef MP_CLI_RECORD_H
#define MP_CLI_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct record;

struct record *record_new(void);      /* one thing; NULL: no memory */
struct record *record_list_new(void); /* a list of things */
void record_free(struct record *r);   /* NULL-safe */

/* Values of one thing, in the order they are set. NULL-safe in r. */
void record_set(struct record *r, const char *name, const char *text);
void record_set_number(struct record *r, const char *name, uint64_t number);
void record_set_bool(struct record *r, const char *name, bool yes);

/* Makes the value `name` a list of words, and puts words into it. */
void record_set_words(struct record *r, const char *name);
void record_add_word(struct record *r, const char *name, const char *word);

/* These take the child; both may be NULL, which is a failure of r. */
void record_set_record(
    struct record *r, const char *name, struct record *child);
void record_append(struct record *list, struct record *child);

bool record_ok(const struct record *r); /* false for NULL */
size_t record_count(const struct record *list);

/*
 * A value as one line of printable text: words with commas between, yes or
 * no, "-" if there is none. Of a thing, or of row number `row` of a list.
 * Yours to free; NULL: no memory.
 */
char *record_text(const struct record *r, const char *name);
char *record_cell(const struct record *list, size_t row, const char *name);

/* ASCII JSON and a line end. 0 or -1. */
int record_print(const struct record *r, FILE *f);

#endif
