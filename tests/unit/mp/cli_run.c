#include "tests/unit/mp/cli_run.h"

#include <sys/stat.h>

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "mp/cli/command.h"
#include "mp/cli/describe.h"
#include "mp/cli/file.h"

#define WORDS_MAX 40

struct soft_signer *cli_soft;
struct signer cli_signer;
struct signer_identity cli_rsa, cli_ec;
X509 *cli_rsa_cert, *cli_ec_cert;
char cli_rsa_thumb[41], cli_ec_thumb[41];
static char dir[64];

/* What the last command said. */
char *cli_out, *cli_err;
size_t cli_outlen, cli_errlen;

int
cli_set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/sealpoint-cli.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	unsetenv("SEALPOINT_AGENT");
	umask(022);
	cli_soft = soft_signer_new();
	soft_signer_make(
	    cli_soft, "rsa-2048", "rsa\033[31m", &cli_rsa, &cli_rsa_cert);
	soft_signer_make(cli_soft, "ec-p256", "ec", &cli_ec, &cli_ec_cert);
	soft_signer_signer(cli_soft, &cli_signer);
	describe_hex(cli_rsa.sha1, sizeof(cli_rsa.sha1), cli_rsa_thumb);
	describe_hex(cli_ec.sha1, sizeof(cli_ec.sha1), cli_ec_thumb);
	return 0;
}

static void
forget(void)
{
	free(cli_out);
	free(cli_err);
	cli_out = cli_err = NULL;
}

int
cli_tear_down(void **state)
{
	(void)state;
	forget();
	signer_close(&cli_signer);
	X509_free(cli_rsa_cert);
	X509_free(cli_ec_cert);
	return rmdir(dir);
}

void
cli_path(const char *name, char path[256])
{
	snprintf(path, 256, "%s/%s", dir, name);
}

/* @RSA and @EC are thumbprints; @name is a file in our directory. */
static char *
expand(const char *word)
{
	char path[256];

	if (word[0] != '@')
		return strdup(word);
	if (strcmp(word, "@RSA") == 0)
		return strdup(cli_rsa_thumb);
	if (strcmp(word, "@EC") == 0)
		return strdup(cli_ec_thumb);
	cli_path(word + 1, path);
	return strdup(path);
}

int
cli_run_with(const struct signer *lent, const char *line)
{
	char *argv[WORDS_MAX] = {NULL}, *owned[WORDS_MAX];
	char copy[1024], *save = NULL;
	FILE *o, *e;
	int argc = 0, n, r;

	forget();
	snprintf(copy, sizeof(copy), "sealpoint %s%s",
	    strstr(line, "--config") == NULL ? "--config /dev/null " : "",
	    line);
	for (char *w = strtok_r(copy, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save))
		argv[argc++] = expand(w);
	n = argc;
	memcpy(owned, argv, sizeof(owned)); /* getopt moves words about */
	o = open_memstream(&cli_out, &cli_outlen);
	e = open_memstream(&cli_err, &cli_errlen);
	r = command_main(argc, argv, o, e, lent);
	fclose(o);
	fclose(e);
	while (n > 0)
		free(owned[--n]);
	return r;
}

int
cli_run(const char *line)
{
	return cli_run_with(&cli_signer, line);
}

void
cli_put(const char *name, const void *data, size_t len)
{
	char path[256], text[FILE_TEXT_MAX];

	cli_path(name, path);
	assert_int_equal(file_write(path, 0600, data, len, text), 0);
}

void
cli_drop(const char *name)
{
	char path[256];

	cli_path(name, path);
	assert_int_equal(unlink(path), 0);
}

bool
cli_there(const char *name)
{
	char path[256];

	cli_path(name, path);
	return access(path, F_OK) == 0;
}

/* The state directory, whatever SQLite left in it. */
void
cli_drop_state(void)
{
	char path[256];
	struct dirent *entry;
	DIR *d;

	cli_path("state", path);
	d = opendir(path);
	if (d == NULL)
		return;
	while ((entry = readdir(d)) != NULL)
		(void)unlinkat(dirfd(d), entry->d_name, 0);
	closedir(d);
	assert_int_equal(rmdir(path), 0);
}

/* One line on the error stream that holds all of the words. */
void
cli_assert_says(const char *line, const char *words)
{
	if (strncmp(cli_err, "sealpoint: ", 11) != 0 ||
	    strchr(cli_err, '\n') != cli_err + cli_errlen - 1 ||
	    strstr(cli_err, words) == NULL)
		fail_msg("%s: wants \"%s\" and says: %s", line, words, cli_err);
}
