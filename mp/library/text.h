/*
 * Strings that programs give us: checked, bounded, copied. Knows nothing of
 * what they mean.
 */
#ifndef MP_LIBRARY_TEXT_H
#define MP_LIBRARY_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <sealpoint/error.h>

/*
 * Puts a copy of value into *slot, freeing what was there. Refused, with
 * *slot as it was: more than max bytes with NUL, what is no UTF-8, control
 * characters. value NULL empties *slot if that is allowed. `what` names the
 * value in sentences.
 */
int text_take(char **slot, const char *value, size_t max, bool optional,
    const char *what, struct sealpoint_failure *why);

/* Equal, or both NULL. */
bool text_same(const char *a, const char *b);

/*
 * Copies len bytes to data, of which *len says the room; afterwards it says
 * how many. Too little room is SEALPOINT_ERR_ROOM, nothing copied.
 */
int text_give(const void *from, size_t n, void *to, size_t *len,
    const char *what, struct sealpoint_failure *why);

#endif
