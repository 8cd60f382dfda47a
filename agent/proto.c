#include "agent/proto.h"

#include <string.h>

void
proto_start(struct wire_writer *w, uint8_t *p, size_t cap, uint8_t type,
    uint16_t status, uint32_t id)
{
	wire_write(w, p, cap < PROTO_PACKET_MAX ? cap : PROTO_PACKET_MAX);
	wire_put_u8(w, PROTO_VERSION);
	wire_put_u8(w, type);
	wire_put_u16(w, status);
	wire_put_u32(w, id);
}

int
proto_finish(const struct wire_reader *r)
{
	return wire_end(r) ? SIGNER_OK : SIGNER_EPROTO;
}

int
proto_header_parse(
    struct wire_reader *r, const uint8_t *p, size_t len, struct proto_header *h)
{
	uint8_t version, type;

	memset(h, 0, sizeof(*h));
	wire_read(r, p, len);
	version = wire_get_u8(r);
	type = wire_get_u8(r);
	h->status = wire_get_u16(r);
	h->id = wire_get_u32(r);
	h->type = type & (PROTO_REPLY - 1);
	h->reply = (type & PROTO_REPLY) != 0;
	if (r->bad || version != PROTO_VERSION || len > PROTO_PACKET_MAX)
		return SIGNER_EPROTO;
	if (!h->reply && h->status != 0)
		return SIGNER_EPROTO;
	return SIGNER_OK;
}

size_t
proto_hello_pack(uint8_t *p, size_t cap, uint32_t id)
{
	struct wire_writer w;

	proto_start(&w, p, cap, PROTO_HELLO, 0, id);
	wire_put_u8(&w, PROTO_VERSION);
	return wire_len(&w);
}

int
proto_hello_parse(struct wire_reader *r, uint8_t *version)
{
	*version = wire_get_u8(r);
	return proto_finish(r);
}

size_t
proto_hello_reply_pack(
    uint8_t *p, size_t cap, uint32_t id, const struct proto_hello *h)
{
	struct wire_writer w;

	proto_start(&w, p, cap, PROTO_HELLO | PROTO_REPLY, 0, id);
	wire_put_u8(&w, h->version);
	wire_put_u32(&w, h->packet_max);
	wire_put_u16(&w, h->inflight_max);
	wire_put_str(&w, h->server);
	return wire_len(&w);
}

int
proto_hello_reply_parse(struct wire_reader *r, struct proto_hello *h)
{
	h->version = wire_get_u8(r);
	h->packet_max = wire_get_u32(r);
	h->inflight_max = wire_get_u16(r);
	wire_get_str(r, h->server, sizeof(h->server));
	return proto_finish(r);
}

size_t
proto_ping_pack(uint8_t *p, size_t cap, uint32_t id)
{
	struct wire_writer w;

	proto_start(&w, p, cap, PROTO_PING, 0, id);
	return wire_len(&w);
}

int
proto_ping_parse(struct wire_reader *r)
{
	return proto_finish(r);
}

size_t
proto_ping_reply_pack(uint8_t *p, size_t cap, uint32_t id)
{
	struct wire_writer w;

	proto_start(&w, p, cap, PROTO_PING | PROTO_REPLY, 0, id);
	return wire_len(&w);
}

size_t
proto_list_pack(uint8_t *p, size_t cap, uint32_t id, uint32_t from)
{
	struct wire_writer w;

	proto_start(&w, p, cap, PROTO_LIST, 0, id);
	wire_put_u32(&w, from);
	return wire_len(&w);
}

int
proto_list_parse(struct wire_reader *r, uint32_t *from)
{
	*from = wire_get_u32(r);
	return proto_finish(r);
}

size_t
proto_list_reply_pack(uint8_t *p, size_t cap, uint32_t id,
    const struct signer_identity *ids, size_t n)
{
	struct wire_writer w;

	proto_start(&w, p, cap, PROTO_LIST | PROTO_REPLY, 0, id);
	wire_put_u16(&w, (uint16_t)n);
	for (size_t i = 0; i < n; i++)
		proto_identity_put(&w, &ids[i]);
	return wire_len(&w);
}

int
proto_list_reply_parse(
    struct wire_reader *r, struct signer_identity *ids, size_t max, size_t *n)
{
	*n = wire_get_u16(r);
	if (*n > max) {
		*n = 0;
		return SIGNER_EPROTO;
	}
	for (size_t i = 0; i < *n; i++)
		proto_identity_get(r, &ids[i]);
	return proto_finish(r);
}

size_t
proto_find_pack(
    uint8_t *p, size_t cap, uint32_t id, const uint8_t *thumb, size_t thumblen)
{
	struct wire_writer w;

	proto_start(&w, p, cap, PROTO_FIND, 0, id);
	wire_put_blob(&w, thumb, thumblen);
	return wire_len(&w);
}

int
proto_find_parse(struct wire_reader *r, const uint8_t **thumb, size_t *thumblen)
{
	*thumb = wire_get_blob(r, SIGNER_SHA256_LEN, thumblen);
	if (*thumblen != SIGNER_SHA1_LEN && *thumblen != SIGNER_SHA256_LEN)
		return SIGNER_EPROTO;
	return proto_finish(r);
}

size_t
proto_find_reply_pack(
    uint8_t *p, size_t cap, uint32_t id, const struct signer_identity *ident)
{
	struct wire_writer w;

	proto_start(&w, p, cap, PROTO_FIND | PROTO_REPLY, 0, id);
	proto_identity_put(&w, ident);
	return wire_len(&w);
}

int
proto_find_reply_parse(struct wire_reader *r, struct signer_identity *ident)
{
	proto_identity_get(r, ident);
	return proto_finish(r);
}

size_t
proto_certificate_pack(
    uint8_t *p, size_t cap, uint32_t id, const struct proto_certificate *c)
{
	struct wire_writer w;

	proto_start(&w, p, cap, PROTO_CERTIFICATE, 0, id);
	wire_put_bytes(&w, c->key, sizeof(c->key));
	wire_put_u8(&w, c->depth);
	return wire_len(&w);
}

int
proto_certificate_parse(struct wire_reader *r, struct proto_certificate *c)
{
	wire_get_bytes(r, c->key, sizeof(c->key));
	c->depth = wire_get_u8(r);
	return proto_finish(r);
}

size_t
proto_sign_pack(uint8_t *p, size_t cap, uint32_t id, const struct proto_sign *s)
{
	struct wire_writer w;

	proto_start(&w, p, cap, PROTO_SIGN, 0, id);
	wire_put_bytes(&w, s->key, sizeof(s->key));
	wire_put_u8(&w, (uint8_t)s->what.scheme);
	wire_put_u8(&w, (uint8_t)s->what.hash);
	wire_put_u8(&w, s->what.digest);
	wire_put_u16(&w, s->what.saltlen);
	wire_put_blob(&w, s->what.data, s->what.len);
	return wire_len(&w);
}

int
proto_sign_parse(struct wire_reader *r, struct proto_sign *s)
{
	uint8_t digest;

	wire_get_bytes(r, s->key, sizeof(s->key));
	s->what.scheme = (enum signer_scheme)wire_get_u8(r);
	s->what.hash = (enum signer_hash)wire_get_u8(r);
	digest = wire_get_u8(r);
	s->what.digest = digest != 0;
	s->what.saltlen = wire_get_u16(r);
	s->what.data = wire_get_blob(r, SIGNER_TBS_MAX, &s->what.len);
	if (!wire_end(r) || digest > 1 || !signer_sign_valid(&s->what))
		return SIGNER_EPROTO;
	return SIGNER_OK;
}

size_t
proto_decrypt_pack(
    uint8_t *p, size_t cap, uint32_t id, const struct proto_decrypt *d)
{
	struct wire_writer w;

	proto_start(&w, p, cap, PROTO_DECRYPT, 0, id);
	wire_put_bytes(&w, d->key, sizeof(d->key));
	wire_put_u8(&w, (uint8_t)d->scheme);
	wire_put_u8(&w, (uint8_t)d->hash);
	wire_put_blob(&w, d->data, d->len);
	return wire_len(&w);
}

int
proto_decrypt_parse(struct wire_reader *r, struct proto_decrypt *d)
{
	wire_get_bytes(r, d->key, sizeof(d->key));
	d->scheme = (enum signer_scheme)wire_get_u8(r);
	d->hash = (enum signer_hash)wire_get_u8(r);
	d->data = wire_get_blob(r, SIGNER_DATA_MAX, &d->len);
	if (!wire_end(r) || d->len == 0)
		return SIGNER_EPROTO;
	if (d->scheme == SIGNER_RSA_OAEP)
		return signer_hash_len(d->hash) ? SIGNER_OK : SIGNER_EPROTO;
	if (d->scheme != SIGNER_RSA_PKCS1 || d->hash != SIGNER_HASH_NONE)
		return SIGNER_EPROTO;
	return SIGNER_OK;
}

size_t
proto_blob_reply_pack(uint8_t *p, size_t cap, uint32_t id, enum proto_type type,
    const uint8_t *data, size_t len)
{
	struct wire_writer w;

	proto_start(&w, p, cap, (uint8_t)type | PROTO_REPLY, 0, id);
	wire_put_blob(&w, data, len);
	return wire_len(&w);
}

int
proto_blob_reply_parse(struct wire_reader *r, uint8_t *out, size_t *len)
{
	size_t n;
	const uint8_t *p = wire_get_blob(r, *len, &n);

	*len = 0;
	if (!wire_end(r) || p == NULL)
		return SIGNER_EPROTO;
	memcpy(out, p, n);
	*len = n;
	return SIGNER_OK;
}

size_t
proto_status_pack(uint8_t *p, size_t cap, uint32_t id, uint16_t index)
{
	struct wire_writer w;

	proto_start(&w, p, cap, PROTO_STATUS, 0, id);
	wire_put_u16(&w, index);
	return wire_len(&w);
}

int
proto_status_parse(struct wire_reader *r, uint16_t *index)
{
	*index = wire_get_u16(r);
	return proto_finish(r);
}

size_t
proto_status_reply_pack(
    uint8_t *p, size_t cap, uint32_t id, const struct client_token *t)
{
	struct wire_writer w;

	proto_start(&w, p, cap, PROTO_STATUS | PROTO_REPLY, 0, id);
	wire_put_str(&w, t->name);
	wire_put_str(&w, t->label);
	wire_put_str(&w, t->state);
	wire_put_str(&w, t->trouble);
	wire_put_u32(&w, t->ckr);
	wire_put_u64(&w, t->since);
	wire_put_u64(&w, t->identities);
	wire_put_u64(&w, t->sessions);
	wire_put_u64(&w, t->signatures);
	wire_put_u64(&w, t->decryptions);
	wire_put_u64(&w, t->logins);
	wire_put_u64(&w, t->searches);
	wire_put_u64(&w, t->recoveries);
	wire_put_u64(&w, t->restarts);
	wire_put_u64(&w, t->served);
	wire_put_u64(&w, t->failovers);
	wire_put_u64(&w, t->waiting);
	wire_put_u64(&w, t->last_ms);
	wire_put_u64(&w, t->retries);
	wire_put_u64(&w, t->failed_at);
	return wire_len(&w);
}

int
proto_status_reply_parse(struct wire_reader *r, struct client_token *t)
{
	wire_get_str(r, t->name, sizeof(t->name));
	wire_get_str(r, t->label, sizeof(t->label));
	wire_get_str(r, t->state, sizeof(t->state));
	wire_get_str(r, t->trouble, sizeof(t->trouble));
	t->ckr = wire_get_u32(r);
	t->since = wire_get_u64(r);
	t->identities = wire_get_u64(r);
	t->sessions = wire_get_u64(r);
	t->signatures = wire_get_u64(r);
	t->decryptions = wire_get_u64(r);
	t->logins = wire_get_u64(r);
	t->searches = wire_get_u64(r);
	t->recoveries = wire_get_u64(r);
	t->restarts = wire_get_u64(r);
	t->served = wire_get_u64(r);
	t->failovers = wire_get_u64(r);
	t->waiting = wire_get_u64(r);
	t->last_ms = wire_get_u64(r);
	t->retries = wire_get_u64(r);
	t->failed_at = wire_get_u64(r);
	return proto_finish(r);
}

size_t
proto_explain_pack(
    uint8_t *p, size_t cap, uint32_t id, const struct client_question *q)
{
	struct wire_writer w;

	if (q->ngroups > CLIENT_GROUPS_MAX)
		return 0;
	proto_start(&w, p, cap, PROTO_EXPLAIN, 0, id);
	wire_put_u8(&w, q->other);
	wire_put_u32(&w, q->uid);
	wire_put_u32(&w, q->gid);
	wire_put_u16(&w, (uint16_t)q->ngroups);
	for (size_t i = 0; i < q->ngroups; i++)
		wire_put_u32(&w, q->groups[i]);
	wire_put_str(&w, q->program);
	wire_put_blob(&w, q->thumb, q->thumblen);
	wire_put_u32(&w, q->use);
	wire_put_u8(&w, (uint8_t)q->scheme);
	wire_put_u8(&w, (uint8_t)q->hash);
	wire_put_u8(&w, q->digest);
	return wire_len(&w);
}

/* One use, or none; a form that there is, or none. */
static bool
meant(const struct client_question *q)
{
	return (q->thumblen == 0 || q->thumblen == SIGNER_SHA1_LEN ||
		   q->thumblen == SIGNER_SHA256_LEN) &&
	       (q->use == 0 || q->use == SIGNER_USE_SIGN ||
		   q->use == SIGNER_USE_DECRYPT || q->use == SIGNER_USE_TLS) &&
	       q->scheme <= SIGNER_EDDSA && q->hash <= SIGNER_SHA512;
}

int
proto_explain_parse(struct wire_reader *r, struct client_question *q)
{
	uint8_t other, digest;
	const uint8_t *thumb;

	memset(q, 0, sizeof(*q));
	other = wire_get_u8(r);
	q->other = other != 0;
	q->uid = wire_get_u32(r);
	q->gid = wire_get_u32(r);
	q->ngroups = wire_get_u16(r);
	if (q->ngroups > CLIENT_GROUPS_MAX)
		return SIGNER_EPROTO;
	for (size_t i = 0; i < q->ngroups; i++)
		q->groups[i] = wire_get_u32(r);
	wire_get_str(r, q->program, sizeof(q->program));
	thumb = wire_get_blob(r, sizeof(q->thumb), &q->thumblen);
	if (thumb != NULL)
		memcpy(q->thumb, thumb, q->thumblen);
	q->use = wire_get_u32(r);
	q->scheme = (enum signer_scheme)wire_get_u8(r);
	q->hash = (enum signer_hash)wire_get_u8(r);
	digest = wire_get_u8(r);
	q->digest = digest != 0;
	if (!wire_end(r) || other > 1 || digest > 1 || !meant(q))
		return SIGNER_EPROTO;
	return SIGNER_OK;
}

size_t
proto_explain_reply_pack(uint8_t *p, size_t cap, uint32_t id,
    const struct client_finding *found, size_t n)
{
	struct wire_writer w;

	proto_start(&w, p, cap, PROTO_EXPLAIN | PROTO_REPLY, 0, id);
	wire_put_u16(&w, (uint16_t)n);
	for (size_t i = 0; i < n; i++) {
		wire_put_u8(&w, (uint8_t)found[i].weight);
		wire_put_str(&w, found[i].what);
		wire_put_str(&w, found[i].text);
	}
	return wire_len(&w);
}

int
proto_explain_reply_parse(
    struct wire_reader *r, struct client_finding *found, size_t *n)
{
	*n = wire_get_u16(r);
	if (*n > CLIENT_FINDINGS_MAX)
		return SIGNER_EPROTO;
	for (size_t i = 0; i < *n; i++) {
		found[i].weight = (enum client_weight)wire_get_u8(r);
		if (found[i].weight > CLIENT_TROUBLE)
			return SIGNER_EPROTO;
		wire_get_str(r, found[i].what, sizeof(found[i].what));
		wire_get_str(r, found[i].text, sizeof(found[i].text));
	}
	return proto_finish(r);
}

size_t
proto_failure_pack(uint8_t *p, size_t cap, uint32_t id, enum proto_type type,
    int err, const struct signer_trouble *why)
{
	struct wire_writer w;

	proto_start(
	    &w, p, cap, (uint8_t)type | PROTO_REPLY, (uint16_t)-err, id);
	wire_put_u32(&w, why->ckr);
	wire_put_u8(&w, why->retry);
	wire_put_u32(&w, why->after_ms);
	wire_put_str(&w, why->text);
	return wire_len(&w);
}

int
proto_failure_parse(struct wire_reader *r, struct signer_trouble *why)
{
	uint8_t retry;

	why->ckr = wire_get_u32(r);
	retry = wire_get_u8(r);
	why->retry = retry != 0;
	why->after_ms = wire_get_u32(r);
	wire_get_str(r, why->text, sizeof(why->text));
	return wire_end(r) && retry <= 1 ? SIGNER_OK : SIGNER_EPROTO;
}

const char *
proto_state_name(int err)
{
	if (err == SIGNER_OK)
		return "ready";
	if (err == SIGNER_EABSENT)
		return "absent";
	if (err == SIGNER_EPIN || err == SIGNER_EPINLOCKED)
		return "pin";
	return "failed";
}

void
proto_identity_put(struct wire_writer *w, const struct signer_identity *id)
{
	wire_put_bytes(w, id->sha1, sizeof(id->sha1));
	wire_put_bytes(w, id->sha256, sizeof(id->sha256));
	wire_put_u8(w, (uint8_t)id->type);
	wire_put_u32(w, id->bits);
	wire_put_u32(w, id->mechs);
	wire_put_u32(w, id->uses);
	wire_put_str(w, id->token);
	wire_put_u64(w, id->not_after);
}

void
proto_identity_get(struct wire_reader *r, struct signer_identity *id)
{
	wire_get_bytes(r, id->sha1, sizeof(id->sha1));
	wire_get_bytes(r, id->sha256, sizeof(id->sha256));
	id->type = (enum signer_keytype)wire_get_u8(r);
	id->bits = wire_get_u32(r);
	id->mechs = wire_get_u32(r);
	id->uses = wire_get_u32(r);
	wire_get_str(r, id->token, sizeof(id->token));
	id->not_after = wire_get_u64(r);
	if (id->type < SIGNER_KEY_RSA || id->type > SIGNER_KEY_ED25519)
		r->bad = true;
}
