#include "mp/seal.h"

#include "mp/encode.h"
#include "mp/zip.h"

/* sha256WithRSAEncryption; SHA-1 has no name on the wire (wire-facts 3.2). */
#define OID_SHA256 "1.2.840.113549.1.1.11"

#define PAYLOAD_MAX (64u << 20) /* bytes, before compression */
#define HEADER_MAX (64u << 10)  /* bytes of a header in UTF-8 */

#define FLAGS_KNOWN                                                      \
	(MP_FLAG_NATIVE | MP_FLAG_SIGN | MP_FLAG_ENCRYPT | MP_FLAG_CRL | \
	    MP_FLAG_COMPRESS)

/* The documented rules of flag combinations (sdk-facts 2.1, 3). */
static int
check(const struct mp_message *m, struct mp_error *e)
{
	bool native = (m->flags & MP_FLAG_NATIVE) != 0;

	if (m->flags & ~FLAGS_KNOWN)
		return mp_fail(e, MP_EARG, "unknown security flags 0x%08x",
		    m->flags & ~FLAGS_KNOWN);
	if (native && (m->flags & MP_FLAG_ENCRYPT))
		return mp_fail(e, MP_EARG,
		    "encryption of messages is for mixed "
		    "mode only; in native mode TLS encrypts, so leave ENCRYPT "
		    "out");
	if (!native && (m->flags & MP_FLAG_CRL))
		return mp_fail(e, MP_EARG,
		    "CRL checking is for native mode "
		    "only; in mixed mode no TLS certificate is checked");
	if (m->flags & MP_FLAG_ENCRYPT)
		return mp_fail(e, MP_EARG,
		    "the message cannot be encrypted: no "
		    "encryption certificate of the management point was given");
	if ((m->flags & MP_FLAG_SIGN) &&
	    (m->source_id == NULL || !mp_smsid_valid(m->source_id)))
		return mp_fail(e, MP_EARG,
		    "a signed message needs the client's "
		    "SMSID, \"GUID:...\"; register first");
	return MP_OK;
}

/* The header, with the clientauth hook if the message is to be signed. */
static int
make_header(const struct mp_identity *me, const struct mp_message *m,
    enum mp_hash hash, const struct mp_buf *payload, size_t body_len,
    struct mp_buf *xml, struct mp_error *e)
{
	struct mp_clientauth auth = {.public_key = me->public_hex,
	    .hash_algorithm = hash == MP_SHA1 ? NULL : OID_SHA256};
	struct mp_buf id, sig;
	int r;

	if (!(m->flags & MP_FLAG_SIGN))
		return mp_encode_header(m, NULL, body_len, xml, e);
	mp_buf_init(&id, 2 * SIGNER_SIG_MAX);
	mp_buf_init(&sig, 2 * SIGNER_SIG_MAX);
	r = mp_identity_sign_id(me, hash, m->source_id, &id, e);
	if (r == MP_OK)
		r = mp_identity_sign(
		    me, hash, payload->data, payload->len, &sig, e);
	if (r == MP_OK) {
		auth.client_id_signature = (const char *)id.data;
		auth.payload_signature = (const char *)sig.data;
		r = mp_encode_header(m, &auth, body_len, xml, e);
	}
	mp_buf_release(&id);
	mp_buf_release(&sig);
	return r;
}

int
mp_seal(const struct mp_identity *me, const struct mp_message *m,
    enum mp_hash hash, struct mp_sealed *out, struct mp_error *e)
{
	struct mp_buf clear, packed, header;
	const struct mp_buf *payload = &clear;
	size_t body_len;
	int r;

	mp_buf_init(&clear, PAYLOAD_MAX);
	mp_buf_init(&packed, PAYLOAD_MAX);
	mp_buf_init(&header, HEADER_MAX);
	if ((r = check(m, e)) != MP_OK ||
	    (r = mp_encode_payload(m, &clear, &body_len, e)) != MP_OK)
		goto out;
	if (m->flags & MP_FLAG_COMPRESS) {
		r = mp_zip(clear.data, clear.len, &packed, e);
		if (r != MP_OK)
			goto out;
		payload = &packed;
	}
	r = make_header(me, m, hash, payload, body_len, &header, e);
	if (r == MP_OK)
		r = mp_encode_head(&header, &out->head, e);
	if (r == MP_OK)
		r = mp_spool_write(
		    &out->payload, payload->data, payload->len, e);
	if (r == MP_OK)
		mp_encode_tail(&out->tail);
out:
	if (r != MP_OK) {
		(void)mp_fail_in(e, "the message to %s cannot be made",
		    m->endpoint != NULL ? m->endpoint : "no endpoint");
		mp_sealed_release(out);
	}
	mp_buf_release(&clear);
	mp_buf_release(&packed);
	mp_buf_release(&header);
	return r;
}
