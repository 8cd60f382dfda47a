/*
 * What the agent's own processes say to each other: front and worker over
 * one socketpair, supervisor and front over another (SOCK_SEQPACKET both).
 * Packers and parsers only, as in proto.h; both ends are of one build:
 * the supervisor hands its version to the programs it starts, and they end if
 * theirs is another.
 */
#ifndef AGENT_LINK_H
#define AGENT_LINK_H

#include "agent/audit.h"
#include "agent/signer.h"
#include "agent/wire.h"

#define LINK_HEADER_MAX 32 /* bytes before the packet in REQUEST and REPLY */
#define LINK_PAGE 256      /* identities in one CATALOGUE */

enum link_kind {
	/* front to worker */
	LINK_REQUEST =
	    1,           /* answer this client; its descriptor may ride along */
	LINK_GONE = 2,   /* that client hung up: close its descriptor */
	LINK_RESCAN = 3, /* look at the token again, then send STATE */
	LINK_LOCK = 30,  /* log out, forget the PIN, refuse all */
	LINK_UNLOCK = 31,
	LINK_PROBE = 32,  /* use a key, and send PROBED */
	LINK_COUNTS = 33, /* send COUNTED */
	/* worker to front */
	LINK_DONE = 4,      /* the client has its reply */
	LINK_REPLY = 5,     /* pass this on: the client was not reachable */
	LINK_STATE = 6,     /* how the token is */
	LINK_CATALOGUE = 7, /* which identities it holds; in pages */
	LINK_LOCKED = 34,   /* its PIN's time ran out: it locked itself */
	LINK_UNLOCKED = 35, /* the PIN was brought, and is right */
	LINK_PROBED = 36,
	LINK_COUNTED = 37,
	/* supervisor to front */
	LINK_WORKER = 8, /* a new worker; the socket to it rides along */
	LINK_BEAT = 10,  /* are you well? the front sends the same back */
	LINK_CONF = 11,  /* the file was read again; its snapshot rides along */
	LINK_MARKED = 39,  /* how the mark of a lock is now */
	LINK_DROP = 12,    /* every token forgets its PIN, now */
	LINK_PROGRAM = 21, /* the answer to WHO; a pidfd may ride along */
	LINK_AUDIT = 24,   /* write the audit log here; its file rides along */
	LINK_AUDIT_GONE = 40, /* the same: the file before it was removed */
	/* front to supervisor */
	LINK_KILL = 9,        /* that worker hangs: end it */
	LINK_READY = 13,      /* that worker's token can be used */
	LINK_MARK = 38,       /* make the mark of a lock, or take it away */
	LINK_AUDIT_HEAD = 25, /* the audit log reaches so far: remember it */
	LINK_AUDIT_NEXT = 26, /* the same, and its file is full: another one */
	LINK_FOLLOWED = 14,   /* the last CONF is what counts now */
	LINK_WHO = 20,        /* which program does this process run? */
			      /* CONF again: read the file */
};

/* A client's connection: slot of the front's table, and use of the slot. */
struct link_client {
	uint32_t slot;
	uint32_t serial;
};

/* REQUEST: u8 kind, u64 ticket, u32 slot, u32 serial; then the packet. */
struct link_request {
	uint64_t ticket;
	struct link_client client;
};
size_t link_request_pack(uint8_t *p, size_t cap, const struct link_request *q);
int link_request_parse(struct wire_reader *r, struct link_request *q);

/* GONE: u8 kind, u32 slot, u32 serial. */
size_t link_gone_pack(uint8_t *p, size_t cap, struct link_client c);
int link_gone_parse(struct wire_reader *r, struct link_client *c);

/* RESCAN, LOCKED, CONF and DROP: u8 kind. */
size_t link_word_pack(uint8_t *p, size_t cap, enum link_kind kind);

/*
 * DONE: u8 kind, u64 ticket, u16 status, u32 token_us. Good replies alone go
 * the short way: a failure goes by REPLY, so that the front may ask another
 * token; so does STATUS, to which the front adds what it knows.
 */
struct link_done {
	uint64_t ticket;
	uint16_t status;   /* -(enum signer_err) */
	uint32_t token_us; /* spent on the answer, most of it in the module */
};
size_t link_done_pack(uint8_t *p, size_t cap, const struct link_done *d);
int link_done_parse(struct wire_reader *r, struct link_done *d);

/* REPLY: as DONE; then the packet. The parser leaves r there. */
size_t link_reply_pack(uint8_t *p, size_t cap, const struct link_done *d);
int link_reply_parse(struct wire_reader *r, struct link_done *d);

/* STATE: u8 kind, u16 err, u8 rescan, u32 ckr, u8 retry, u64 since, str label,
 * str text. */
struct link_state {
	int err;     /* enum signer_err: OK, or why it cannot serve */
	bool rescan; /* answers a RESCAN */
	uint64_t since;
	char label[SIGNER_TOKEN_MAX];
	struct signer_trouble why;
};
size_t link_state_pack(uint8_t *p, size_t cap, const struct link_state *s);
int link_state_parse(struct wire_reader *r, struct link_state *s);

/* CATALOGUE: u8 kind, u32 from, u32 total, u16 n, n identities. */
struct link_catalogue {
	uint32_t from;
	uint32_t total;
	size_t n;
	struct signer_identity ids[LINK_PAGE];
};
size_t link_catalogue_pack(
    uint8_t *p, size_t cap, const struct link_catalogue *c);
int link_catalogue_parse(struct wire_reader *r, struct link_catalogue *c);

/*
 * PROBE and COUNTS: u8 kind, u32 id, never 0, which comes back. LOCK, UNLOCK
 * and UNLOCKED: u8 kind, u32 id: the front numbers its words, since threads
 * overtake each other; the worker's names the last one that it had heard.
 */
size_t link_order_pack(
    uint8_t *p, size_t cap, enum link_kind kind, uint32_t id);
int link_order_parse(struct wire_reader *r, uint32_t *id);

/*
 * MARK and MARKED: u8 kind, str token, u32 id, u8 on, u32 errno. The id comes
 * back; one that is 0 was not asked for. By name, since front and supervisor
 * turn to another configuration one after the other.
 */
struct link_mark {
	char token[SIGNER_TOKEN_MAX];
	uint32_t id;
	bool on;
	uint32_t err; /* errno, if it could not be done; else 0 */
};
#define LINK_MARK_MAX (SIGNER_TOKEN_MAX + 16) /* bytes packed */
size_t link_mark_pack(
    uint8_t *p, size_t cap, enum link_kind kind, const struct link_mark *m);
int link_mark_parse(struct wire_reader *r, struct link_mark *m);

/*
 * PROBED: u8 kind, u32 id, u16 err, 20 bytes SHA-1, u32 us, u32 ckr, u8
 * retry, str text.
 */
struct link_probed {
	uint32_t id;
	int err;                       /* enum signer_err */
	uint8_t sha1[SIGNER_SHA1_LEN]; /* of the certificate of the key used */
	uint32_t us;                   /* that the signature took */
	struct signer_trouble why;
};
size_t link_probed_pack(uint8_t *p, size_t cap, const struct link_probed *b);
int link_probed_parse(struct wire_reader *r, struct link_probed *b);

/*
 * COUNTED: u8 kind, u32 id, eight u64: since the worker started. id 0: nobody
 * asked; the token was locked.
 */
struct link_counted {
	uint32_t id;
	uint64_t identities; /* these two: now */
	uint64_t sessions;
	uint64_t signatures;
	uint64_t decryptions;
	uint64_t logins;
	uint64_t searches;
	uint64_t recoveries;
	uint64_t retries;
};
size_t link_counted_pack(uint8_t *p, size_t cap, const struct link_counted *c);
int link_counted_parse(struct wire_reader *r, struct link_counted *c);

/* WORKER, KILL and READY: u8 kind, u16 index, u32 generation. */
struct link_worker {
	uint16_t index;      /* of the [token] section */
	uint32_t generation; /* 1 for the first process of that token */
};
size_t link_worker_pack(
    uint8_t *p, size_t cap, enum link_kind kind, const struct link_worker *w);
int link_worker_parse(struct wire_reader *r, struct link_worker *w);

/*
 * BEAT: u8 kind, u8 well: of the front's answer: does every worker with
 * requests in hand answer some of them?
 */
size_t link_beat_pack(uint8_t *p, size_t cap, bool well);
int link_beat_parse(struct wire_reader *r, bool *well);

/* WHO: u8 kind, u32 slot, u32 serial, u32 pid. */
struct link_who {
	struct link_client client;
	uint32_t pid;
};
size_t link_who_pack(uint8_t *p, size_t cap, const struct link_who *w);
int link_who_parse(struct wire_reader *r, struct link_who *w);

/*
 * PROGRAM: as WHO; then u64 sections, str path, str trouble. A descriptor of
 * the process rides along unless it was gone.
 */
struct link_program {
	struct link_who who;
	uint64_t sections; /* bit i: [allow] section i names its program */
	char path[512];    /* of the executable; "" if it cannot be seen */
	char trouble[256]; /* why it cannot; "" if it can */
};
size_t link_program_pack(uint8_t *p, size_t cap, const struct link_program *g);
int link_program_parse(struct wire_reader *r, struct link_program *g);

/* AUDIT, AUDIT_GONE, AUDIT_HEAD and AUDIT_NEXT: u8 kind, u64 records, 32 bytes
 * chain. */
size_t link_audit_pack(
    uint8_t *p, size_t cap, enum link_kind kind, const struct audit_chain *c);
int link_audit_parse(struct wire_reader *r, struct audit_chain *c);

/* Is this the version that we were built as? */
bool link_same_build(const char *version);

/* The first byte; leaves r behind it. 0 for an empty packet. */
uint8_t link_kind_get(struct wire_reader *r, const uint8_t *p, size_t len);

/*
 * One packet with at most one descriptor. link_send: 0, or -1 with errno.
 * link_recv: bytes, 0 at the end, -1 with errno; *fd is -1 if none came, and
 * is close-on-exec.
 */
int link_send(int sock, const void *head, size_t headlen, const void *body,
    size_t bodylen, int fd, int flags);
long link_recv(int sock, void *buf, size_t room, int *fd, int flags);

#endif
