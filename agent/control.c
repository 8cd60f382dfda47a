#include "agent/control.h"

#include <string.h>

size_t
control_name_pack(uint8_t *p, size_t cap, uint32_t id, enum control_type type,
    const char *name)
{
	struct wire_writer w;

	proto_start(&w, p, cap, (uint8_t)type, 0, id);
	wire_put_str(&w, name);
	return wire_len(&w);
}

int
control_name_parse(struct wire_reader *r, char name[SIGNER_TOKEN_MAX])
{
	wire_get_str(r, name, SIGNER_TOKEN_MAX);
	return proto_finish(r);
}

size_t
control_names_reply_pack(uint8_t *p, size_t cap, uint32_t id,
    enum control_type type, const struct control_names *names)
{
	struct wire_writer w;

	proto_start(&w, p, cap, (uint8_t)type | PROTO_REPLY, 0, id);
	wire_put_u16(&w, (uint16_t)names->n);
	for (size_t i = 0; i < names->n; i++) {
		wire_put_str(&w, names->all[i].name);
		wire_put_u8(&w, names->all[i].wants);
	}
	return wire_len(&w);
}

int
control_names_reply_parse(struct wire_reader *r, struct control_names *names)
{
	uint8_t wants = 0;

	names->n = wire_get_u16(r);
	if (names->n > CONTROL_NAMES_MAX)
		goto fail;
	for (size_t i = 0; i < names->n && wants <= 1; i++) {
		wire_get_str(r, names->all[i].name, sizeof(names->all[i].name));
		wants = wire_get_u8(r);
		names->all[i].wants = wants != 0;
	}
	if (wants <= 1 && wire_end(r))
		return SIGNER_OK;
fail:
	names->n = 0;
	return SIGNER_EPROTO;
}

size_t
control_metrics_pack(uint8_t *p, size_t cap, uint32_t id, uint32_t from)
{
	struct wire_writer w;

	proto_start(&w, p, cap, CONTROL_METRICS, 0, id);
	wire_put_u32(&w, from);
	return wire_len(&w);
}

int
control_metrics_parse(struct wire_reader *r, uint32_t *from)
{
	*from = wire_get_u32(r);
	return proto_finish(r);
}

size_t
control_metrics_reply_pack(
    uint8_t *p, size_t cap, uint32_t id, const struct control_page *page)
{
	struct wire_writer w;

	proto_start(&w, p, cap, CONTROL_METRICS | PROTO_REPLY, 0, id);
	wire_put_u32(&w, page->total);
	wire_put_blob(&w, page->text, page->len);
	return wire_len(&w);
}

int
control_metrics_reply_parse(struct wire_reader *r, struct control_page *page)
{
	page->total = wire_get_u32(r);
	page->text = wire_get_blob(r, CONTROL_PAGE_MAX, &page->len);
	return proto_finish(r);
}

size_t
control_probe_pack(uint8_t *p, size_t cap, uint32_t id, uint16_t index)
{
	struct wire_writer w;

	proto_start(&w, p, cap, CONTROL_PROBE, 0, id);
	wire_put_u16(&w, index);
	return wire_len(&w);
}

int
control_probe_parse(struct wire_reader *r, uint16_t *index)
{
	*index = wire_get_u16(r);
	return proto_finish(r);
}

size_t
control_probe_reply_pack(
    uint8_t *p, size_t cap, uint32_t id, const struct control_probe *b)
{
	struct wire_writer w;

	proto_start(&w, p, cap, CONTROL_PROBE | PROTO_REPLY, 0, id);
	wire_put_str(&w, b->name);
	wire_put_u16(&w, (uint16_t)-b->err);
	wire_put_bytes(&w, b->sha1, sizeof(b->sha1));
	wire_put_u32(&w, b->us);
	wire_put_u32(&w, b->ckr);
	wire_put_str(&w, b->trouble);
	return wire_len(&w);
}

int
control_probe_reply_parse(struct wire_reader *r, struct control_probe *b)
{
	wire_get_str(r, b->name, sizeof(b->name));
	b->err = -(int)wire_get_u16(r);
	wire_get_bytes(r, b->sha1, sizeof(b->sha1));
	b->us = wire_get_u32(r);
	b->ckr = wire_get_u32(r);
	wire_get_str(r, b->trouble, sizeof(b->trouble));
	return b->err < SIGNER_ENOMEM ? SIGNER_EPROTO : proto_finish(r);
}

size_t
control_reload_pack(uint8_t *p, size_t cap, uint32_t id)
{
	struct wire_writer w;

	proto_start(&w, p, cap, CONTROL_RELOAD, 0, id);
	return wire_len(&w);
}

int
control_reload_parse(struct wire_reader *r)
{
	return proto_finish(r);
}

size_t
control_pin_pack(
    uint8_t *p, size_t cap, uint32_t id, const uint8_t *pin, size_t len)
{
	struct wire_writer w;

	proto_start(&w, p, cap, CONTROL_PIN, 0, id);
	wire_put_blob(&w, pin, len);
	return wire_len(&w);
}

int
control_pin_parse(struct wire_reader *r, const uint8_t **pin, size_t *len)
{
	*pin = wire_get_blob(r, CONTROL_PIN_MAX, len);
	if (!wire_end(r) || *len == 0 || memchr(*pin, '\0', *len) != NULL) {
		*pin = NULL;
		*len = 0;
		return SIGNER_EPROTO;
	}
	return SIGNER_OK;
}

size_t
control_done_reply_pack(
    uint8_t *p, size_t cap, uint32_t id, enum control_type type)
{
	struct wire_writer w;

	proto_start(&w, p, cap, (uint8_t)type | PROTO_REPLY, 0, id);
	return wire_len(&w);
}

int
control_done_reply_parse(struct wire_reader *r)
{
	return proto_finish(r);
}

size_t
control_failure_pack(uint8_t *p, size_t cap, uint32_t id,
    enum control_type type, int err, const struct signer_trouble *why)
{
	return proto_failure_pack(
	    p, cap, id, (enum proto_type)(int)type, err, why);
}
