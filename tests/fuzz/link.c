/*
 * Any bytes as a packet between the agent's own processes. They are of one
 * build, but one that was taken over says what it likes. What a parser
 * accepts, the packer beside it must make again.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/link.h"
#include "agent/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint8_t again[PROTO_PACKET_MAX + LINK_HEADER_MAX];

/* The kinds that tell of a request; the packet behind is not looked at. */
static size_t
request(struct wire_reader *r, uint8_t kind)
{
	struct link_request q;
	struct link_client c;
	struct link_done d;

	switch (kind) {
	case LINK_REQUEST:
		return link_request_parse(r, &q) != SIGNER_OK
			   ? 0
			   : link_request_pack(again, sizeof(again), &q);
	case LINK_GONE:
		return link_gone_parse(r, &c) != SIGNER_OK
			   ? 0
			   : link_gone_pack(again, sizeof(again), c);
	case LINK_DONE:
		return link_done_parse(r, &d) != SIGNER_OK
			   ? 0
			   : link_done_pack(again, sizeof(again), &d);
	case LINK_REPLY:
		return link_reply_parse(r, &d) != SIGNER_OK
			   ? 0
			   : link_reply_pack(again, sizeof(again), &d);
	default:
		return 0;
	}
}

/* The kinds that tell of a token or a process. */
static size_t
news(struct wire_reader *r, uint8_t kind)
{
	static struct link_catalogue c;
	struct link_program program;
	struct link_worker w;
	struct link_state s;
	struct link_who who;
	bool well;

	switch (kind) {
	case LINK_STATE:
		return link_state_parse(r, &s) != SIGNER_OK
			   ? 0
			   : link_state_pack(again, sizeof(again), &s);
	case LINK_CATALOGUE:
		return link_catalogue_parse(r, &c) != SIGNER_OK
			   ? 0
			   : link_catalogue_pack(again, sizeof(again), &c);
	case LINK_WORKER:
	case LINK_KILL:
	case LINK_READY:
		return link_worker_parse(r, &w) != SIGNER_OK
			   ? 0
			   : link_worker_pack(again, sizeof(again),
				 (enum link_kind)kind, &w);
	case LINK_WHO:
		return link_who_parse(r, &who) != SIGNER_OK
			   ? 0
			   : link_who_pack(again, sizeof(again), &who);
	case LINK_PROGRAM:
		return link_program_parse(r, &program) != SIGNER_OK
			   ? 0
			   : link_program_pack(again, sizeof(again), &program);
	case LINK_BEAT:
		return link_beat_parse(r, &well) != SIGNER_OK
			   ? 0
			   : link_beat_pack(again, sizeof(again), well);
	default:
		return 0;
	}
}

/* The kinds that tell of locks, probes and counts. */
static size_t
order(struct wire_reader *r, uint8_t kind)
{
	struct link_counted n;
	struct link_probed b;
	struct link_mark m;
	uint32_t id;

	switch (kind) {
	case LINK_LOCK:
	case LINK_UNLOCK:
	case LINK_PROBE:
	case LINK_COUNTS:
	case LINK_UNLOCKED:
		return link_order_parse(r, &id) != SIGNER_OK
			   ? 0
			   : link_order_pack(again, sizeof(again),
				 (enum link_kind)kind, id);
	case LINK_PROBED:
		return link_probed_parse(r, &b) != SIGNER_OK
			   ? 0
			   : link_probed_pack(again, sizeof(again), &b);
	case LINK_COUNTED:
		return link_counted_parse(r, &n) != SIGNER_OK
			   ? 0
			   : link_counted_pack(again, sizeof(again), &n);
	case LINK_MARK:
	case LINK_MARKED:
		return link_mark_parse(r, &m) != SIGNER_OK
			   ? 0
			   : link_mark_pack(again, sizeof(again),
				 (enum link_kind)kind, &m);
	default:
		return 0;
	}
}

/* A byte that means yes or no may have been any but 0: one value is sent. */
static bool
loose(uint8_t kind)
{
	return kind == LINK_STATE || kind == LINK_BEAT || kind == LINK_PROBED ||
	       kind == LINK_MARK || kind == LINK_MARKED;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct wire_reader r;
	uint8_t kind = link_kind_get(&r, data, len);
	size_t n = request(&r, kind);

	if (n == 0)
		n = news(&r, kind);
	if (n == 0)
		n = order(&r, kind);
	if (n == 0)
		return 0;
	if (n > len || (!loose(kind) && memcmp(again, data, n) != 0))
		abort();
	return 0;
}
