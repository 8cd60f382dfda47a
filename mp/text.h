/*
 * XML text on its way from UTF-8 to UTF-16LE, a piece at a time, in bounded
 * memory. Refuses what XML 1.0 or UTF-16 cannot hold. Knows no message.
 */
#ifndef MP_TEXT_H
#define MP_TEXT_H

#include <stdint.h>

#include "mp/buf.h"
#include "mp/sink.h"

#define MP_TEXT_PIECE 16384 /* bytes of UTF-8 */

struct mp_text {
	const struct mp_sink *out; /* borrowed */
	struct mp_buf wide;
	uint64_t taken;   /* bytes of UTF-8 */
	uint64_t written; /* bytes of UTF-16 */
};

void mp_text_init(struct mp_text *t, const struct mp_sink *out);
void mp_text_release(struct mp_text *t);

/*
 * Takes what it can of len bytes. *used: how many; the rest, a character
 * that is not whole, comes again before what follows it, unless `last`.
 */
int mp_text_put(struct mp_text *t, const uint8_t *data, size_t len, bool last,
    size_t *used, struct mp_error *e);

#endif
