/*
 * sealpointd.conf: the agent's configuration as plain data. Reads and checks
 * the file; acts on none of it. What it does not know it refuses, so that a
 * misspelt rule never goes unnoticed.
 */
#ifndef AGENT_CONF_H
#define AGENT_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/signer.h"

#define CONF_TOKENS_MAX 16
#define CONF_ALLOWS_MAX 64
#define CONF_KEYS_MAX 64 /* thumbprints in one [allow] section */
#define CONF_IDS_MAX 32  /* users, and groups, in one [allow] section */
#define CONF_PATH_MAX 512
#define CONF_SOCKET_MAX 108 /* of sockaddr_un.sun_path */
#define CONF_TEXT_MAX 512

/* [token NAME] */
struct conf_token {
	char name[SIGNER_TOKEN_MAX];
	char module[CONF_PATH_MAX];
	char uri[CONF_PATH_MAX];
	char pin[CONF_PATH_MAX]; /* file:PATH or credential:NAME; "" for none */
	unsigned sessions;       /* for operations, at most; 8 */
};

struct conf_key {
	uint8_t thumb[SIGNER_SHA256_LEN];
	size_t len; /* 20 or 32 */
};

/* [allow NAME]: any of the users or groups, any of the keys, all uses. */
struct conf_allow {
	char name[SIGNER_TOKEN_MAX];
	uid_t users[CONF_IDS_MAX];
	size_t nusers;
	gid_t groups[CONF_IDS_MAX];
	size_t ngroups;
	bool any_key;
	struct conf_key keys[CONF_KEYS_MAX];
	size_t nkeys;
	uint32_t uses; /* SIGNER_USE... */
};

struct conf {
	char socket[CONF_SOCKET_MAX];
	char state[CONF_PATH_MAX]; /* directory: PIN guard, rejection seed */
	unsigned deadline_ms;      /* of one operation; 20 s */
	unsigned clients;          /* connections at once; 1024 */
	struct conf_token tokens[CONF_TOKENS_MAX];
	size_t ntokens;
	struct conf_allow allows[CONF_ALLOWS_MAX];
	size_t nallows;
};

/*
 * Reads the copy of a file that snapshot.h made, from its start; name is the
 * file's, for messages. 0, or -1 with a sentence naming file, line and what
 * to write instead. fd stays the caller's.
 */
int conf_read(
    struct conf *c, int fd, const char *name, char *text, size_t textlen);

/* Index of [token NAME], or -1. */
int conf_token_index(const struct conf *c, const char *name);

#endif
