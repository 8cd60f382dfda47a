#include "agent/wire.h"

#include <string.h>

void
wire_read(struct wire_reader *r, const uint8_t *buf, size_t len)
{
	r->p = buf;
	r->left = len;
	r->bad = false;
}

/* The next len bytes, or NULL; the error sticks. */
static const uint8_t *
take(struct wire_reader *r, size_t len)
{
	const uint8_t *p = r->p;

	if (r->bad || len > r->left) {
		r->bad = true;
		return NULL;
	}
	r->p += len;
	r->left -= len;
	return p;
}

/* A big-endian number of len bytes. */
static uint64_t
number(struct wire_reader *r, size_t len)
{
	const uint8_t *p = take(r, len);
	uint64_t v = 0;

	if (p == NULL)
		return 0;
	for (size_t i = 0; i < len; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t
wire_get_u8(struct wire_reader *r)
{
	return (uint8_t)number(r, 1);
}

uint16_t
wire_get_u16(struct wire_reader *r)
{
	return (uint16_t)number(r, 2);
}

uint32_t
wire_get_u32(struct wire_reader *r)
{
	return (uint32_t)number(r, 4);
}

uint64_t
wire_get_u64(struct wire_reader *r)
{
	return number(r, 8);
}

void
wire_get_bytes(struct wire_reader *r, uint8_t *out, size_t len)
{
	const uint8_t *p = take(r, len);

	if (p == NULL)
		memset(out, 0, len);
	else
		memcpy(out, p, len);
}

const uint8_t *
wire_get_blob(struct wire_reader *r, size_t max, size_t *len)
{
	size_t n = wire_get_u16(r);
	const uint8_t *p;

	*len = 0;
	if (n > max)
		r->bad = true;
	p = take(r, n);
	if (p != NULL)
		*len = n;
	return p;
}

void
wire_get_str(struct wire_reader *r, char *out, size_t room)
{
	size_t len;
	const uint8_t *p = wire_get_blob(r, room - 1, &len);

	out[0] = '\0';
	if (p == NULL)
		return;
	if (memchr(p, '\0', len) != NULL) {
		r->bad = true;
		return;
	}
	memcpy(out, p, len);
	out[len] = '\0';
}

bool
wire_end(const struct wire_reader *r)
{
	return !r->bad && r->left == 0;
}

void
wire_write(struct wire_writer *w, uint8_t *buf, size_t cap)
{
	w->p = buf;
	w->len = 0;
	w->cap = cap;
	w->bad = false;
}

/* Room for len bytes, or NULL; the error sticks. */
static uint8_t *
room(struct wire_writer *w, size_t len)
{
	uint8_t *p;

	if (w->bad || len > w->cap - w->len) {
		w->bad = true;
		return NULL;
	}
	p = w->p + w->len;
	w->len += len;
	return p;
}

static void
put(struct wire_writer *w, uint64_t v, size_t len)
{
	uint8_t *p = room(w, len);

	if (p == NULL)
		return;
	for (size_t i = len; i-- > 0; v >>= 8)
		p[i] = (uint8_t)v;
}

void
wire_put_u8(struct wire_writer *w, uint8_t v)
{
	put(w, v, 1);
}

void
wire_put_u16(struct wire_writer *w, uint16_t v)
{
	put(w, v, 2);
}

void
wire_put_u32(struct wire_writer *w, uint32_t v)
{
	put(w, v, 4);
}

void
wire_put_u64(struct wire_writer *w, uint64_t v)
{
	put(w, v, 8);
}

void
wire_put_bytes(struct wire_writer *w, const uint8_t *p, size_t len)
{
	uint8_t *to = room(w, len);

	if (to != NULL && len != 0)
		memcpy(to, p, len);
}

void
wire_put_blob(struct wire_writer *w, const uint8_t *p, size_t len)
{
	if (len > UINT16_MAX) {
		w->bad = true;
		return;
	}
	wire_put_u16(w, (uint16_t)len);
	wire_put_bytes(w, p, len);
}

void
wire_put_str(struct wire_writer *w, const char *text)
{
	wire_put_blob(w, (const uint8_t *)text, strlen(text));
}

size_t
wire_len(const struct wire_writer *w)
{
	return w->bad ? 0 : w->len;
}
