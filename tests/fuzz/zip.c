/*
 * Any bytes as a zlib stream. What we unpack, zlib unpacks to the same; what
 * we pack, we unpack again; nothing grows beyond its limits. The mutator
 * changes what is inside, and packs it anew: else checksums keep it out.
 */
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "mp/zip.h"

#define CLEAR_MAX (1u << 21)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
size_t LLVMFuzzerMutate(uint8_t *data, size_t len, size_t max);
size_t LLVMFuzzerCustomMutator(
    uint8_t *data, size_t len, size_t max, unsigned seed);

static uint8_t clear[CLEAR_MAX];

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max, unsigned seed)
{
	uLongf n = 65536, packed = (uLongf)max;

	if (seed % 2 == 0 || uncompress(clear, &n, data, len) != Z_OK)
		return LLVMFuzzerMutate(data, len, max);
	n = LLVMFuzzerMutate(clear, n, 65536);
	if (compress2(data, &packed, clear, n, (int)(seed / 2 % 10)) != Z_OK)
		return LLVMFuzzerMutate(data, len, max);
	return packed;
}

static void
unpack(const uint8_t *data, size_t len)
{
	uLongf n = sizeof(clear), used = len;
	struct mp_buf out;
	int theirs = uncompress2(clear, &n, data, &used);

	mp_buf_init(&out, sizeof(clear));
	if (mp_unzip(data, len, &out, NULL) == MP_OK) {
		if (theirs != Z_OK || n != out.len ||
		    (n != 0 && memcmp(clear, out.data, n) != 0))
			abort();
		if (n > MP_ZIP_FREE && n > len * MP_ZIP_RATIO_MAX + MP_ZIP_FREE)
			abort();
	}
	mp_buf_release(&out);
}

static void
repack(const uint8_t *data, size_t len)
{
	struct mp_buf packed, out;

	mp_buf_init(&packed, CLEAR_MAX);
	mp_buf_init(&out, CLEAR_MAX);
	if (mp_zip(data, len, &packed, NULL) != MP_OK ||
	    mp_unzip(packed.data, packed.len, &out, NULL) != MP_OK ||
	    out.len != len || (len != 0 && memcmp(out.data, data, len) != 0))
		abort();
	mp_buf_release(&packed);
	mp_buf_release(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	unpack(data, len);
	repack(data, len);
	return 0;
}
