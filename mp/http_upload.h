/*
 * The sending half of a POST: hands a sealed message to libcurl piece by
 * piece, again from the start when a server asks for that, and tells how far
 * it came. Knows nothing of the answer.
 */
#ifndef MP_HTTP_UPLOAD_H
#define MP_HTTP_UPLOAD_H

#include <stdbool.h>

#include "mp/http.h"

struct mp_http_upload {
	struct mp_sealed *body; /* NULL: none is going on */
	mp_http_progress *progress;
	void *progress_ctx;
	bool unreadable;
	struct mp_error why;
};

/* Into a CURL handle. body is borrowed until forgotten. A CURLcode. */
int mp_http_upload_install(
    struct mp_http_upload *u, void *easy, struct mp_sealed *body);
void mp_http_upload_forget(struct mp_http_upload *u);

/* Was it this side that ended the exchange? MP_OK: no. */
int mp_http_upload_fault(
    const struct mp_http_upload *u, const char *where, struct mp_error *e);

#endif
