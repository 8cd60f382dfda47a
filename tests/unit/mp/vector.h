/*
 * The recorded exchanges of tests/vectors: files, their parts, and a signer
 * that gives exactly the signatures that were recorded. It has no key: it
 * answers only if the digest that it is asked to sign is the very one that
 * the recorded sender signed. A missing file ends the test program.
 */
#ifndef TESTS_UNIT_MP_VECTOR_H
#define TESTS_UNIT_MP_VECTOR_H

#include <openssl/x509.h>

#include "agent/signer.h"
#include "mp/buf.h"

#define VECTOR_SIGNATURES 4

struct vector {
	char content_type[128]; /* of the HTTP head */
	struct mp_buf body;     /* of the HTTP message */
	struct mp_buf header;   /* <Msg>, UTF-8; empty if no multipart */
	struct mp_buf payload;  /* as sent */
	struct mp_buf packed;   /* before encryption, with the lab's key */
	struct mp_buf clear;    /* decompressed */
	size_t body_len;        /* of clear; what follows is attachments */
	struct mp_buf xml;      /* of the body, UTF-8 */
};

/* name: "sdk/15-policy-request-https-pki/001-request" */
void vector_load(struct vector *v, const char *name);
void vector_release(struct vector *v);

/* The text between two marks of the header or the body; "" if not there. */
const char *vector_between(const struct mp_buf *text, const char *before,
    const char *after, char *out, size_t outlen);

X509 *vector_cert(const char *name); /* "sdk/client-pki.pem" */
EVP_PKEY *vector_key(const char *name);

struct vector_signer {
	X509 *cert;
	const char *hex[VECTOR_SIGNATURES]; /* as on the wire; borrowed */
	unsigned signs;
};

void vector_signer(struct vector_signer *vs, struct signer *out);

#endif
