/*
 * A client: a signer at the far end of the agent's socket. Several threads
 * may share one: their requests travel pipelined over one connection, and
 * replies find their caller by request id. Knows nothing of tokens or PINs.
 *
 * A request that a reply marks as worth repeating is repeated, within the
 * deadline; a lost connection is made again once per request.
 */
#ifndef AGENT_CLIENT_H
#define AGENT_CLIENT_H

#include "agent/signer.h"

#define CLIENT_TIMEOUT_MS 30000 /* if the caller says 0 */

struct client;

/* State of one configured token, as the agent reports it. Plain data. */
struct client_token {
	char name[SIGNER_TOKEN_MAX];  /* of the [token] section */
	char label[SIGNER_TOKEN_MAX]; /* printed name of the token itself */
	char state[16];               /* starting, ready, absent, failed, pin */
	char trouble[SIGNER_TEXT_MAX]; /* the last one, "" if none */
	uint32_t ckr;                  /* of that failure, or 0 */
	uint64_t since;                /* UNIX time of entering the state */
	uint64_t identities;           /* certificates with a key */
	uint64_t sessions;             /* for operations, open now */
	uint64_t signatures;           /* since the worker started, so also: */
	uint64_t decryptions;
	uint64_t logins;     /* C_Login calls */
	uint64_t searches;   /* C_FindObjectsInit calls */
	uint64_t recoveries; /* sessions or token found again */
	uint64_t restarts;  /* of the worker, since the agent began, so also: */
	uint64_t served;    /* signatures and decryptions that it answered */
	uint64_t failovers; /* requests taken over from a token that failed */
	uint64_t waiting;   /* requests in its queue now */
	uint64_t last_ms;   /* UNIX time, in ms, of the last one served, or 0 */
	uint64_t retries;   /* operations that the worker had to repeat */
	uint64_t failed_at; /* UNIX time of the last trouble, or 0 */
};

/*
 * Connects to the agent at path; NULL means $SEALPOINT_AGENT, or else the
 * system's default socket. Takes nothing over. timeout_ms bounds each
 * request as a whole: the connection, if one must be made or waited for,
 * sending, the answer and every repetition. 0 means CLIENT_TIMEOUT_MS.
 */
int client_open(struct client **cp, const char *path, unsigned timeout_ms,
    struct signer_trouble *why);
void client_close(struct client *c); /* NULL-safe */

/* The socket that client_open() goes to. Borrowed. */
const char *client_path(const char *path);

/* Makes *s speak through c. signer_close(s) then closes c. */
void client_signer(struct client *c, struct signer *s);

/*
 * State of token number `index` (0...); SIGNER_ENOKEY past the end. For
 * those who may use some key, root, and the agent's own user.
 */
int client_status(struct client *c, unsigned index, struct client_token *tok,
    struct signer_trouble *why);

/* A round trip to the agent alone; 0 if it lives. */
int client_ping(struct client *c, struct signer_trouble *why);

#define CLIENT_GROUPS_MAX 256
#define CLIENT_PROGRAM_MAX 512 /* bytes of a path, with NUL */
#define CLIENT_FINDINGS_MAX 96

/* May somebody use a key so? Plain data. */
struct client_question {
	bool other; /* another user; else the caller, and its own program */
	uint32_t uid, gid;
	uint32_t groups[CLIENT_GROUPS_MAX]; /* besides gid */
	size_t ngroups;
	char program[CLIENT_PROGRAM_MAX]; /* path; "": not known */
	uint8_t thumb[SIGNER_SHA256_LEN];
	size_t thumblen;           /* 20 or 32; 0: no key is meant */
	uint32_t use;              /* SIGNER_USE..., 0: to see it */
	enum signer_scheme scheme; /* 0: in any form */
	enum signer_hash hash;
	bool digest;
};

/* How much what was found stands in the way. */
enum client_weight {
	CLIENT_WELL = 0,
	CLIENT_NOTE = 1,
	CLIENT_TROUBLE = 2,
};

struct client_finding {
	enum client_weight weight;
	char what[16];              /* rules, key, token, program, use */
	char text[SIGNER_TEXT_MAX]; /* one sentence */
};

/*
 * The agent's rules applied to a question, as they are now. Root and the
 * agent's own user may ask about others, and are told all; others learn of
 * themselves what a denial would tell them. found[] has CLIENT_FINDINGS_MAX.
 */
int client_explain(struct client *c, const struct client_question *q,
    struct client_finding *found, size_t *n, struct signer_trouble *why);

#endif
