#include "mp/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST 256 /* bytes of the first allocation */

void
mp_buf_init(struct mp_buf *b, size_t max)
{
	memset(b, 0, sizeof(*b));
	b->max = max;
}

void
mp_buf_release(struct mp_buf *b)
{
	if (b == NULL)
		return;
	if (b->data != NULL)
		explicit_bzero(b->data, b->cap);
	free(b->data);
	b->data = NULL;
	b->len = b->cap = 0;
}

void
mp_buf_clear(struct mp_buf *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->cap);
	b->len = 0;
	b->failed = false;
}

/*
 * Room for `more` bytes and the NUL. No realloc(): it could leave an unwiped
 * copy behind.
 */
static bool
grow(struct mp_buf *b, size_t more)
{
	uint8_t *data;
	size_t cap;

	if (more > b->max - b->len || b->max == SIZE_MAX)
		return false;
	if (b->cap > b->len + more)
		return true;
	cap = b->cap > b->max / 2 ? b->max + 1 : 2 * b->cap;
	if (cap < BUF_FIRST && b->max >= BUF_FIRST)
		cap = BUF_FIRST;
	if (cap < b->len + more + 1)
		cap = b->len + more + 1;
	data = malloc(cap);
	if (data == NULL)
		return false;
	if (b->data != NULL) {
		memcpy(data, b->data, b->len);
		explicit_bzero(b->data, b->cap);
		free(b->data);
	}
	b->data = data;
	b->cap = cap;
	return true;
}

void
mp_buf_reserve(struct mp_buf *b, size_t more)
{
	if (!b->failed)
		(void)grow(b, more);
}

void
mp_buf_add(struct mp_buf *b, const void *data, size_t len)
{
	if (b->failed)
		return;
	if (!grow(b, len)) {
		b->failed = true;
		return;
	}
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void
mp_buf_str(struct mp_buf *b, const char *text)
{
	mp_buf_add(b, text, strlen(text));
}

void
mp_buf_printf(struct mp_buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (b->failed)
		return;
	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !grow(b, (size_t)n)) {
		b->failed = true;
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

bool
mp_buf_ok(const struct mp_buf *b)
{
	return !b->failed;
}
