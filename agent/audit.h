/*
 * The audit log's records: one line of JSON each, chained by hash to the one
 * before, so that none can be changed, moved or taken out unseen. Packs and
 * parses; knows no file, no clock and no key. docs/AUDIT.md has the same
 * fields in the same order. No function here keeps anything: any thread may
 * call any of them.
 *
 * A line's chain value is SHA-256 over the chain value of the line before (32
 * bytes; zeros before the first) and all of the line up to ,"chain":".
 */
#ifndef AGENT_AUDIT_H
#define AGENT_AUDIT_H

#include "agent/signer.h"

#define AUDIT_LINE_MAX 8192 /* bytes, with the newline */
#define AUDIT_CHAIN_LEN 32
#define AUDIT_TEXT_MAX 512 /* bytes of a text, with NUL */
/* Of a file's end, bytes in which its last record is looked for. */
#define AUDIT_TAIL_MAX (64u << 10)
#define AUDIT_HEAD_MAX 160 /* bytes of the head's file */
#define AUDIT_SEAL_MAX 160 /* bytes of the text that a seal signs */
/* A seal speaks of a record at most so many before it. */
#define AUDIT_SEAL_SPAN 4096

enum audit_event {
	AUDIT_OPEN = 0, /* the agent started, or goes on in a new file */
	AUDIT_USE,      /* a request was allowed, and goes to a token */
	AUDIT_END,      /* how that came out */
	AUDIT_DENY,     /* a request was refused */
	AUDIT_SEAL,     /* all up to record `records` is signed */
	AUDIT_TORN,     /* before this line stands a piece of a record */
	AUDIT_CUT,      /* records that were written are not there */
	AUDIT_LOST,     /* records that could not be written */
	AUDIT_MORE,     /* refusals beyond those that got a record each */
	AUDIT_EVENTS
};

enum audit_reason {
	AUDIT_START = 0,
	AUDIT_ROTATED,
	AUDIT_GONE, /* the file before was emptied, removed or moved away */
};

enum audit_use {
	AUDIT_SEE = 0, /* list, find, fetch its certificate */
	AUDIT_SIGN,
	AUDIT_DECRYPT,
	AUDIT_TLS,
};

/* Results are -(enum signer_err), and this: nobody knows how it ended. */
#define AUDIT_RESULT_LOST 16

/* What was hashed, or signed. */
struct audit_bytes {
	uint64_t len;
	uint8_t data[SIGNER_SIG_MAX];
};

/* Plain data; each event has some of the fields, the others are not looked
 * at. */
struct audit_record {
	uint64_t number;
	uint64_t time_us; /* since 1970, UTC */
	uint64_t event;   /* enum audit_event */
	/* open */
	uint64_t reason; /* enum audit_reason */
	char version[AUDIT_TEXT_MAX];
	uint8_t prev[AUDIT_CHAIN_LEN]; /* chain value of the record before */
	/* use, deny */
	uint64_t uid, gid, pid;
	char exe[AUDIT_TEXT_MAX];
	uint64_t op; /* enum audit_use */
	uint8_t sha1[SIGNER_SHA1_LEN];
	uint8_t key[SIGNER_SHA256_LEN]; /* seal, too */
	uint64_t scheme, hash;          /* of signer.h; seal, too */
	struct audit_bytes digest;      /* torn, too */
	char why[AUDIT_TEXT_MAX];       /* deny: which rule was missing */
	/* end */
	uint64_t of; /* number of the use */
	char token[AUDIT_TEXT_MAX];
	uint64_t result; /* deny, too */
	uint64_t ckr;
	uint64_t us, token_us; /* in all, and in the token */
	/* seal */
	uint64_t records;
	uint8_t head[AUDIT_CHAIN_LEN]; /* chain value of that record */
	struct audit_bytes sig;
	/* torn: bytes; lost, more: records; cut: the first that is missing */
	uint64_t count;
};

/* Where a chain stands: its last record. All zero before the first. */
struct audit_chain {
	uint64_t number;
	uint8_t value[AUDIT_CHAIN_LEN];
};

/*
 * The next line of the chain, with its newline, and the chain moves on. Sets
 * r->number. Bytes, or 0 if there is no room for the line, or no memory to
 * hash it: then nothing has changed.
 */
size_t audit_pack(
    struct audit_chain *c, struct audit_record *r, char *line, size_t room);

/*
 * A line without its newline, exactly as audit_pack() makes it, or -1. at:
 * what the line says of its own place, not yet proven.
 */
int audit_parse(const char *line, size_t len, struct audit_record *r,
    struct audit_chain *at);

/*
 * Does the line, which audit_parse() took, follow on this chain value?
 */
bool audit_follows(
    const uint8_t prev[AUDIT_CHAIN_LEN], const char *line, size_t len);

/*
 * Where the chain in the last bytes of a file stands. whole: they are all of
 * it. *torn: bytes of pieces of records behind the last one, which crashes
 * left. 0, or -1: the last whole line is no record, or does not follow on the
 * one before; then `last` is the nearest one that can be read.
 */
int audit_tail(const char *bytes, size_t len, bool whole,
    struct audit_chain *last, size_t *torn);

/* The text that a seal signs. Bytes. */
size_t audit_seal_text(
    char text[AUDIT_SEAL_MAX], uint64_t records, const uint8_t *head);

/* What stands in the head's file, always of the same length. Bytes. */
size_t audit_head_pack(char text[AUDIT_HEAD_MAX], const struct audit_chain *c);
int audit_head_parse(const char *text, size_t len, struct audit_chain *c);

/* SHA-256; 0, or -1 without memory. */
int audit_digest(const void *data, size_t len, uint8_t out[AUDIT_CHAIN_LEN]);

#endif
