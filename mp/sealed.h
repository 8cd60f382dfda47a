/*
 * A message as it goes over HTTP: frame and header, the payload, the frame's
 * end. Made by mp_seal(), read from its start as often as wanted. Knows
 * nothing of how it was sealed.
 */
#ifndef MP_SEALED_H
#define MP_SEALED_H

#include "mp/buf.h"
#include "mp/error.h"
#include "mp/spool.h"

struct mp_sealed {
	struct mp_buf head;
	struct mp_spool payload;
	struct mp_buf tail;
	uint64_t at; /* where the next read starts */
};

#define MP_SEALED_MAX (1u << 30) /* bytes of a payload at the very most */

void mp_sealed_init(struct mp_sealed *s);
void mp_sealed_release(struct mp_sealed *s); /* NULL-safe; wipes memory */

uint64_t mp_sealed_size(const struct mp_sealed *s);

/* Reads on from where the last read ended; *len: room, then bytes (0: end). */
int mp_sealed_read(
    struct mp_sealed *s, void *data, size_t *len, struct mp_error *e);
void mp_sealed_rewind(struct mp_sealed *s);

#endif
