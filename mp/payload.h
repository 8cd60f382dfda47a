/*
 * A payload on its way from clear bytes to those that are sent, a piece at a
 * time: compressed, hashed for the signature, encrypted, kept in a spool
 * (wire-facts 1.4, 7). What is to be encrypted is never kept in clear. Knows
 * neither message nor key.
 */
#ifndef MP_PAYLOAD_H
#define MP_PAYLOAD_H

#include "mp/envelope.h"
#include "mp/message.h"
#include "mp/sink.h"
#include "mp/spool.h"
#include "mp/zip.h"

struct mp_payload_wish {
	bool compress;
	struct mp_packer *packer; /* NULL, or what compresses quicker */
	bool hashed;
	enum mp_hash hash;
	const struct mp_recipients *encrypt; /* NULL: not */
	uint64_t max;                        /* clear bytes */
};

struct mp_payload {
	struct mp_sink in; /* put the clear bytes here */
	uint64_t size;     /* of the clear bytes so far */
	uint64_t max;
	struct mp_sink packed; /* where the compressor puts its bytes */
	struct mp_zip_stream *zip;
	EVP_MD_CTX *md;
	bool encrypted;
	struct mp_envelope envelope;
	struct mp_spool *out;
};

/* out is borrowed; p must stay where it is. Close it in any case. */
int mp_payload_open(struct mp_payload *p, const struct mp_payload_wish *wish,
    struct mp_spool *out, struct mp_error *e);

/* No more comes. digest, if hashed: of the bytes before encryption. */
int mp_payload_end(struct mp_payload *p, uint8_t digest[EVP_MAX_MD_SIZE],
    size_t *digestlen, struct mp_error *e);
void mp_payload_close(struct mp_payload *p);

#endif
