/*
 * What the readers of sealpointd.conf's sections share: one complaint, and
 * the spelling of values. Inside the agent's conf files only.
 */
#ifndef AGENT_CONF_PARSE_H
#define AGENT_CONF_PARSE_H

#include <stdio.h>

#include "agent/conf.h"

/* One reading of the file; the first complaint is kept. */
struct reading {
	struct conf *c;
	FILE *file;
	unsigned line;
	char complaint[CONF_TEXT_MAX];
};

/* All that follow return 1, or 0 after a complaint: what inih wants. */
int conf_complain(struct reading *rd, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

int conf_text(struct reading *rd, const char *name, const char *value,
    char *out, size_t room);

/* An absolute path: a daemon has no directory that users expect. */
int conf_path(struct reading *rd, const char *name, const char *value,
    char *out, size_t room);

int conf_number(struct reading *rd, const char *name, const char *value,
    unsigned min, unsigned max, unsigned *out);

/* Seconds in the file, milliseconds in *out. */
int conf_seconds(struct reading *rd, const char *name, const char *value,
    unsigned min, unsigned max, unsigned *out);

/* NUMBER/s, /m or /h; operations an hour in *out. */
int conf_rate(
    struct reading *rd, const char *name, const char *value, uint64_t *out);

/* The value must be one of these words; *out is its index. */
int conf_word(struct reading *rd, const char *name, const char *value,
    const char *const *words, unsigned n, unsigned *out);

/*
 * The next item of a list separated by commas, without the blanks around it;
 * NULL at the end. Cuts the list in place.
 */
char *conf_item(char **list);

/* Finds or makes [token NAME], [allow NAME], and reads one setting of it. */
int conf_token_read(struct reading *rd, const char *section, const char *name,
    const char *value);
int conf_allow_read(struct reading *rd, const char *section, const char *name,
    const char *value);

/* What only the whole section shows; and its defaults. */
int conf_token_complete(struct reading *rd, struct conf_token *t);
int conf_allow_complete(struct reading *rd, const struct conf_allow *a);

#endif
