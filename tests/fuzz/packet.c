/*
 * Any bytes as a packet of the agent's protocol, request or reply. What a
 * parser accepts, the packer beside it must make again, byte for byte: one
 * meaning, one form.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint8_t again[PROTO_PACKET_MAX];

static void
same(const uint8_t *data, size_t len, size_t n)
{
	if (n != len || memcmp(again, data, n) != 0)
		abort();
}

static size_t
request(struct wire_reader *r, const struct proto_header *h)
{
	struct client_question q;
	struct proto_certificate c;
	struct proto_decrypt d;
	struct proto_sign s;
	const uint8_t *thumb;
	uint32_t from;
	uint16_t index;
	uint8_t version;
	size_t n;

	switch (h->type) {
	case PROTO_HELLO:
		(void)proto_hello_parse(r, &version);
		return 0; /* we only ever offer our own version */
	case PROTO_PING:
		if (proto_ping_parse(r) != SIGNER_OK)
			return 0;
		return proto_ping_pack(again, sizeof(again), h->id);
	case PROTO_LIST:
		if (proto_list_parse(r, &from) != SIGNER_OK)
			return 0;
		return proto_list_pack(again, sizeof(again), h->id, from);
	case PROTO_FIND:
		if (proto_find_parse(r, &thumb, &n) != SIGNER_OK)
			return 0;
		return proto_find_pack(again, sizeof(again), h->id, thumb, n);
	case PROTO_CERTIFICATE:
		if (proto_certificate_parse(r, &c) != SIGNER_OK)
			return 0;
		return proto_certificate_pack(again, sizeof(again), h->id, &c);
	case PROTO_SIGN:
		if (proto_sign_parse(r, &s) != SIGNER_OK)
			return 0;
		return proto_sign_pack(again, sizeof(again), h->id, &s);
	case PROTO_DECRYPT:
		if (proto_decrypt_parse(r, &d) != SIGNER_OK)
			return 0;
		return proto_decrypt_pack(again, sizeof(again), h->id, &d);
	case PROTO_STATUS:
		if (proto_status_parse(r, &index) != SIGNER_OK)
			return 0;
		return proto_status_pack(again, sizeof(again), h->id, index);
	case PROTO_EXPLAIN:
		if (proto_explain_parse(r, &q) != SIGNER_OK)
			return 0;
		return proto_explain_pack(again, sizeof(again), h->id, &q);
	default:
		return 0;
	}
}

static size_t
reply(struct wire_reader *r, const struct proto_header *h)
{
	static struct signer_identity ids[PROTO_LIST_MAX];
	static uint8_t blob[SIGNER_CERT_MAX];
	static struct client_finding found[CLIENT_FINDINGS_MAX];
	struct client_token token;
	struct proto_hello hello;
	size_t n = sizeof(blob);

	switch (h->type) {
	case PROTO_HELLO:
		if (proto_hello_reply_parse(r, &hello) != SIGNER_OK)
			return 0;
		return proto_hello_reply_pack(
		    again, sizeof(again), h->id, &hello);
	case PROTO_LIST:
		if (proto_list_reply_parse(r, ids, PROTO_LIST_MAX, &n) !=
		    SIGNER_OK)
			return 0;
		return proto_list_reply_pack(
		    again, sizeof(again), h->id, ids, n);
	case PROTO_FIND:
		if (proto_find_reply_parse(r, ids) != SIGNER_OK)
			return 0;
		return proto_find_reply_pack(again, sizeof(again), h->id, ids);
	case PROTO_CERTIFICATE:
	case PROTO_SIGN:
	case PROTO_DECRYPT:
		if (proto_blob_reply_parse(r, blob, &n) != SIGNER_OK)
			return 0;
		return proto_blob_reply_pack(again, sizeof(again), h->id,
		    (enum proto_type)h->type, blob, n);
	case PROTO_STATUS:
		if (proto_status_reply_parse(r, &token) != SIGNER_OK)
			return 0;
		return proto_status_reply_pack(
		    again, sizeof(again), h->id, &token);
	case PROTO_EXPLAIN:
		if (proto_explain_reply_parse(r, found, &n) != SIGNER_OK)
			return 0;
		return proto_explain_reply_pack(
		    again, sizeof(again), h->id, found, n);
	default:
		return 0;
	}
}

static size_t
failure(struct wire_reader *r, const struct proto_header *h)
{
	struct signer_trouble why;

	if (proto_failure_parse(r, &why) != SIGNER_OK)
		return 0;
	return proto_failure_pack(again, sizeof(again), h->id,
	    (enum proto_type)h->type, -(int)h->status, &why);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct wire_reader r;
	struct proto_header h;
	size_t n;

	if (proto_header_parse(&r, data, len, &h) != SIGNER_OK)
		return 0;
	if (!h.reply)
		n = request(&r, &h);
	else if (h.status != 0)
		n = failure(&r, &h);
	else
		n = reply(&r, &h);
	if (n != 0)
		same(data, len, n);
	return 0;
}
