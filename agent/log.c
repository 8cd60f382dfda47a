#include "agent/log.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

#define LINES_MAX 20 /* in one second; strangers may cause lines */

/* Set once, before there are threads; lines come from one thread. */
static const char *name = "sealpoint";
static bool journal;
static time_t second;
static unsigned lines;

void
log_open(const char *program)
{
	name = program;
	journal = getenv("JOURNAL_STREAM") != NULL;
}

/* Has this second had its lines? Says so once. */
static bool
too_many(void)
{
	time_t now = time(NULL);

	if (now != second) {
		second = now;
		lines = 0;
	}
	return ++lines > LINES_MAX;
}

void
log_line(enum log_level level, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES], line[LINE_MAX_BYTES + 64];
	va_list ap;
	int n;

	if (too_many())
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (lines == LINES_MAX)
		(void)snprintf(text, sizeof(text),
		    "too many lines in one second; the rest of them is left "
		    "out");
	/* A token's label is a stranger's text: it must not forge a line. */
	for (char *p = text; *p != '\0'; p++)
		if (iscntrl((unsigned char)*p))
			*p = '?';
	if (journal)
		n = snprintf(line, sizeof(line), "<%d>%s\n", (int)level, text);
	else
		n = snprintf(line, sizeof(line), "%s: %s\n", name, text);
	/* One write, so that lines of several processes do not mix. */
	if (n > 0)
		(void)!write(STDERR_FILENO, line, strnlen(line, sizeof(line)));
}
