/*
 * Fields in a caller's buffer: big-endian numbers, fixed bytes, blobs and
 * strings with a 16-bit length before them. The first error sticks: reading
 * on gives zeros, writing on does nothing, and the caller asks once at the
 * end. Knows nothing of what the fields mean.
 */
#ifndef AGENT_WIRE_H
#define AGENT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire_reader {
	const uint8_t *p;
	size_t left;
	bool bad;
};

struct wire_writer {
	uint8_t *p;
	size_t len;
	size_t cap;
	bool bad;
};

void wire_read(struct wire_reader *r, const uint8_t *buf, size_t len);
uint8_t wire_get_u8(struct wire_reader *r);
uint16_t wire_get_u16(struct wire_reader *r);
uint32_t wire_get_u32(struct wire_reader *r);
uint64_t wire_get_u64(struct wire_reader *r);
void wire_get_bytes(struct wire_reader *r, uint8_t *out, size_t len);

/* Borrowed from the buffer being read; NULL and 0 if longer than max. */
const uint8_t *wire_get_blob(struct wire_reader *r, size_t max, size_t *len);

/* NUL-terminated into out; a NUL inside or too long a text is an error. */
void wire_get_str(struct wire_reader *r, char *out, size_t room);

/* Is everything read, and was it all well? */
bool wire_end(const struct wire_reader *r);

void wire_write(struct wire_writer *w, uint8_t *buf, size_t cap);
void wire_put_u8(struct wire_writer *w, uint8_t v);
void wire_put_u16(struct wire_writer *w, uint16_t v);
void wire_put_u32(struct wire_writer *w, uint32_t v);
void wire_put_u64(struct wire_writer *w, uint64_t v);
void wire_put_bytes(struct wire_writer *w, const uint8_t *p, size_t len);
void wire_put_blob(struct wire_writer *w, const uint8_t *p, size_t len);
void wire_put_str(struct wire_writer *w, const char *text);

/* Bytes written, or 0 if any write failed. */
size_t wire_len(const struct wire_writer *w);

#endif
