#include "tests/unit/mp/vector.h"

#include <err.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "mp/cms.h"
#include "mp/hex.h"
#include "mp/multipart.h"
#include "mp/utf16.h"
#include "mp/zip.h"

static void
read_file(const char *name, const char *suffix, struct mp_buf *out)
{
	char path[PATH_MAX], chunk[4096];
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s%s", VECTOR_DIR, name, suffix);
	f = fopen(path, "rb");
	if (f == NULL)
		err(1, "%s", path);
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		mp_buf_add(out, chunk, n);
	(void)fclose(f);
}

/* The head's Content-Type, and the body after the head. */
static void
split_http(struct vector *v, const struct mp_buf *all)
{
	static const char field[] = "\nContent-Type: ";
	const uint8_t *end = memmem(all->data, all->len, "\r\n\r\n", 4);
	const char *type;

	if (end == NULL)
		errx(1, "a vector without an HTTP head");
	type = memmem(
	    all->data, (size_t)(end - all->data), field, sizeof(field) - 1);
	if (type != NULL) {
		type += sizeof(field) - 1;
		(void)snprintf(v->content_type, sizeof(v->content_type), "%.*s",
		    (int)strcspn(type, "\r"), type);
	}
	end += 4;
	mp_buf_add(&v->body, end, all->len - (size_t)(end - all->data));
}

/* What only the lab's management point can read. */
static void
decrypt(struct vector *v, const char *name)
{
	EVP_PKEY *key = vector_key("sdk/mp-enc-LABKEY.key");
	X509 *cert = vector_cert("sdk/mp-enc.pem");

	if (mp_cms_open(v->payload.data, v->payload.len, key, cert, &v->packed,
		NULL) != MP_OK)
		errx(1, "%s: cannot be decrypted", name);
	EVP_PKEY_free(key);
	X509_free(cert);
}

/* All of it, unless attachments follow. */
static void
find_body(struct vector *v)
{
	char len[32];

	v->body_len = v->clear.len;
	if (strstr((char *)v->header.data, "<Attachment ") == NULL)
		return;
	(void)vector_between(&v->header, "<Body Type=\"ByteRange\" Length=\"",
	    "\"", len, sizeof(len));
	v->body_len = strtoul(len, NULL, 10);
	if (v->body_len > v->clear.len)
		errx(1, "a body that goes on after its end");
}

void
vector_load(struct vector *v, const char *name)
{
	struct mp_parts parts;
	struct mp_buf all;

	memset(v, 0, sizeof(*v));
	mp_buf_init(&all, 1 << 20);
	mp_buf_init(&v->body, 1 << 20);
	mp_buf_init(&v->header, 1 << 20);
	mp_buf_init(&v->payload, 1 << 20);
	mp_buf_init(&v->packed, 1 << 20);
	mp_buf_init(&v->clear, 1 << 20);
	mp_buf_init(&v->xml, 1 << 20);
	read_file(name, ".http", &all);
	split_http(v, &all);
	mp_buf_release(&all);
	if (strncmp(v->content_type, "multipart/", 10) != 0)
		return;
	if (mp_multipart_parse(v->content_type, v->body.data, v->body.len,
		&parts, NULL) != MP_OK ||
	    parts.count != 2 ||
	    mp_text_to_utf8(parts.list[0].data, parts.list[0].len, &v->header,
		NULL) != MP_OK)
		errx(1, "%s: not the parts of a message", name);
	mp_buf_add(&v->payload, parts.list[1].data, parts.list[1].len);
	if (strstr((char *)v->header.data, "\"encrypt\"") != NULL)
		decrypt(v, name);
	else
		mp_buf_add(&v->packed, v->payload.data, v->payload.len);
	if (mp_unzip(v->packed.data, v->packed.len, &v->clear, NULL) != MP_OK)
		errx(1, "%s: not a compressed payload", name);
	find_body(v);
	if (mp_text_to_utf8(v->clear.data, v->body_len, &v->xml, NULL) != MP_OK)
		errx(1, "%s: not a body", name);
}

void
vector_release(struct vector *v)
{
	mp_buf_release(&v->body);
	mp_buf_release(&v->header);
	mp_buf_release(&v->payload);
	mp_buf_release(&v->packed);
	mp_buf_release(&v->clear);
	mp_buf_release(&v->xml);
}

const char *
vector_between(const struct mp_buf *text, const char *before, const char *after,
    char *out, size_t outlen)
{
	const char *from = strstr((const char *)text->data, before), *to;

	out[0] = '\0';
	if (from == NULL)
		return out;
	from += strlen(before);
	to = strstr(from, after);
	if (to != NULL && (size_t)(to - from) < outlen)
		(void)snprintf(out, outlen, "%.*s", (int)(to - from), from);
	return out;
}

X509 *
vector_cert(const char *name)
{
	struct mp_buf pem;
	X509 *cert;
	BIO *bio;

	mp_buf_init(&pem, 1 << 16);
	read_file(name, "", &pem);
	bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	cert = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (cert == NULL)
		errx(1, "%s: no certificate", name);
	BIO_free(bio);
	mp_buf_release(&pem);
	return cert;
}

EVP_PKEY *
vector_key(const char *name)
{
	struct mp_buf pem;
	EVP_PKEY *key;
	BIO *bio;

	mp_buf_init(&pem, 1 << 16);
	read_file(name, "", &pem);
	bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	key =
	    bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	if (key == NULL)
		errx(1, "%s: no key", name);
	BIO_free(bio);
	mp_buf_release(&pem);
	return key;
}

static int
find(void *ctx, const uint8_t *thumb, size_t thumblen,
    struct signer_identity *id, struct signer_trouble *why)
{
	struct vector_signer *vs = ctx;

	(void)thumb;
	(void)thumblen;
	(void)why;
	id->type = SIGNER_KEY_RSA;
	id->bits = 2048;
	id->mechs = SIGNER_MECH(SIGNER_RSA_PKCS1);
	id->uses = SIGNER_USE_SIGN;
	(void)snprintf(id->token, sizeof(id->token), "recorded");
	(void)X509_digest(vs->cert, EVP_sha1(), id->sha1, NULL);
	(void)X509_digest(vs->cert, EVP_sha256(), id->sha256, NULL);
	return SIGNER_OK;
}

static int
certificate(void *ctx, const uint8_t key[SIGNER_SHA256_LEN], unsigned depth,
    uint8_t *der, size_t *len, struct signer_trouble *why)
{
	struct vector_signer *vs = ctx;
	uint8_t *p = der;

	(void)key;
	if (depth > 0)
		return signer_fail(why, SIGNER_ENOKEY, "no chain");
	*len = (size_t)i2d_X509(vs->cert, &p);
	return SIGNER_OK;
}

/* Is sig the signature of what is to be signed, by the recorded key? */
static bool
fits(struct vector_signer *vs, const struct signer_sign *what,
    const uint8_t *sig, size_t siglen)
{
	const EVP_MD *md =
	    what->hash == SIGNER_SHA1 ? EVP_sha1() : EVP_sha256();
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(X509_get0_pubkey(vs->cert), NULL);
	bool ok;

	ok = c != NULL && EVP_PKEY_verify_init(c) > 0 &&
	     EVP_PKEY_CTX_set_signature_md(c, md) > 0 &&
	     EVP_PKEY_verify(c, sig, siglen, what->data, what->len) == 1;
	EVP_PKEY_CTX_free(c);
	ERR_clear_error();
	return ok;
}

static int
sign(void *ctx, const uint8_t key[SIGNER_SHA256_LEN],
    const struct signer_sign *what, uint8_t *sig, size_t *siglen,
    struct signer_trouble *why)
{
	struct vector_signer *vs = ctx;
	int r = SIGNER_EDATA;

	(void)key;
	vs->signs++;
	for (unsigned i = 0; r != SIGNER_OK && i < VECTOR_SIGNATURES; i++) {
		struct mp_buf raw;

		if (vs->hex[i] == NULL)
			continue;
		mp_buf_init(&raw, *siglen);
		if (!mp_hex_decode(vs->hex[i], strlen(vs->hex[i]), &raw))
			errx(1, "a recorded signature is not hexadecimal");
		for (size_t k = 0; k < raw.len; k++)
			sig[k] = raw.data[raw.len - 1 - k];
		if (fits(vs, what, sig, raw.len)) {
			*siglen = raw.len;
			r = SIGNER_OK;
		}
		mp_buf_release(&raw);
	}
	return r == SIGNER_OK ? r
			      : signer_fail(why, r,
				    "nobody recorded a "
				    "signature over this");
}

void
vector_signer(struct vector_signer *vs, struct signer *out)
{
	static const struct signer_ops ops = {
	    .name = "recorded",
	    .find = find,
	    .certificate = certificate,
	    .sign = sign,
	};

	vs->signs = 0;
	out->ops = &ops;
	out->ctx = vs;
}
