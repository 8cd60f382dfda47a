/*
 * Where bytes go, a piece at a time. What takes them decides what becomes of
 * them; who gives them does not know.
 */
#ifndef MP_SINK_H
#define MP_SINK_H

#include <stddef.h>

#include "mp/error.h"

struct mp_sink {
	int (*put)(void *ctx, const void *data, size_t len, struct mp_error *e);
	void *ctx;
};

#endif
