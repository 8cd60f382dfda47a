#include "mp/zip.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#define ZLIB_CONST /* next_in points to const */
#include <zlib.h>

#define CHUNK 16384
#define PACKED 4096 /* bytes of a stream that are handed over at once */
#define SMALL 65536 /* bytes that are kept until more come, or the end */
#define MORE 64     /* bytes that often come after the first piece */

struct mp_zip_stream {
	const struct mp_sink *out;
	struct mp_packer *packer;
	z_stream z;
	bool streaming; /* z is in use: more came than is kept */
	uint8_t chunk[PACKED];
	struct mp_buf small;
};

int
mp_zip_open(struct mp_zip_stream **zp, struct mp_packer *packer,
    const struct mp_sink *out, struct mp_error *e)
{
	struct mp_zip_stream *s = calloc(1, sizeof(*s));

	*zp = s;
	if (s == NULL)
		return mp_fail(e, MP_ENOMEM, "no memory to compress with");
	mp_buf_init(&s->small, SMALL);
	s->out = out;
	s->packer = packer;
	return MP_OK;
}

void
mp_zip_close(struct mp_zip_stream *s)
{
	if (s == NULL)
		return;
	if (s->streaming)
		(void)deflateEnd(&s->z);
	explicit_bzero(s->chunk, sizeof(s->chunk));
	mp_buf_release(&s->small);
	free(s);
}

static int
broken(struct mp_error *e)
{
	return mp_fail(e, MP_ENOMEM, "the data do not compress");
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

static int
stream(
    struct mp_zip_stream *s, const uint8_t *p, size_t len, struct mp_error *e)
{
	int r;

	while (len > 0) {
		uInt n = len > CHUNK ? CHUNK : (uInt)len;

		s->z.next_in = p;
		s->z.avail_in = n;
		while (s->z.avail_in > 0) {
			if (deflate(&s->z, Z_NO_FLUSH) != Z_OK)
				return broken(e);
			if (s->z.avail_out == 0 && (r = flush(s, e)) != MP_OK)
				return r;
		}
		p += n;
		len -= n;
	}
	return MP_OK;
}

/* From here on a piece at a time; what was kept goes first. */
static int
begin(struct mp_zip_stream *s, struct mp_error *e)
{
	if (deflateInit(&s->z, Z_DEFAULT_COMPRESSION) != Z_OK)
		return mp_fail(e, MP_ENOMEM, "no memory to compress with");
	s->streaming = true;
	s->z.next_out = s->chunk;
	s->z.avail_out = sizeof(s->chunk);
	return stream(s, s->small.data, s->small.len, e);
}

int
mp_zip_add(
    struct mp_zip_stream *s, const void *data, size_t len, struct mp_error *e)
{
	int r = MP_OK;

	if (!s->streaming && len <= SMALL - s->small.len) {
		if (s->small.len == 0)
			mp_buf_reserve(&s->small, len + MORE);
		mp_buf_add(&s->small, data, len);
		return mp_buf_ok(&s->small) ? MP_OK : broken(e);
	}
	if (!s->streaming)
		r = begin(s, e);
	return r == MP_OK ? stream(s, data, len, e) : r;
}

int
mp_zip_end(struct mp_zip_stream *s, struct mp_error *e)
{
	int zr, r;

	if (!s->streaming)
		return mp_packer_pack(
		    s->packer, s->small.data, s->small.len, s->out, e);
	do {
		zr = deflate(&s->z, Z_FINISH);
		r = flush(s, e);
	} while (r == MP_OK && zr == Z_OK);
	return r == MP_OK && zr != Z_STREAM_END ? broken(e) : r;
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

	r = mp_zip_open(&z, NULL, &to, e);
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
