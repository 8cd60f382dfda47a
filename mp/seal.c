#include "mp/seal.h"

#include <string.h>

#include <openssl/crypto.h>

#include "mp/encode.h"
#include "mp/payload.h"

/* sha256WithRSAEncryption; SHA-1 has no name on the wire (wire-facts 3.2). */
#define OID_SHA256 "1.2.840.113549.1.1.11"

#define HEADER_MAX (1u << 20) /* bytes of a header in UTF-8 */

#define FLAGS_KNOWN                                                      \
	(MP_FLAG_NATIVE | MP_FLAG_SIGN | MP_FLAG_ENCRYPT | MP_FLAG_CRL | \
	    MP_FLAG_COMPRESS)

/* A message between the steps. */
struct work {
	const struct mp_identity *me;
	const struct mp_message *m;
	const struct mp_seal_config *cfg;
	struct mp_layout layout;
	uint8_t digest[EVP_MAX_MD_SIZE]; /* what PayloadSignature is over */
	size_t digestlen;
};

/* The documented rules of flag combinations (sdk-facts 2.1, 3). */
static int
check(const struct mp_message *m, const struct mp_seal_config *cfg,
    struct mp_error *e)
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
	if ((m->flags & MP_FLAG_ENCRYPT) &&
	    (cfg->recipients == NULL || cfg->recipients->n == 0))
		return mp_fail(e, MP_EARG,
		    "the message cannot be encrypted: no encryption "
		    "certificate of the management point was given; name the "
		    "certificates of all that may receive it");
	if ((m->flags & MP_FLAG_SIGN) &&
	    (m->source_id == NULL || !mp_smsid_valid(m->source_id)))
		return mp_fail(e, MP_EARG,
		    "a signed message needs the client's "
		    "SMSID, \"GUID:...\"; register first");
	return MP_OK;
}

/* From the clear bytes to those that are sent, and to what will be signed. */
static int
make_payload(struct work *w, struct mp_payload *p, struct mp_spool *out,
    struct mp_error *e)
{
	const struct mp_message *m = w->m;
	struct mp_payload_wish wish = {
	    .compress = (m->flags & MP_FLAG_COMPRESS) != 0,
	    .packer = w->me->packer,
	    .hashed = (m->flags & MP_FLAG_SIGN) != 0,
	    .hash = w->cfg->hash,
	    .max = w->cfg->payload_max};
	int r;

	if (wish.max == 0)
		wish.max = MP_PAYLOAD_MAX;
	if (wish.max > MP_SEALED_MAX)
		wish.max = MP_SEALED_MAX;
	if (m->flags & MP_FLAG_ENCRYPT)
		wish.encrypt = w->cfg->recipients;
	r = mp_payload_open(p, &wish, out, e);
	if (r == MP_OK)
		r = mp_encode_payload(m, &p->in, &w->layout, e);
	if (r == MP_OK)
		r = mp_payload_end(p, w->digest, &w->digestlen, e);
	return r;
}

/* The header, with the clientauth hook if the message is to be signed. */
static int
make_header(const struct work *w, struct mp_buf *xml, struct mp_error *e)
{
	enum mp_hash hash = w->cfg->hash;
	struct mp_clientauth auth = {.public_key = w->me->public_hex,
	    .hash_algorithm = hash == MP_SHA1 ? NULL : OID_SHA256};
	struct mp_buf id, sig;
	int r;

	if (!(w->m->flags & MP_FLAG_SIGN))
		return mp_encode_header(w->m, NULL, &w->layout, xml, e);
	mp_buf_init(&id, 2 * SIGNER_SIG_MAX);
	mp_buf_init(&sig, 2 * SIGNER_SIG_MAX);
	r = mp_identity_sign_id(w->me, hash, w->m->source_id, &id, e);
	if (r == MP_OK)
		r = mp_identity_sign_digest(
		    w->me, hash, w->digest, w->digestlen, &sig, e);
	if (r == MP_OK) {
		auth.client_id_signature = (const char *)id.data;
		auth.payload_signature = (const char *)sig.data;
		r = mp_encode_header(w->m, &auth, &w->layout, xml, e);
	}
	mp_buf_release(&id);
	mp_buf_release(&sig);
	return r;
}

int
mp_seal(const struct mp_identity *me, const struct mp_message *m,
    const struct mp_seal_config *cfg, struct mp_sealed *out, struct mp_error *e)
{
	struct work w = {.me = me, .m = m, .cfg = cfg};
	struct mp_payload payload = {0};
	struct mp_buf header;
	int r;

	mp_buf_init(&header, HEADER_MAX);
	out->payload.dir = cfg->spool_dir;
	if ((r = check(m, cfg, e)) != MP_OK ||
	    (r = make_payload(&w, &payload, &out->payload, e)) != MP_OK ||
	    (r = make_header(&w, &header, e)) != MP_OK ||
	    (r = mp_encode_head(&header, &out->head, e)) != MP_OK)
		goto out;
	if (m->flags & MP_FLAG_ENCRYPT)
		r = mp_envelope_head(&payload.envelope, &out->head, e);
	mp_encode_tail(&out->tail);
	if (r == MP_OK && !mp_buf_ok(&out->tail))
		r = mp_fail(e, MP_ENOMEM, "no memory for a message");
out:
	mp_payload_close(&payload);
	mp_layout_release(&w.layout);
	mp_buf_release(&header);
	OPENSSL_cleanse(w.digest, sizeof(w.digest));
	if (r != MP_OK) {
		mp_sealed_release(out);
		return mp_fail_in(e, "the message to %s cannot be made",
		    m->endpoint != NULL ? m->endpoint : "no endpoint");
	}
	return MP_OK;
}
