/*
 * Runs commands of the sealpoint program for tests: with a soft signer in
 * place of the agent's, in a directory of its own, and keeps what they said.
 */
#ifndef TESTS_UNIT_MP_CLI_RUN_H
#define TESTS_UNIT_MP_CLI_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/x509.h>

#include "agent/signer.h"
#include "tests/fake/soft_signer.h"

/* An RSA-2048 and a P-256 key; the RSA one's subject has an escape in it. */
extern struct soft_signer *cli_soft;
extern struct signer cli_signer;
extern struct signer_identity cli_rsa, cli_ec;
extern X509 *cli_rsa_cert, *cli_ec_cert;
extern char cli_rsa_thumb[41], cli_ec_thumb[41];

/* What the last command wrote. */
extern char *cli_out, *cli_err;
extern size_t cli_outlen, cli_errlen;

/* For cmocka's group. */
int cli_set_up(void **state);
int cli_tear_down(void **state);

/*
 * Runs a line of words with blanks between; returns the exit status. @RSA
 * and @EC stand for thumbprints, @name for a file in our directory.
 */
int cli_run(const char *line);
int cli_run_with(const struct signer *lent, const char *line);

/* Files in our directory. */
void cli_path(const char *name, char path[256]);
void cli_put(const char *name, const void *data, size_t len);
void cli_drop(const char *name);
bool cli_there(const char *name);
void cli_drop_state(void); /* and what SQLite left in it */

/* The last command said one line, which holds these words. */
void cli_assert_says(const char *line, const char *words);

#endif
