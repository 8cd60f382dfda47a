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
#define CONF_KEYS_MAX 64         /* thumbprints in one [allow] section */
#define CONF_PROGRAMS_MAX 4      /* executables in one [allow] section */
#define CONF_CERTS_MAX 8         /* certificate files in one [token] section */
#define CONF_SANDBOX_PATHS_MAX 8 /* in one [token] section */
#define CONF_IDS_MAX 32          /* users, and groups, in one [allow] section */
#define CONF_PATH_MAX 512
#define CONF_SOCKET_MAX 108 /* of sockaddr_un.sun_path */
#define CONF_TEXT_MAX 512

/* Where the PIN of a token comes from. */
enum conf_pin {
	CONF_PIN_NONE = 0,   /* the token wants none */
	CONF_PIN_FILE,       /* pin_from: absolute path */
	CONF_PIN_CREDENTIAL, /* pin_from: name in $CREDENTIALS_DIRECTORY */
	CONF_PIN_FD,         /* pin_from: number, inherited by sealpointd */
	CONF_PIN_ASKPASS,    /* pin_from: absolute path of a program */
	CONF_PIN_ASK,        /* brought by sealpoint unlock */
	CONF_PIN_PAD,        /* the token's own pad */
};

/* Of keys that want the PIN for every signature (CKA_ALWAYS_AUTHENTICATE). */
enum conf_reauth {
	CONF_REAUTH_NEVER = 0, /* such keys are not used */
	CONF_REAUTH_CACHED,    /* the login's own source gives it again */
	CONF_REAUTH_ASK, /* a person gives it each time: askpass or pinpad */
};

/* How little a worker is left with; see docs/SECURITY.md. */
enum conf_sandbox {
	CONF_SANDBOX_MODULE = 0, /* what most modules can live with */
	CONF_SANDBOX_STRICT,     /* no network, files as SoftHSM needs them */
	CONF_SANDBOX_OFF,
};

/*
 * [token NAME]. Its index is the token's number for as long as the daemon
 * lives; see conf_align().
 */
struct conf_token {
	char name[SIGNER_TOKEN_MAX]; /* "": this number is not in use */
	char module[CONF_PATH_MAX];
	char uri[CONF_PATH_MAX];
	enum conf_pin pin;
	char pin_from[CONF_PATH_MAX];
	unsigned pin_ttl_ms; /* after an unlock; 0: no end */
	/* Certificate files, each one "PATH" or "PATH pkcs11:id=..." */
	char certs[CONF_CERTS_MAX][CONF_PATH_MAX];
	size_t ncerts;
	unsigned sessions;    /* for operations, at most; 8 */
	unsigned deadline_ms; /* of one operation; else [agent] deadline */
	unsigned start_ms;    /* to come up, or to be set up anew; 60 s */
	unsigned queue;       /* requests that may wait; 1024 */
	unsigned weight;      /* share among tokens with the same key; 1 */
	bool prefer;          /* before those that are not preferred */
	enum conf_reauth reauth;
	unsigned poll_ms;      /* looks for an awaited token; 0: never */
	unsigned keepalive_ms; /* idle sessions are used; 0: never */
	unsigned release_ms;   /* idle token is let go; 0: never */
	enum conf_sandbox sandbox;
	/* What a strict sandbox lets the module reach besides, read or written
	 */
	struct {
		char path[CONF_PATH_MAX]; /* absolute */
		bool write;
	} paths[CONF_SANDBOX_PATHS_MAX];
	size_t npaths;
};

struct conf_key {
	uint8_t thumb[SIGNER_SHA256_LEN];
	size_t len; /* 20 or 32 */
};

/*
 * [allow NAME]: any of the users or groups, running any of the programs,
 * with any of the keys, for all uses in any of the forms.
 */
struct conf_allow {
	char name[SIGNER_TOKEN_MAX];
	uid_t users[CONF_IDS_MAX];
	size_t nusers;
	gid_t groups[CONF_IDS_MAX];
	size_t ngroups;
	bool any_key;
	struct conf_key keys[CONF_KEYS_MAX];
	size_t nkeys;
	uint32_t uses;                                   /* SIGNER_USE... */
	char programs[CONF_PROGRAMS_MAX][CONF_PATH_MAX]; /* absolute */
	size_t nprograms;                                /* 0: any */
	uint32_t hashes;    /* bit n: enum signer_hash n; 0: any */
	uint32_t schemes;   /* bit n: enum signer_scheme n; 0: any */
	bool whole;         /* digest = no: what is signed must be seen */
	uint64_t rate_hour; /* operations an hour for each uid and key */
};

/* [agent] audit...: who used which key for what, in a file. */
struct conf_audit {
	char path[CONF_PATH_MAX]; /* "": none is written */
	struct conf_key key;      /* seals the file's head; len 0: no key */
	unsigned every;           /* records between two seals; 1000 */
	unsigned size_mib;        /* a file is closed when it has so many; 64 */
	bool carry_on;            /* use keys when no record can be written */
};

struct conf {
	char socket[CONF_SOCKET_MAX];
	char control[CONF_SOCKET_MAX]; /* "": there is none */
	char state[CONF_PATH_MAX]; /* directory: PIN guard, rejection seed */
	uid_t uid; /* of front and workers; 0: the one that started us */
	gid_t gid;
	unsigned deadline_ms; /* of one operation; 20 s */
	unsigned clients;     /* connections at once; 1024 */
	uint64_t rate_hour;   /* where an [allow] section gives none */
	struct conf_audit audit;
	struct conf_token tokens[CONF_TOKENS_MAX];
	size_t ntokens;
	struct conf_allow allows[CONF_ALLOWS_MAX];
	size_t nallows;
};

/*
 * Reads a file from its start, as snapshot_take() does; name is the
 * file's, for messages. 0, or -1 with a sentence naming file, line and what
 * to write instead. fd stays the caller's.
 */
int conf_read(
    struct conf *c, int fd, const char *name, char *text, size_t textlen);

/*
 * Gives the tokens of `next` the numbers that they have in `now`, where the
 * name is the same; others get free ones. So requests on their way, and
 * processes, keep their token when the file is read again.
 */
void conf_align(struct conf *next, const struct conf *now);

/* Do both describe the token alike, so that its worker may go on? */
bool conf_token_same(const struct conf_token *a, const struct conf_token *b);

/* Index of [token NAME], or -1. */
int conf_token_index(const struct conf *c, const char *name);

/* Index of the nth token in use, as clients count them from 0, or -1. */
int conf_token_nth(const struct conf *c, unsigned nth);

#endif
