#include "mp/zip.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#define ZLIB_CONST /* next_in points to const */
#include <zlib.h>

#define CHUNK 16384
#define PACKED 4096 /* bytes of a stream that are handed over at once */
/*
 * A signature takes half a millisecond. zlib's defaults take a third of that
 * for a small message, to make it 8 % smaller than these do, with the window
 * that the vendor's SDK has (its streams begin with 58 85: wire-facts 1.4).
 */
#define SMALL 65536 /* bytes */
#define SMALL_LEVEL 3
#define SMALL_WINDOW 13
#define SMALL_MEMORY 5

struct mp_zip_stream {
	z_stream z;
	const struct mp_sink *out;
	uint8_t chunk[PACKED];
};

static int
begin(z_stream *z, bool small)
{
	if (!small)
		return deflateInit(z, Z_DEFAULT_COMPRESSION);
	return deflateInit2(z, SMALL_LEVEL, Z_DEFLATED, SMALL_WINDOW,
	    SMALL_MEMORY, Z_DEFAULT_STRATEGY);
}

int
mp_zip_open(struct mp_zip_stream **zp, uint64_t expected,
    const struct mp_sink *out, struct mp_error *e)
{
	struct mp_zip_stream *s = calloc(1, sizeof(*s));

	*zp = NULL;
	if (s == NULL || begin(&s->z, expected <= SMALL) != Z_OK) {
		free(s);
		return mp_fail(e, MP_ENOMEM, "no memory to compress with");
	}
	s->out = out;
	s->z.next_out = s->chunk;
	s->z.avail_out = sizeof(s->chunk);
	*zp = s;
	return MP_OK;
}

void
mp_zip_close(struct mp_zip_stream *s)
{
	if (s == NULL)
		return;
	(void)deflateEnd(&s->z);
	OPENSSL_cleanse(s->chunk, sizeof(s->chunk));
	free(s);
}

/* Hands over what was made. */
static int
flush(struct mp_zip_stream *s, struct mp_error *e)
{
	size_t n = sizeof(s->chunk) - s->z.avail_out;

	s->z.next_out = s->chunk;
	s->z.avail_out = sizeof(s->chunk);
	return n > 0 ? s->out->put(s->out->ctx, s->chunk, n, e) : MP_OK;
}

int
mp_zip_add(
    struct mp_zip_stream *s, const void *data, size_t len, struct mp_error *e)
{
	const uint8_t *p = data;
	int r;

	while (len > 0) {
		uInt n = len > CHUNK ? CHUNK : (uInt)len;

		s->z.next_in = p;
		s->z.avail_in = n;
		while (s->z.avail_in > 0) {
			if (deflate(&s->z, Z_NO_FLUSH) != Z_OK)
				return mp_fail(
				    e, MP_ENOMEM, "the data do not compress");
			if (s->z.avail_out == 0 && (r = flush(s, e)) != MP_OK)
				return r;
		}
		p += n;
		len -= n;
	}
	return MP_OK;
}

int
mp_zip_end(struct mp_zip_stream *s, struct mp_error *e)
{
	int zr, r;

	do {
		zr = deflate(&s->z, Z_FINISH);
		r = flush(s, e);
	} while (r == MP_OK && zr == Z_OK);
	if (r == MP_OK && zr != Z_STREAM_END)
		r = mp_fail(e, MP_ENOMEM, "the data do not compress");
	return r;
}

static int
put_in_buf(void *ctx, const void *data, size_t len, struct mp_error *e)
{
	struct mp_buf *out = ctx;

	mp_buf_add(out, data, len);
	if (!mp_buf_ok(out))
		return mp_fail(
		    e, MP_ENOMEM, "no memory for the compressed payload");
	return MP_OK;
}

int
mp_zip(const uint8_t *data, size_t len, struct mp_buf *out, struct mp_error *e)
{
	const struct mp_sink to = {put_in_buf, out};
	struct mp_zip_stream *z;
	int r;

	r = mp_zip_open(&z, len, &to, e);
	if (r == MP_OK && (r = mp_zip_add(z, data, len, e)) == MP_OK)
		r = mp_zip_end(z, e);
	mp_zip_close(z);
	return r;
}

/* What follows a stream: nothing, or what a sender padded with. */
static bool
padding(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] != '\0' && data[i] != '\r' && data[i] != '\n')
			return false;
	return true;
}

/* Inflates until the stream ends or a limit is hit. */
static int
inflate_all(z_stream *z, size_t inlen, struct mp_buf *out, struct mp_error *e)
{
	uint8_t chunk[CHUNK];
	size_t total = 0;
	int r = MP_OK, zr;

	do {
		z->next_out = chunk;
		z->avail_out = sizeof(chunk);
		zr = inflate(z, Z_NO_FLUSH);
		if (zr != Z_OK && zr != Z_STREAM_END)
			break;
		total += sizeof(chunk) - z->avail_out;
		if (total > MP_ZIP_FREE && total / MP_ZIP_RATIO_MAX > inlen) {
			r = mp_fail(e, MP_ELIMIT,
			    "%zu compressed bytes expand "
			    "more than %u times, which no real message does",
			    inlen, MP_ZIP_RATIO_MAX);
			break;
		}
		mp_buf_add(out, chunk, sizeof(chunk) - z->avail_out);
		if (!mp_buf_ok(out)) {
			r = mp_fail(e, MP_ELIMIT,
			    "the compressed data expand "
			    "beyond the limit of %zu bytes",
			    out->max);
			break;
		}
	} while (zr == Z_OK);
	OPENSSL_cleanse(chunk, sizeof(chunk));
	if (r != MP_OK || zr == Z_STREAM_END)
		return r;
	if (zr == Z_BUF_ERROR)
		return mp_fail(e, MP_EREPLY,
		    "the compressed data end in the "
		    "middle (%zu bytes)",
		    inlen);
	return mp_fail(e, MP_EREPLY, "the compressed data are damaged: %s",
	    z->msg != NULL ? z->msg : zError(zr));
}

int
mp_unzip(
    const uint8_t *data, size_t len, struct mp_buf *out, struct mp_error *e)
{
	z_stream z = {0};
	int r;

	if (len > UINT_MAX)
		return mp_fail(e, MP_ELIMIT,
		    "compressed data of %zu bytes are too long", len);
	if (inflateInit(&z) != Z_OK)
		return mp_fail(e, MP_ENOMEM, "no memory to decompress with");
	z.next_in = data;
	z.avail_in = (uInt)len;
	r = inflate_all(&z, len, out, e);
	if (r == MP_OK && !padding(data + len - z.avail_in, z.avail_in))
		r = mp_fail(e, MP_EREPLY,
		    "%u bytes follow the end of the "
		    "compressed data",
		    z.avail_in);
	(void)inflateEnd(&z);
	if (r != MP_OK)
		mp_buf_clear(out);
	return r;
}
