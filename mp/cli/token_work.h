/*
 * What the token commands share: the options that choose a token and a key,
 * the PIN's way from its source to the one login, and the words for what was
 * made. Unlike all other commands they talk to the token themselves, and not
 * to the agent.
 */
#ifndef MP_CLI_TOKEN_WORK_H
#define MP_CLI_TOKEN_WORK_H

#include <openssl/x509.h>

#include "mp/cli/pin.h"
#include "mp/cli/session.h"
#include "pkcs11/provision/provision.h"

#define TOKEN_WORK_PATH_MAX 1024

/* Rows of an option table. */
#define TOKEN_WORK_OPTIONS                                               \
	{OPTION_MODULE, '\0', "module", "MODULE",                        \
	    "the PKCS#11 module: a path, or a name that p11-kit knows"}, \
	    {OPTION_URI, '\0', "uri", "URI",                             \
		"which token, as in pkcs11:token=LABEL"},                \
	    {OPTION_PIN, '\0', "pin", "SOURCE",                          \
		"where its PIN comes from: " PIN_SOURCES},               \
	{                                                                \
		OPTION_STATE, '\0', "state", "DIR",                      \
		    "where refused PINs are remembered"                  \
	}
#define TOKEN_WORK_CHOICE                                                     \
	{OPTION_LABEL, '\0', "label", "LABEL", "the key's label"},            \
	{                                                                     \
		OPTION_ID, '\0', "id", "HEX", "the key's id (CKA_ID), in hex" \
	}

struct token_work {
	struct session *s; /* borrowed */
	struct pin pin;
	struct provision *p; /* NULL until token_work_open() */
	struct provision_choice choice;
	uint8_t id[PROVISION_ID_MAX];
	char guard[TOKEN_WORK_PATH_MAX];
	char advice[TOKEN_WORK_PATH_MAX];
};

/*
 * Each of these returns an exit status, having said what is wrong. _read
 * looks at the options only; _open logs in.
 */
int token_work_read(struct token_work *w, struct session *s);
int token_work_open(struct token_work *w);
void token_work_close(struct token_work *w);

/* A failure of provisioning. */
int token_work_failed(struct session *s, const struct token_trouble *why);

/* Says that --label or --id must be given, if neither is. */
int token_work_need_choice(struct token_work *w);

/* Sets label, id, key and uri. */
void token_work_describe(struct record *r, const struct provision_key *key);

#endif
