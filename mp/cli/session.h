/*
 * What a command works with: the agent, a key, a management point; each
 * opened when first asked for. The one place of the program that turns a
 * thumbprint into a key. Its functions say what failed, and return an exit
 * status (enum command_status), to be returned at once.
 */
#ifndef MP_CLI_SESSION_H
#define MP_CLI_SESSION_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "agent/client.h"
#include "agent/evp.h"
#include "agent/signer.h"
#include "mp/cli/options.h"
#include "mp/cli/output.h"
#include "mp/cli/conf.h"
#include "mp/client.h"

struct session {
	struct output *out; /* these three are borrowed */
	const struct options *opt;
	const struct conf *set;
	const char *command; /* its name, for messages */
	char *const *words;  /* its operands, borrowed */
	size_t nwords;
	struct client *client; /* what we opened; the signer owns it */
	struct signer signer;  /* ops is NULL until it is open */
	bool lent;             /* it is not ours to close */
	struct evp *evp;
	struct mp_client *mp;
	char *state;                  /* directory, if we chose it */
	char netbios[MP_NETBIOS_MAX]; /* names of this machine, likewise */
	char fqdn[MP_HOST_MAX];
};

/* `lent`: a signer to use, or NULL for the agent's. */
void session_init(struct session *s, struct output *out,
    const struct options *opt, const struct conf *set, const char *command,
    const struct signer *lent);
void session_close(struct session *s);

/* A mistake of the user's; says so with the way to the help. */
int session_usage(struct session *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A value from the command line or else the settings; NULL: neither. */
const char *session_value(const struct session *s, enum option_id id);

/*
 * The directory that remembers: of --state, of the settings, or the user's
 * own, whose parents are made. Borrowed.
 */
int session_state(struct session *s, const char **dir);

/* The agent's socket, if options or settings name one; else NULL. */
const char *session_agent(const struct session *s);

/* Opens s->signer. */
int session_signer(struct session *s);

/* The identity that -k names; the option must be given. */
int session_identity(struct session *s, struct signer_identity *id);

/*
 * Certificate number `depth` of the identity's chain; yours to X509_free().
 * *cert is NULL, and the status COMMAND_DONE, past the end.
 */
int session_certificate(struct session *s, const struct signer_identity *id,
    unsigned depth, X509 **cert);

/* The identity's private key; yours to EVP_PKEY_free(). */
int session_key(struct session *s, const struct signer_identity *id, X509 *cert,
    EVP_PKEY **key);

/*
 * Opens s->mp from options and settings. With `believe`, replies will have
 * to be proven, and there must be something to prove them by.
 */
int session_mp(struct session *s, bool believe);

/* A failure of s->mp in words. */
int session_mp_failed(struct session *s, const struct mp_error *e);

/* Says on standard error if the last reply was proven by TLS alone. */
void session_tell_proof(struct session *s);

/* To be asked before a key is used: is there a place for bytes to go? */
int session_may_write(struct session *s);

/* Prints one thing as a card, or a list as a table, and frees it. */
int session_card(struct session *s, struct record *about,
    const struct output_column *columns);
int session_list(struct session *s, struct record *list,
    const struct output_column *columns);

/* Bytes of text to standard output; a terminal gets them escaped. */
void session_print(struct session *s, const uint8_t *data, size_t len);

/*
 * Writes the bytes that a command makes to the file of -o, or to standard
 * output unless that is a terminal. With `text`, a terminal gets them too,
 * escaped. Files get mode `mode`.
 */
int session_write(struct session *s, const uint8_t *data, size_t len,
    unsigned mode, bool text);

#endif
