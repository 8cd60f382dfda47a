#include "mp/cli/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mp/cli/text.h"

#define BOLD "\033[1m"
#define PLAIN "\033[0m"
#define PROGRESS_LEAST (1u << 20) /* bytes: less is quick */
#define CLEAR_LINE "\r\033[K"
#define STEP_MAX 79 /* bytes: what wraps cannot be cleared */

static bool
dumb(void)
{
	const char *term = getenv("TERM");

	return term == NULL || *term == '\0' || strcmp(term, "dumb") == 0;
}

void
output_init(struct output *o, FILE *out, FILE *err)
{
	const char *plain = getenv("NO_COLOR");
	int fd = fileno(out);

	memset(o, 0, sizeof(*o));
	o->out = out;
	o->err = err;
	o->colour = fd >= 0 && isatty(fd) && !dumb() &&
		    (plain == NULL || *plain == '\0');
	fd = fileno(err);
	o->terminal = fd >= 0 && isatty(fd) && !dumb();
}

/* Takes the line of progress away before another line comes. */
static void
settle(struct output *o)
{
	if (o->progress)
		fputs(CLEAR_LINE, o->err);
	o->progress = false;
}

static void say(struct output *o, const char *before, const char *fmt,
    va_list ap) __attribute__((format(printf, 3, 0)));

static void
say(struct output *o, const char *before, const char *fmt, va_list ap)
{
	char *text = NULL;

	/* Both may be one terminal or log: what was said first stands first. */
	(void)fflush(o->out);
	settle(o);
	fputs(before, o->err);
	if (vasprintf(&text, fmt, ap) < 0)
		fputs("out of memory", o->err);
	else
		text_put(o->err, text, strlen(text), false);
	fputc('\n', o->err);
	free(text);
}

void
output_error(struct output *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(o, "sealpoint: ", fmt, ap);
	va_end(ap);
}

void
output_warning(struct output *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(o, "sealpoint: warning: ", fmt, ap);
	va_end(ap);
}

void
output_note(struct output *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(o, "", fmt, ap);
	va_end(ap);
}

void
output_step(struct output *o, const char *what)
{
	if (o->verbose) {
		output_note(o, "%s", what);
		return;
	}
	if (!o->terminal)
		return;
	fputs(CLEAR_LINE, o->err);
	text_put(o->err, what, strnlen(what, STEP_MAX), false);
	fflush(o->err);
	o->progress = true;
}

void
output_progress(struct output *o, uint64_t done, uint64_t all)
{
	static const char full[] = "##############################";
	const unsigned width = sizeof(full) - 1;
	unsigned part;

	if (!o->terminal || all < PROGRESS_LEAST || done > all)
		return;
	part = (unsigned)((double)done / (double)all * width);
	fprintf(o->err, CLEAR_LINE "sending [%.*s%*s] %u%% of %u MiB",
	    (int)part, full, (int)(width - part), "",
	    (unsigned)((double)done / (double)all * 100),
	    (unsigned)(all >> 20));
	fflush(o->err);
	o->progress = true;
}

/* JSON, if that is wanted. 1: it is not; else 0 or -1. */
static int
print_json(struct output *o, const struct record *r)
{
	settle(o);
	if (!record_ok(r)) {
		output_error(o, "out of memory while preparing the output");
		return -1;
	}
	if (!o->json)
		return 1;
	/* A failed write shows again in output_finish(), with its reason. */
	(void)record_print(r, o->out);
	return 0;
}

/* One cell; the last of a row needs no blanks behind it. */
static void
put_cell(struct output *o, const char *text, size_t width, bool last)
{
	size_t have = text_width(text);

	fputs(text, o->out);
	for (; !last && have < width + 2; have++)
		fputc(' ', o->out);
}

static size_t
widest(const struct record *list, const struct output_column *column)
{
	size_t width = text_width(column->heading);

	for (size_t row = 0; row < record_count(list); row++) {
		char *cell = record_cell(list, row, column->name);
		size_t have = cell == NULL ? 0 : text_width(cell);

		width = have > width ? have : width;
		free(cell);
	}
	return width;
}

static void
put_row(struct output *o, const struct record *list, size_t row,
    const struct output_column *columns, const size_t *width)
{
	for (size_t i = 0; columns[i].heading != NULL; i++) {
		char *cell = record_cell(list, row, columns[i].name);

		put_cell(o, cell == NULL ? "?" : cell, width[i],
		    columns[i + 1].heading == NULL);
		free(cell);
	}
	fputc('\n', o->out);
}

int
output_list(struct output *o, const struct record *list,
    const struct output_column *columns)
{
	size_t width[OUTPUT_COLUMNS_MAX];
	int r = print_json(o, list);

	if (r <= 0 || record_count(list) == 0)
		return r < 0 ? -1 : 0;
	for (size_t i = 0; columns[i].heading != NULL; i++)
		width[i] = widest(list, &columns[i]);
	fputs(o->colour ? BOLD : "", o->out);
	for (size_t i = 0; columns[i].heading != NULL; i++)
		put_cell(o, columns[i].heading, width[i],
		    columns[i + 1].heading == NULL);
	fputs(o->colour ? PLAIN "\n" : "\n", o->out);
	for (size_t row = 0; row < record_count(list); row++)
		put_row(o, list, row, columns, width);
	return 0;
}

int
output_card(struct output *o, const struct record *r,
    const struct output_column *columns)
{
	size_t width = 0, have;
	int done = print_json(o, r);

	if (done <= 0)
		return done;
	for (size_t i = 0; columns[i].heading != NULL; i++) {
		have = text_width(columns[i].heading);
		width = have > width ? have : width;
	}
	for (size_t i = 0; columns[i].heading != NULL; i++) {
		char *value = record_text(r, columns[i].name);

		fputs(o->colour ? BOLD : "", o->out);
		put_cell(o, columns[i].heading, width, false);
		fputs(o->colour ? PLAIN : "", o->out);
		fprintf(o->out, "%s\n", value == NULL ? "?" : value);
		free(value);
	}
	return 0;
}

int
output_finish(struct output *o)
{
	int bad;

	settle(o);
	errno = 0;
	bad = fflush(o->out) != 0;
	if (!bad && ferror(o->out) == 0)
		return 0;
	/* The reader left, as head(1) does: it needs no telling. */
	if (errno != EPIPE)
		output_error(o,
		    "standard output: cannot be written: %s. "
		    "What it holds is not whole",
		    errno == 0 ? "an earlier write failed" : strerror(errno));
	return -1;
}
