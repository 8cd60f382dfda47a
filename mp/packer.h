/*
 * Packs what is small, and all there, into a zlib stream: quicker than a
 * stream that grows (mp/zip.h). Keeps a few compressors between messages,
 * because making one costs as much as using it. Knows nothing of messages.
 */
#ifndef MP_PACKER_H
#define MP_PACKER_H

#include <stddef.h>
#include <stdint.h>

#include "mp/error.h"
#include "mp/sink.h"

struct mp_packer; /* any number of threads may use one at once */

struct mp_packer *mp_packer_new(void);    /* NULL: no memory */
void mp_packer_free(struct mp_packer *p); /* NULL-safe */

/* The stream goes to out in one piece. p may be NULL: nothing is kept. */
int mp_packer_pack(struct mp_packer *p, const uint8_t *data, size_t len,
    const struct mp_sink *out, struct mp_error *e);

#endif
