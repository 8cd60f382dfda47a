#include "mp/payload.h"

#include <string.h>

#include "mp/reason.h"

#define PIECE 16384 /* bytes that are encrypted at once */

static int
put_secret(
    struct mp_payload *p, const uint8_t *data, size_t len, struct mp_error *e)
{
	uint8_t secret[PIECE + MP_ENVELOPE_BLOCK];
	size_t n, m;
	int r = MP_OK;

	for (; r == MP_OK && len > 0; data += n, len -= n) {
		n = len < PIECE ? len : PIECE;
		r = mp_envelope_add(&p->envelope, data, n, secret, &m, e);
		if (r == MP_OK)
			r = mp_spool_write(p->out, secret, m, e);
	}
	return r;
}

/* The last step: to the spool, in the clear or not. */
static int
keep(struct mp_payload *p, const uint8_t *data, size_t len, struct mp_error *e)
{
	return p->encrypted ? put_secret(p, data, len, e)
			    : mp_spool_write(p->out, data, len, e);
}

/* What came out of compression, or never went there. */
static int
put_packed(void *ctx, const void *data, size_t len, struct mp_error *e)
{
	struct mp_payload *p = ctx;

	if (p->md != NULL && EVP_DigestUpdate(p->md, data, len) != 1)
		return mp_fail(e, MP_ENOMEM,
		    "the message cannot be hashed (%s)", mp_reason_openssl());
	return keep(p, data, len, e);
}

static int
put_clear(void *ctx, const void *data, size_t len, struct mp_error *e)
{
	struct mp_payload *p = ctx;

	if (len > p->max - p->size)
		return mp_fail(e, MP_ELIMIT,
		    "it is larger than the limit of %llu bytes; send less at "
		    "once, or raise the limit (--max-upload)",
		    (unsigned long long)p->max);
	p->size += len;
	if (p->zip != NULL)
		return mp_zip_add(p->zip, data, len, e);
	return put_packed(p, data, len, e);
}

int
mp_payload_open(struct mp_payload *p, const struct mp_payload_wish *wish,
    struct mp_spool *out, struct mp_error *e)
{
	int r = MP_OK;

	memset(p, 0, sizeof(*p));
	p->in = (struct mp_sink){put_clear, p};
	p->packed = (struct mp_sink){put_packed, p};
	p->max = wish->max;
	p->out = out;
	if (wish->hashed) {
		p->md = EVP_MD_CTX_new();
		if (p->md == NULL ||
		    EVP_DigestInit_ex(p->md,
			wish->hash == MP_SHA1 ? EVP_sha1() : EVP_sha256(),
			NULL) != 1)
			r = mp_fail(e, MP_ENOMEM,
			    "the message cannot be hashed (%s)",
			    mp_reason_openssl());
	}
	if (r == MP_OK && wish->compress)
		r = mp_zip_open(&p->zip, wish->packer, &p->packed, e);
	if (r == MP_OK && wish->encrypt != NULL) {
		r = mp_envelope_open(&p->envelope, wish->encrypt, e);
		p->encrypted = r == MP_OK;
	}
	return r;
}

int
mp_payload_end(struct mp_payload *p, uint8_t digest[EVP_MAX_MD_SIZE],
    size_t *digestlen, struct mp_error *e)
{
	uint8_t last[MP_ENVELOPE_BLOCK];
	unsigned len = 0;
	size_t n;
	int r = MP_OK;

	*digestlen = 0;
	if (p->zip != NULL)
		r = mp_zip_end(p->zip, e);
	if (r == MP_OK && p->md != NULL) {
		if (EVP_DigestFinal_ex(p->md, digest, &len) != 1)
			r = mp_fail(e, MP_ENOMEM,
			    "the message cannot be hashed (%s)",
			    mp_reason_openssl());
		*digestlen = len;
	}
	if (r == MP_OK && p->encrypted) {
		r = mp_envelope_end(&p->envelope, last, &n, e);
		if (r == MP_OK)
			r = mp_spool_write(p->out, last, n, e);
	}
	return r;
}

void
mp_payload_close(struct mp_payload *p)
{
	mp_zip_close(p->zip);
	p->zip = NULL;
	EVP_MD_CTX_free(p->md);
	p->md = NULL;
	if (p->encrypted)
		mp_envelope_close(&p->envelope);
	p->encrypted = false;
}
