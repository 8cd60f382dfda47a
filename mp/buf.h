/*
 * A buffer that grows up to a maximum it is created with. The first failure
 * (too big, no memory) sticks: later appends do nothing, and the caller asks
 * once at the end. Knows nothing of what it holds; wiped when released.
 */
#ifndef MP_BUF_H
#define MP_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mp_buf {
	uint8_t *data; /* followed by a NUL that len does not count */
	size_t len;
	size_t cap;
	size_t max;
	bool failed;
};

void mp_buf_init(struct mp_buf *b, size_t max);
void mp_buf_release(struct mp_buf *b); /* NULL-safe; wipes */
void mp_buf_clear(struct mp_buf *b);   /* empties and forgives; max stays */
/* Room for `more` bytes at once, if that can be; a hint that never fails. */
void mp_buf_reserve(struct mp_buf *b, size_t more);
void mp_buf_add(struct mp_buf *b, const void *data, size_t len);
void mp_buf_str(struct mp_buf *b, const char *text);
void mp_buf_printf(struct mp_buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
bool mp_buf_ok(const struct mp_buf *b);

#endif
