/*
 * Command line options. A table declares each option once; the same table
 * drives the parser and prints the help, so they cannot disagree. Knows no
 * command.
 */
#ifndef MP_CLI_OPTIONS_H
#define MP_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define OPTIONS_TABLES_MAX 3 /* own, management point, global */
#define OPTIONS_TEXT_MAX 512 /* bytes of a sentence about a mistake */
#define OPTIONS_MANY_MAX 256 /* values of options that may be repeated */

/* Every option of the program; a number each. */
enum option_id {
	OPTION_AGENT,
	OPTION_CONFIG,
	OPTION_JSON,
	OPTION_VERBOSE,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_KEY,
	OPTION_DIGEST,
	OPTION_PSS,
	OPTION_INPUT,
	OPTION_OUTPUT,
	OPTION_DER,
	OPTION_MP,
	OPTION_SITE,
	OPTION_NETBIOS,
	OPTION_FQDN,
	OPTION_CA,
	OPTION_MP_CERTS,
	OPTION_MP_SIGNATURE,
	OPTION_MP_HASH,
	OPTION_STATE,
	OPTION_HASH,
	OPTION_TLS_MAX,
	OPTION_TIMEOUT,
	OPTION_STRICT_DATES,
	OPTION_WAIT,
	OPTION_MODULE,
	OPTION_URI,
	OPTION_PIN,
	OPTION_TYPE,
	OPTION_LABEL,
	OPTION_ID,
	OPTION_SUBJECT,
	OPTION_DAYS,
	OPTION_SAN,
	OPTION_CERT,
	OPTION_MODE,
	OPTION_PORT,
	OPTION_INTERNET,
	OPTION_CLIENT_ID,
	OPTION_AUTH,
	OPTION_AUTH_FILE,
	OPTION_HTTP_PROXY,
	OPTION_HTTP_PROXY_AUTH,
	OPTION_CRL,
	OPTION_ENCRYPT_CERTS,
	OPTION_CIPHER,
	OPTION_AS,
	OPTION_PROXY,
	OPTION_SMSID,
	OPTION_HARDWARE_ID,
	OPTION_HINT,
	OPTION_ATTACH,
	OPTION_FLAGS,
	OPTION_DISCOVER,
	OPTION_DRY_RUN,
	OPTION_ENDPOINT,
	OPTION_PROPERTY,
	OPTION_USER,
	OPTION_USER_SID,
	OPTION_GROUP,
	OPTION_COOKIE,
	OPTION_POLICY_HASH,
	OPTION_MAX_UPLOAD,
	OPTION_USE,
	OPTION_PROGRAM,
	OPTION_CONTROL,
	OPTION_ALL,
	OPTION_PROBE,
	OPTION_METRICS,
	OPTION_FILE,
	OPTION_HEAD,
	OPTION_COUNT
};

/*
 * One option. `value` stands for its value in the help, NULL if it takes
 * none; with bars in it ("sha1|sha256") it lists the only values allowed;
 * with dots at its end ("NAME...") the option may be given many times.
 */
struct option_def {
	enum option_id id;
	char letter;      /* of the short form; '\0' if there is none */
	const char *name; /* of the long form; NULL ends a table */
	const char *value;
	const char *help; /* one sentence without a full stop */
};

/* What a command line said. Values are borrowed from argv. */
struct options {
	const char *value[OPTION_COUNT]; /* NULL: not given, or takes none */
	bool given[OPTION_COUNT];
	struct {
		enum option_id id;
		const char *value;
	} many[OPTIONS_MANY_MAX]; /* in their order */
	size_t nmany;
};

/*
 * Parses argv[1...], adding to *o. argv[0] only names the program or the
 * command. With `stop` it ends at the first word that is no option; without,
 * words and options may mix, and the words are moved to the end. *next is
 * the index of the first word. Tables end with NULL. Returns 0, or -1 with a
 * sentence in text.
 */
int options_parse(struct options *o, const struct option_def *const *tables,
    bool stop, int argc, char **argv, int *next, char text[OPTIONS_TEXT_MAX]);

/* May the option take this value? */
bool option_allows(const struct option_def *def, const char *value);

/*
 * A decimal number from least to most; `number` is left alone if the option
 * was not given. Returns 0, or -1 with a sentence.
 */
int options_number(const struct options *o, const struct option_def *def,
    unsigned least, unsigned most, unsigned *number,
    char text[OPTIONS_TEXT_MAX]);

/* The same for bytes, from 1; K, M and G behind the number multiply by 1024. */
int options_size(const struct options *o, const struct option_def *def,
    uint64_t most, uint64_t *size, char text[OPTIONS_TEXT_MAX]);

/* The option of that number, or NULL. Borrowed. */
const struct option_def *options_find(
    const struct option_def *table, enum option_id id);

/* One or two lines of help for each option. */
void options_help(const struct option_def *table, FILE *f);

#endif
