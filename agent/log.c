#include "agent/log.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

/* Set once, before there are threads. */
static const char *name = "sealpoint";
static bool journal;

void
log_open(const char *program)
{
	name = program;
	journal = getenv("JOURNAL_STREAM") != NULL;
}

void
log_line(enum log_level level, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES], line[LINE_MAX_BYTES + 64];
	va_list ap;
	int n;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
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
