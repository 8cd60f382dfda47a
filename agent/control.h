/*
 * What the agent's operator says to it over the control socket, and at the
 * doors where PINs are brought: every packet with its packer and its parser.
 * The header, the types of fields and the failures are those of proto.h; the
 * numbers of packets are none of its. docs/PROTOCOL.md has the same packets in
 * the same order. Pure: no descriptor, no token, no PIN beyond a packet.
 *
 * Packers return the packet's length, 0 if it does not fit the room. Parsers
 * return SIGNER_OK or SIGNER_EPROTO, refuse trailing bytes, and lend pointers
 * into the packet.
 */
#ifndef AGENT_CONTROL_H
#define AGENT_CONTROL_H

#include "agent/proto.h"

#define CONTROL_PAGE_MAX 32768     /* bytes of text in one METRICS reply */
#define CONTROL_PIN_MAX 256        /* bytes, as SECRET_MAX */
#define CONTROL_PIN_PACKET_MAX 512 /* one with the longest PIN fits */
#define CONTROL_NAMES_MAX 16       /* tokens in one reply */

enum control_type {
	CONTROL_LOCK = 33,
	CONTROL_UNLOCK = 34,
	CONTROL_METRICS = 35,
	CONTROL_PROBE = 36,
	CONTROL_RELOAD = 37,
	CONTROL_PIN = 38, /* at a door */
};

/*
 * LOCK and UNLOCK: str name of the token, "" for all -> u16 n, n times str
 * name, u8 wants: 1 if the token waits for its PIN, at the door.
 */
struct control_names {
	size_t n;
	struct {
		char name[SIGNER_TOKEN_MAX];
		bool wants;
	} all[CONTROL_NAMES_MAX];
};
size_t control_name_pack(uint8_t *p, size_t cap, uint32_t id,
    enum control_type type, const char *name);
int control_name_parse(struct wire_reader *r, char name[SIGNER_TOKEN_MAX]);
size_t control_names_reply_pack(uint8_t *p, size_t cap, uint32_t id,
    enum control_type type, const struct control_names *names);
int control_names_reply_parse(
    struct wire_reader *r, struct control_names *names);

/* METRICS: u32 from -> u32 length of all, blob text from there on. */
struct control_page {
	uint32_t total;
	const uint8_t *text;
	size_t len;
};
size_t control_metrics_pack(uint8_t *p, size_t cap, uint32_t id, uint32_t from);
int control_metrics_parse(struct wire_reader *r, uint32_t *from);
size_t control_metrics_reply_pack(
    uint8_t *p, size_t cap, uint32_t id, const struct control_page *page);
int control_metrics_reply_parse(
    struct wire_reader *r, struct control_page *page);

/*
 * PROBE: u16 number of the token -> str name, u16 status, 20 bytes SHA-1 of
 * the key that was used, u32 us that it took, u32 CKR, str trouble. Past the
 * last token: a failure, SIGNER_ENOKEY.
 */
struct control_probe {
	char name[SIGNER_TOKEN_MAX];
	int err; /* enum signer_err: how the token did */
	uint8_t sha1[SIGNER_SHA1_LEN];
	uint32_t us;
	uint32_t ckr;
	char trouble[SIGNER_TEXT_MAX];
};
size_t control_probe_pack(uint8_t *p, size_t cap, uint32_t id, uint16_t index);
int control_probe_parse(struct wire_reader *r, uint16_t *index);
size_t control_probe_reply_pack(
    uint8_t *p, size_t cap, uint32_t id, const struct control_probe *b);
int control_probe_reply_parse(struct wire_reader *r, struct control_probe *b);

/* RELOAD: nothing -> nothing. */
size_t control_reload_pack(uint8_t *p, size_t cap, uint32_t id);
int control_reload_parse(struct wire_reader *r);

/* PIN: blob PIN -> nothing. */
size_t control_pin_pack(
    uint8_t *p, size_t cap, uint32_t id, const uint8_t *pin, size_t len);
int control_pin_parse(struct wire_reader *r, const uint8_t **pin, size_t *len);

/* The reply to RELOAD and to PIN. */
size_t control_done_reply_pack(
    uint8_t *p, size_t cap, uint32_t id, enum control_type type);
int control_done_reply_parse(struct wire_reader *r);

/* Any failure: as proto_failure_pack() and proto_failure_parse(). */
size_t control_failure_pack(uint8_t *p, size_t cap, uint32_t id,
    enum control_type type, int err, const struct signer_trouble *why);

#endif
