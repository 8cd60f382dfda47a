/*
 * Any bytes as a management point's answer: the first line is the HTTP field
 * Content-Type, the rest the body. What is taken apart lies within bounds,
 * and its payload is decompressed and decoded.
 */
#include <stdlib.h>
#include <string.h>

#include "mp/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *end = len == 0 ? NULL : memchr(data, '\n', len);
	struct mp_error e = {0};
	struct mp_reply r;
	struct mp_buf xml;
	char type[256] = "";
	size_t n;

	if (end == NULL || (n = (size_t)(end - data)) >= sizeof(type))
		return 0;
	memcpy(type, data, n);
	if (mp_reply_parse(
		&r, n == 0 ? NULL : type, end + 1, len - n - 1, &e) != MP_OK) {
		if (e.text[0] == '\0')
			abort();
		return 0;
	}
	if (r.payload_len > len || (r.signed_ && r.signature == NULL))
		abort();
	mp_buf_init(&xml, 1u << 20);
	if (mp_reply_body(&r, &xml, &e) == MP_OK &&
	    strlen((const char *)xml.data) != xml.len)
		abort();
	mp_buf_release(&xml);
	mp_reply_release(&r);
	return 0;
}
