/*
 * The agent's protocol: every packet as a struct, with its packer and its
 * parser. One packet is one request or one reply, whole, on a SOCK_SEQPACKET
 * socket. docs/PROTOCOL.md has the same packets in the same order. Pure: no
 * descriptor, no clock, no key. Numbers are append-only.
 *
 * Packers return the packet's length, 0 if it does not fit the room. Parsers
 * return SIGNER_OK or SIGNER_EPROTO, refuse trailing bytes, and lend pointers
 * into the packet.
 */
#ifndef AGENT_PROTO_H
#define AGENT_PROTO_H

#include "agent/client.h"
#include "agent/signer.h"
#include "agent/wire.h"

#define PROTO_VERSION 1
#define PROTO_PACKET_MAX 65536 /* bytes of any packet */
#define PROTO_HEADER_LEN 8
#define PROTO_LIST_MAX 128 /* identities in one LIST reply */

enum proto_type {
	PROTO_HELLO = 1,
	PROTO_PING = 2,
	PROTO_LIST = 3,
	PROTO_FIND = 4,
	PROTO_CERTIFICATE = 5,
	PROTO_SIGN = 6,
	PROTO_DECRYPT = 7,
	PROTO_STATUS = 8,
	PROTO_EXPLAIN = 9,
};

#define PROTO_REPLY 0x80 /* set in the type of a reply */

struct proto_header {
	uint8_t type; /* enum proto_type, without PROTO_REPLY */
	bool reply;
	uint16_t status; /* replies: -(enum signer_err); requests: 0 */
	uint32_t id;     /* chosen by the client; comes back */
};

/*
 * Begins a packet with its header; and what a parser says at the end, where
 * nothing may be left. For packers and parsers of packets with this header.
 */
void proto_start(struct wire_writer *w, uint8_t *p, size_t cap, uint8_t type,
    uint16_t status, uint32_t id);
int proto_finish(const struct wire_reader *r);

/* Reads the first 8 bytes and leaves r at the body. */
int proto_header_parse(struct wire_reader *r, const uint8_t *p, size_t len,
    struct proto_header *h);

/* HELLO: u8 highest version spoken -> u8 version, u32 packet_max, u16
 * requests in flight, str name of the server. */
struct proto_hello {
	uint8_t version;
	uint32_t packet_max;
	uint16_t inflight_max;
	char server[64];
};
size_t proto_hello_pack(uint8_t *p, size_t cap, uint32_t id);
int proto_hello_parse(struct wire_reader *r, uint8_t *version);
size_t proto_hello_reply_pack(
    uint8_t *p, size_t cap, uint32_t id, const struct proto_hello *h);
int proto_hello_reply_parse(struct wire_reader *r, struct proto_hello *h);

/* PING: nothing -> nothing. */
size_t proto_ping_pack(uint8_t *p, size_t cap, uint32_t id);
int proto_ping_parse(struct wire_reader *r);
size_t proto_ping_reply_pack(uint8_t *p, size_t cap, uint32_t id);

/* LIST: u32 from -> u16 n, n identities. */
size_t proto_list_pack(uint8_t *p, size_t cap, uint32_t id, uint32_t from);
int proto_list_parse(struct wire_reader *r, uint32_t *from);
size_t proto_list_reply_pack(uint8_t *p, size_t cap, uint32_t id,
    const struct signer_identity *ids, size_t n);
int proto_list_reply_parse(
    struct wire_reader *r, struct signer_identity *ids, size_t max, size_t *n);

/* FIND: blob thumbprint -> identity. */
size_t proto_find_pack(
    uint8_t *p, size_t cap, uint32_t id, const uint8_t *thumb, size_t thumblen);
int proto_find_parse(
    struct wire_reader *r, const uint8_t **thumb, size_t *thumblen);
size_t proto_find_reply_pack(
    uint8_t *p, size_t cap, uint32_t id, const struct signer_identity *ident);
int proto_find_reply_parse(
    struct wire_reader *r, struct signer_identity *ident);

/* CERTIFICATE: 32 bytes key, u8 depth -> blob DER. */
struct proto_certificate {
	uint8_t key[SIGNER_SHA256_LEN];
	uint8_t depth;
};
size_t proto_certificate_pack(
    uint8_t *p, size_t cap, uint32_t id, const struct proto_certificate *c);
int proto_certificate_parse(struct wire_reader *r, struct proto_certificate *c);

/* SIGN: 32 bytes key, u8 scheme, u8 hash, u8 digest, u16 saltlen, blob data
 * -> blob signature. Checked by signer_sign_valid(). */
struct proto_sign {
	uint8_t key[SIGNER_SHA256_LEN];
	struct signer_sign what;
};
size_t proto_sign_pack(
    uint8_t *p, size_t cap, uint32_t id, const struct proto_sign *s);
int proto_sign_parse(struct wire_reader *r, struct proto_sign *s);

/* DECRYPT: 32 bytes key, u8 scheme, u8 hash, blob ciphertext -> blob. */
struct proto_decrypt {
	uint8_t key[SIGNER_SHA256_LEN];
	enum signer_scheme scheme;
	enum signer_hash hash;
	const uint8_t *data;
	size_t len;
};
size_t proto_decrypt_pack(
    uint8_t *p, size_t cap, uint32_t id, const struct proto_decrypt *d);
int proto_decrypt_parse(struct wire_reader *r, struct proto_decrypt *d);

/* The reply of CERTIFICATE, SIGN and DECRYPT. */
size_t proto_blob_reply_pack(uint8_t *p, size_t cap, uint32_t id,
    enum proto_type type, const uint8_t *data, size_t len);
int proto_blob_reply_parse(struct wire_reader *r, uint8_t *out, size_t *len);

/* STATUS: u16 index -> str name, str label, str state, str trouble, u32 ckr,
 * then thirteen u64 in the order of struct client_token. */
size_t proto_status_pack(uint8_t *p, size_t cap, uint32_t id, uint16_t index);
int proto_status_parse(struct wire_reader *r, uint16_t *index);
size_t proto_status_reply_pack(
    uint8_t *p, size_t cap, uint32_t id, const struct client_token *t);
int proto_status_reply_parse(struct wire_reader *r, struct client_token *t);

/* EXPLAIN: u8 other, u32 uid, u32 gid, u16 n, n u32 groups, str program, blob
 * thumbprint, u32 use, u8 scheme, u8 hash, u8 digest -> u16 n, n findings:
 * u8 weight, str what, str text. */
size_t proto_explain_pack(
    uint8_t *p, size_t cap, uint32_t id, const struct client_question *q);
int proto_explain_parse(struct wire_reader *r, struct client_question *q);
size_t proto_explain_reply_pack(uint8_t *p, size_t cap, uint32_t id,
    const struct client_finding *found, size_t n);
int proto_explain_reply_parse(
    struct wire_reader *r, struct client_finding *found, size_t *n);

/* Any reply with a status other than 0: u32 ckr, u8 retry, u32 after_ms, str
 * text. */
size_t proto_failure_pack(uint8_t *p, size_t cap, uint32_t id,
    enum proto_type type, int err, const struct signer_trouble *why);
int proto_failure_parse(struct wire_reader *r, struct signer_trouble *why);

/* The word of client_token.state for a token that reports err. */
const char *proto_state_name(int err);

/* An identity inside other packets: 20 bytes SHA-1, 32 bytes SHA-256, u8
 * type, u32 bits, u32 mechs, u32 uses, str token, u64 not_after. */
void proto_identity_put(
    struct wire_writer *w, const struct signer_identity *id);
void proto_identity_get(struct wire_reader *r, struct signer_identity *id);

#endif
