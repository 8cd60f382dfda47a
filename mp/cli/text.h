/*
 * Text from strangers made fit to print: certificates, tokens and management
 * points choose many of the words that this program shows. Knows nothing of
 * where the words come from or where they go.
 */
#ifndef MP_CLI_TEXT_H
#define MP_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Writes text to f with everything escaped that could move a cursor, change
 * a colour or turn the reading direction: control characters as \x1b, marks
 * beyond ASCII as \u{202e}, bytes that are no UTF-8 as \xff. With `lines`,
 * line ends and tabs stay.
 */
void text_put(FILE *f, const char *text, size_t len, bool lines);

/* The same as a string; yours to free; NULL if there is no memory. */
char *text_printable(const char *text);

/*
 * A copy that is valid UTF-8: each byte that is none becomes U+FFFD. Yours
 * to free; NULL if there is no memory.
 */
char *text_utf8(const char *text);

/* How many characters wide valid UTF-8 is, one column each. */
size_t text_width(const char *text);

/*
 * Writes a paragraph of our own words in lines of at most `width` columns.
 * The first line stands at column `indent` already; the others get there.
 */
void text_wrap(FILE *f, const char *text, int indent, int width);

#endif
