#include "mp/sealed.h"

#include <string.h>

#define HEAD_MAX (4u << 20) /* bytes: a header in UTF-16, and what else */
#define TAIL_MAX 1024

void
mp_sealed_init(struct mp_sealed *s)
{
	mp_buf_init(&s->head, HEAD_MAX);
	mp_spool_init(&s->payload, MP_SEALED_MAX);
	mp_buf_init(&s->tail, TAIL_MAX);
	s->at = 0;
}

void
mp_sealed_release(struct mp_sealed *s)
{
	if (s == NULL)
		return;
	mp_buf_release(&s->head);
	mp_spool_release(&s->payload);
	mp_buf_release(&s->tail);
	s->at = 0;
}

uint64_t
mp_sealed_size(const struct mp_sealed *s)
{
	return s->head.len + s->payload.size + s->tail.len;
}

static size_t
copy(const struct mp_buf *from, uint64_t at, uint8_t *data, size_t room)
{
	size_t left = from->len - (size_t)at;

	if (left < room)
		room = left;
	if (room > 0)
		memcpy(data, from->data + at, room);
	return room;
}

int
mp_sealed_read(struct mp_sealed *s, void *data, size_t *len, struct mp_error *e)
{
	uint8_t *p = data;
	size_t room = *len, n;
	int r;

	*len = 0;
	while (*len < room && s->at < mp_sealed_size(s)) {
		n = room - *len;
		if (s->at < s->head.len) {
			n = copy(&s->head, s->at, p + *len, n);
		} else if (s->at < s->head.len + s->payload.size) {
			r = mp_spool_read(&s->payload, p + *len, &n, e);
			if (r != MP_OK) {
				*len = 0;
				return r;
			}
		} else {
			n = copy(&s->tail,
			    s->at - s->head.len - s->payload.size, p + *len, n);
		}
		*len += n;
		s->at += n;
	}
	return MP_OK;
}

void
mp_sealed_rewind(struct mp_sealed *s)
{
	s->at = 0;
	mp_spool_rewind(&s->payload);
}
