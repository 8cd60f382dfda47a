#include "mp/packer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>

#define SPARES 4 /* of some 200 KiB each; more threads make their own */

/*
 * Its fastest level takes half of zlib's time. What it makes is up to a
 * fifth longer than what other levels make, which is some hundred bytes.
 */
#define LEVEL 1

struct mp_packer {
	pthread_mutex_t lock;
	struct libdeflate_compressor *spare[SPARES];
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
		libdeflate_free_compressor(p->spare[--p->n]);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

static struct libdeflate_compressor *
take(struct mp_packer *p)
{
	struct libdeflate_compressor *c = NULL;

	if (p != NULL) {
		(void)pthread_mutex_lock(&p->lock);
		if (p->n > 0)
			c = p->spare[--p->n];
		(void)pthread_mutex_unlock(&p->lock);
	}
	return c != NULL ? c : libdeflate_alloc_compressor(LEVEL);
}

static void
give_back(struct mp_packer *p, struct libdeflate_compressor *c)
{
	if (p != NULL && c != NULL) {
		(void)pthread_mutex_lock(&p->lock);
		if (p->n < SPARES) {
			p->spare[p->n++] = c;
			c = NULL;
		}
		(void)pthread_mutex_unlock(&p->lock);
	}
	libdeflate_free_compressor(c);
}

int
mp_packer_pack(struct mp_packer *p, const uint8_t *data, size_t len,
    const struct mp_sink *out, struct mp_error *e)
{
	struct libdeflate_compressor *c = take(p);
	uint8_t *packed = NULL;
	size_t room = 0, n = 0;
	int r;

	if (c != NULL) {
		room = libdeflate_zlib_compress_bound(c, len);
		packed = malloc(room);
	}
	if (packed != NULL)
		n = libdeflate_zlib_compress(c, data, len, packed, room);
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
