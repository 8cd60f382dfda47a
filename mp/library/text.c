#include "mp/library/text.h"

#include <stdlib.h>
#include <string.h>

#include "mp/buf.h"
#include "mp/library/failure.h"
#include "mp/utf16.h"

static bool
plain(const char *value, size_t len)
{
	struct mp_buf wide;
	bool fine;

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)value[i] < ' ' || value[i] == 0x7F)
			return false;
	mp_buf_init(&wide, 2 * len + 2);
	fine = mp_utf16_add(&wide, value, len, NULL) == 0 && mp_buf_ok(&wide);
	mp_buf_release(&wide);
	return fine;
}

int
text_take(char **slot, const char *value, size_t max, bool optional,
    const char *what, struct sealpoint_failure *why)
{
	char *copy = NULL;
	size_t len;

	if (value == NULL && !optional)
		return failure_missing(why, what);
	if (value != NULL) {
		len = strnlen(value, max);
		if (len == max)
			return failure_set(why, SEALPOINT_ERR_LIMIT,
			    "%s is too long: %zu bytes are the most", what,
			    max - 1);
		if (len == 0 || !plain(value, len))
			return failure_set(why, SEALPOINT_ERR_ARGUMENT,
			    "%s is empty, or no UTF-8, or has control "
			    "characters; give one line of text",
			    what);
		copy = strdup(value);
		if (copy == NULL)
			return failure_memory(why);
	}
	free(*slot);
	*slot = copy;
	return SEALPOINT_OK;
}

bool
text_same(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a, b) == 0;
}

int
text_give(const void *from, size_t n, void *to, size_t *len, const char *what,
    struct sealpoint_failure *why)
{
	size_t room;

	if (len == NULL)
		return failure_missing(why, "the place for the length");
	room = *len;
	*len = n;
	if (n > room)
		return failure_set(why, SEALPOINT_ERR_ROOM,
		    "%s has %zu bytes, and there is room for %zu; give a "
		    "larger buffer",
		    what, n, room);
	if (n == 0)
		return SEALPOINT_OK;
	if (to == NULL) {
		*len = 0;
		return failure_missing(why, "the buffer");
	}
	memcpy(to, from, n);
	return SEALPOINT_OK;
}
