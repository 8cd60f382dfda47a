/*
 * Where the program speaks: data to standard output, everything else to
 * standard error; tables and colours for people, JSON for programs, progress
 * on a terminal only. Escapes what strangers wrote. Knows no command.
 */
#ifndef MP_CLI_OUTPUT_H
#define MP_CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "mp/cli/record.h"

struct output {
	FILE *out;
	FILE *err;
	bool json;
	bool verbose;
	bool colour;   /* on out */
	bool terminal; /* err is one: progress is welcome */
	bool progress; /* a line of progress is being shown */
};

#define OUTPUT_COLUMNS_MAX 16

/* What a table or a card shows of a record, in at most so many columns. */
struct output_column {
	const char *heading;
	const char *name;
};

/* The streams are borrowed. */
void output_init(struct output *o, FILE *out, FILE *err);

/* Each prints one line, "sealpoint: ..." the first two. */
void output_error(struct output *o, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void output_warning(struct output *o, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void output_note(struct output *o, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Tells what happens now: a line that the next one overwrites on a terminal,
 * cut to fit there; a line of its own if verbose, nothing otherwise.
 */
void output_step(struct output *o, const char *what);

/* How much of how much went out: a bar on a terminal, nothing elsewhere. */
void output_progress(struct output *o, uint64_t done, uint64_t all);

/*
 * A list as a table, or one thing as a card of name and value; either as
 * JSON if that was asked for. columns[] ends with a NULL heading. Returns 0,
 * or -1 having said why.
 */
int output_list(struct output *o, const struct record *list,
    const struct output_column *columns);
int output_card(struct output *o, const struct record *r,
    const struct output_column *columns);

/* Flushes; 0, or -1 having said why standard output did not take it all. */
int output_finish(struct output *o);

#endif
