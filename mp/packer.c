#include "mp/packer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <isa-l/igzip_lib.h>

#define SPARES 4 /* of some 105 KiB each; more threads make their own */

/*
 * Takes a quarter of the time of zlib's fastest level, and makes no more
 * bytes of it; a tenth more than zlib's usual level, which is some hundred.
 */
#define LEVEL 1
#define LEVEL_BUF ISAL_DEF_LVL1_MIN

/* The smallest stream: header, an empty block, a block's ends, checksum. */
#define STREAM_MIN 64

struct compressor {
	struct isal_zstream z;
	uint8_t level_buf[LEVEL_BUF]; /* holds text of the message */
};

struct mp_packer {
	pthread_mutex_t lock;
	struct compressor *spare[SPARES];
	unsigned n;
};

struct mp_packer *
mp_packer_new(void)
{
	struct mp_packer *p = calloc(1, sizeof(*p));

	if (p != NULL && pthread_mutex_init(&p->lock, NULL) != 0) {
		free(p);
		return NULL;
	}
	return p;
}

void
mp_packer_free(struct mp_packer *p)
{
	if (p == NULL)
		return;
	while (p->n > 0)
		free(p->spare[--p->n]);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

static struct compressor *
take(struct mp_packer *p)
{
	struct compressor *c = NULL;

	if (p != NULL) {
		(void)pthread_mutex_lock(&p->lock);
		if (p->n > 0)
			c = p->spare[--p->n];
		(void)pthread_mutex_unlock(&p->lock);
	}
	return c != NULL ? c : calloc(1, sizeof(*c));
}

static void
give_back(struct mp_packer *p, struct compressor *c)
{
	if (c == NULL)
		return;
	explicit_bzero(c->level_buf, sizeof(c->level_buf));
	if (p != NULL) {
		(void)pthread_mutex_lock(&p->lock);
		if (p->n < SPARES) {
			p->spare[p->n++] = c;
			c = NULL;
		}
		(void)pthread_mutex_unlock(&p->lock);
	}
	free(c);
}

/* The whole stream at once; 0 if it does not fit into room. */
static size_t
pack(struct compressor *c, const uint8_t *data, size_t len, uint8_t *packed,
    size_t room)
{
	isal_deflate_stateless_init(&c->z);
	c->z.level = LEVEL;
	c->z.level_buf = c->level_buf;
	c->z.level_buf_size = sizeof(c->level_buf);
	c->z.gzip_flag = IGZIP_ZLIB;
	c->z.end_of_stream = 1;
	c->z.next_in = (uint8_t *)(uintptr_t)data; /* only read */
	c->z.avail_in = (uint32_t)len;
	c->z.next_out = packed;
	c->z.avail_out = (uint32_t)room;
	if (isal_deflate_stateless(&c->z) != COMP_OK || c->z.avail_in != 0)
		return 0;
	return room - c->z.avail_out;
}

int
mp_packer_pack(struct mp_packer *p, const uint8_t *data, size_t len,
    const struct mp_sink *out, struct mp_error *e)
{
	/* At worst stored: blocks of 65535 bytes, 5 bytes before each. */
	size_t room = len + len / 4096 + STREAM_MIN, n = 0;
	struct compressor *c = take(p);
	uint8_t *packed = NULL;
	int r;

	if (c != NULL && room <= UINT32_MAX)
		packed = malloc(room);
	if (packed != NULL)
		n = pack(c, data, len, packed, room);
	if (n > 0)
		r = out->put(out->ctx, packed, n, e);
	else
		r = mp_fail(e, MP_ENOMEM, "no memory to compress with");
	if (packed != NULL)
		explicit_bzero(packed, room);
	free(packed);
	give_back(p, c);
	return r;
}
