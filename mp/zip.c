#include "mp/zip.h"

#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>
#define ZLIB_CONST /* next_in points to const */
#include <zlib.h>

#define CHUNK 16384

int
mp_zip(const uint8_t *data, size_t len, struct mp_buf *out, struct mp_error *e)
{
	uint8_t chunk[CHUNK];
	z_stream z = {0};
	int r;

	if (len > UINT_MAX)
		return mp_fail(e, MP_ELIMIT,
		    "a payload of %zu bytes is too long to be compressed", len);
	if (deflateInit(&z, Z_DEFAULT_COMPRESSION) != Z_OK)
		return mp_fail(e, MP_ENOMEM, "no memory to compress with");
	z.next_in = data;
	z.avail_in = (uInt)len;
	do {
		z.next_out = chunk;
		z.avail_out = sizeof(chunk);
		r = deflate(&z, Z_FINISH);
		mp_buf_add(out, chunk, sizeof(chunk) - z.avail_out);
	} while (r == Z_OK);
	(void)deflateEnd(&z);
	OPENSSL_cleanse(chunk, sizeof(chunk));
	if (r != Z_STREAM_END || !mp_buf_ok(out))
		return mp_fail(
		    e, MP_ENOMEM, "no memory for the compressed payload");
	return MP_OK;
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
