#include "agent/worker/serve.h"

#include <string.h>

#include <openssl/crypto.h>

#include "agent/proto.h"

/* One request being answered. */
struct answer {
	const struct serve *sv;
	struct proto_header h;
	struct wire_reader r;
	uint8_t *rep;
	size_t cap;
	struct signer_trouble *why;
};

static int
unreadable(struct answer *a)
{
	return signer_fail(a->why, SIGNER_EPROTO, "the request is malformed");
}

static int
certificate(struct answer *a, size_t *len)
{
	struct proto_certificate c;
	uint8_t der[SIGNER_CERT_MAX];
	size_t derlen = sizeof(der);
	int err;

	if (proto_certificate_parse(&a->r, &c) != SIGNER_OK)
		return unreadable(a);
	err = signer_certificate(
	    a->sv->signer, c.key, c.depth, der, &derlen, a->why);
	if (err == SIGNER_OK)
		*len = proto_blob_reply_pack(
		    a->rep, a->cap, a->h.id, PROTO_CERTIFICATE, der, derlen);
	return err;
}

static int
sign(struct answer *a, size_t *len)
{
	struct proto_sign s;
	uint8_t sig[SIGNER_SIG_MAX];
	size_t siglen = sizeof(sig);
	int err;

	if (proto_sign_parse(&a->r, &s) != SIGNER_OK)
		return unreadable(a);
	err = signer_sign(a->sv->signer, s.key, &s.what, sig, &siglen, a->why);
	if (err == SIGNER_OK)
		*len = proto_blob_reply_pack(
		    a->rep, a->cap, a->h.id, PROTO_SIGN, sig, siglen);
	return err;
}

static int
decrypt(struct answer *a, size_t *len)
{
	struct proto_decrypt d;
	uint8_t out[SIGNER_DATA_MAX];
	size_t outlen = sizeof(out);
	int err;

	if (proto_decrypt_parse(&a->r, &d) != SIGNER_OK)
		return unreadable(a);
	err = signer_decrypt(a->sv->signer, d.key, d.scheme, d.hash, d.data,
	    d.len, out, &outlen, a->why);
	if (err == SIGNER_OK)
		*len = proto_blob_reply_pack(
		    a->rep, a->cap, a->h.id, PROTO_DECRYPT, out, outlen);
	OPENSSL_cleanse(out, sizeof(out));
	return err;
}

static int
status(struct answer *a, size_t *len)
{
	struct client_token t;
	uint16_t index;

	if (proto_status_parse(&a->r, &index) != SIGNER_OK)
		return unreadable(a);
	memset(&t, 0, sizeof(t));
	a->sv->status(a->sv->ctx, &t);
	*len = proto_status_reply_pack(a->rep, a->cap, a->h.id, &t);
	return SIGNER_OK;
}

/* What reaches a worker; the front answers the rest itself. */
static int
dispatch(struct answer *a, size_t *len)
{
	switch (a->h.type) {
	case PROTO_CERTIFICATE:
		return certificate(a, len);
	case PROTO_SIGN:
		return sign(a, len);
	case PROTO_DECRYPT:
		return decrypt(a, len);
	case PROTO_STATUS:
		return status(a, len);
	default:
		return unreadable(a);
	}
}

size_t
serve_answer(const struct serve *sv, const uint8_t *req, size_t reqlen,
    uint8_t *rep, size_t repcap, int *err, struct signer_trouble *why)
{
	struct answer a = {.sv = sv, .rep = rep, .cap = repcap, .why = why};
	size_t len = 0;

	memset(why, 0, sizeof(*why));
	*err = SIGNER_EPROTO;
	if (proto_header_parse(&a.r, req, reqlen, &a.h) != SIGNER_OK ||
	    a.h.reply)
		return 0;
	*err = dispatch(&a, &len);
	if (*err == SIGNER_OK && len == 0)
		*err = signer_fail(why, SIGNER_EPROTO, "the reply is too long");
	if (*err != SIGNER_OK)
		len = proto_failure_pack(
		    rep, repcap, a.h.id, (enum proto_type)a.h.type, *err, why);
	return len;
}
