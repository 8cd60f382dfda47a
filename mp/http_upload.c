#include "mp/http_upload.h"

#include <curl/curl.h>

static size_t
give(char *data, size_t size, size_t n, void *ctx)
{
	struct mp_http_upload *u = ctx;
	size_t len = size * n;

	if (mp_sealed_read(u->body, data, &len, &u->why) != MP_OK) {
		u->unreadable = true;
		return CURL_READFUNC_ABORT;
	}
	return len;
}

static int
seek(void *ctx, curl_off_t offset, int origin)
{
	struct mp_http_upload *u = ctx;

	if (offset != 0 || origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	mp_sealed_rewind(u->body);
	return CURL_SEEKFUNC_OK;
}

static int
tell(void *ctx, curl_off_t down, curl_off_t down_now, curl_off_t up,
    curl_off_t up_now)
{
	struct mp_http_upload *u = ctx;

	(void)down;
	(void)down_now;
	if (up > 0)
		u->progress(u->progress_ctx, (uint64_t)up_now, (uint64_t)up);
	return 0;
}

int
mp_http_upload_install(
    struct mp_http_upload *u, void *easy, struct mp_sealed *body)
{
	curl_off_t size = (curl_off_t)mp_sealed_size(body);
	CURLcode r;

	u->body = body;
	mp_sealed_rewind(body);
	if ((r = curl_easy_setopt(easy, CURLOPT_READFUNCTION, give)) != 0 ||
	    (r = curl_easy_setopt(easy, CURLOPT_READDATA, u)) != 0 ||
	    (r = curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, seek)) != 0 ||
	    (r = curl_easy_setopt(easy, CURLOPT_SEEKDATA, u)) != 0 ||
	    (r = curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL)) != 0 ||
	    (r = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, size)) !=
		0)
		return (int)r;
	if (u->progress == NULL)
		return CURLE_OK;
	if ((r = curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, tell)) != 0 ||
	    (r = curl_easy_setopt(easy, CURLOPT_XFERINFODATA, u)) != 0)
		return (int)r;
	return (int)curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
}

void
mp_http_upload_forget(struct mp_http_upload *u)
{
	u->body = NULL;
	u->unreadable = false;
}

int
mp_http_upload_fault(
    const struct mp_http_upload *u, const char *where, struct mp_error *e)
{
	if (u->unreadable)
		return mp_fail(e, u->why.code,
		    "the message to %s was not sent to its end: %s", where,
		    u->why.text);
	return MP_OK;
}
