/*
 * The file sealpoint.conf: what a site writes once into sealpoint.conf, as
 * defaults of the options that talk to a management point. The command line
 * wins. Knows the file's form, not what the values are for.
 */
#ifndef MP_CLI_CONF_H
#define MP_CLI_CONF_H

#include "mp/cli/options.h"

#define CONF_TEXT_MAX 1024
#define CONF_LINE_MAX 4096 /* bytes of a line */
#define CONF_FILE_MAX 65536

struct conf {
	char *value[OPTION_COUNT]; /* NULL: not set */
};

/*
 * Reads the file at path; NULL means the system's, which need not exist.
 * `defs` is the table that says which values options may have. Returns 0, or
 * -1 with a sentence that names file and line, and nothing set.
 */
int conf_load(struct conf *s, const char *path, const struct option_def *defs,
    char text[CONF_TEXT_MAX]);
void conf_release(struct conf *s); /* NULL-safe */

#endif
