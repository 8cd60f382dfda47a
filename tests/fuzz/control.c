/*
 * Any bytes as a packet of the control socket or of a PIN's door, request or
 * reply. What a parser accepts, the packer beside it must make again.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint8_t again[PROTO_PACKET_MAX];

static size_t
request(struct wire_reader *r, const struct proto_header *h)
{
	enum control_type type = (enum control_type)h->type;
	char name[SIGNER_TOKEN_MAX];
	const uint8_t *pin;
	uint16_t index;
	uint32_t from;
	size_t n;

	switch (h->type) {
	case CONTROL_LOCK:
	case CONTROL_UNLOCK:
		return control_name_parse(r, name) != SIGNER_OK
			   ? 0
			   : control_name_pack(
				 again, sizeof(again), h->id, type, name);
	case CONTROL_METRICS:
		return control_metrics_parse(r, &from) != SIGNER_OK
			   ? 0
			   : control_metrics_pack(
				 again, sizeof(again), h->id, from);
	case CONTROL_PROBE:
		return control_probe_parse(r, &index) != SIGNER_OK
			   ? 0
			   : control_probe_pack(
				 again, sizeof(again), h->id, index);
	case CONTROL_RELOAD:
		return control_reload_parse(r) != SIGNER_OK
			   ? 0
			   : control_reload_pack(again, sizeof(again), h->id);
	case CONTROL_PIN:
		if (control_pin_parse(r, &pin, &n) != SIGNER_OK)
			return 0;
		if (n > CONTROL_PIN_MAX)
			abort();
		return control_pin_pack(again, sizeof(again), h->id, pin, n);
	default:
		return 0;
	}
}

static size_t
reply(struct wire_reader *r, const struct proto_header *h)
{
	enum control_type type = (enum control_type)h->type;
	static struct control_names names;
	struct control_probe probe;
	struct control_page page;

	switch (h->type) {
	case CONTROL_LOCK:
	case CONTROL_UNLOCK:
		return control_names_reply_parse(r, &names) != SIGNER_OK
			   ? 0
			   : control_names_reply_pack(
				 again, sizeof(again), h->id, type, &names);
	case CONTROL_METRICS:
		return control_metrics_reply_parse(r, &page) != SIGNER_OK
			   ? 0
			   : control_metrics_reply_pack(
				 again, sizeof(again), h->id, &page);
	case CONTROL_PROBE:
		return control_probe_reply_parse(r, &probe) != SIGNER_OK
			   ? 0
			   : control_probe_reply_pack(
				 again, sizeof(again), h->id, &probe);
	case CONTROL_RELOAD:
	case CONTROL_PIN:
		return control_done_reply_parse(r) != SIGNER_OK
			   ? 0
			   : control_done_reply_pack(
				 again, sizeof(again), h->id, type);
	default:
		return 0;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct wire_reader r;
	struct proto_header h;
	bool loose;
	size_t n;

	if (proto_header_parse(&r, data, len, &h) != SIGNER_OK ||
	    (h.reply && h.status != 0))
		return 0;
	/* There a byte that means yes may have been any but 0. */
	loose = h.reply && (h.type == CONTROL_LOCK || h.type == CONTROL_UNLOCK);
	n = h.reply ? reply(&r, &h) : request(&r, &h);
	if (n != 0 && (n != len || (!loose && memcmp(again, data, n) != 0)))
		abort();
	return 0;
}
