#include "mp/http_fetch.h"

#include <stdbool.h>
#include <strings.h>

#include <curl/curl.h>

/* One transfer; the first option that failed sticks. */
struct transfer {
	CURL *easy;
	CURLcode setup;
	struct mp_buf *out;
	char detail[CURL_ERROR_SIZE];
};

static size_t
take(char *data, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;

	mp_buf_add(t->out, data, size * n);
	return mp_buf_ok(t->out) ? size * n : 0;
}

static void
want(struct transfer *t, CURLcode r)
{
	if (t->setup == CURLE_OK)
		t->setup = r;
}

static void
prepare(struct transfer *t, const struct mp_http_fetch *how, const char *url)
{
	CURL *c = t->easy;
	const char *proxy = how->proxy != NULL ? how->proxy : "";

	want(t, curl_easy_setopt(c, CURLOPT_URL, url));
	want(t, curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http"));
	want(t, curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L));
	want(t, curl_easy_setopt(c, CURLOPT_PROXY, proxy));
	want(t, curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED));
	want(t, curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L));
	want(t, curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)how->timeout_ms));
	want(t, curl_easy_setopt(
		    c, CURLOPT_CONNECTTIMEOUT_MS, (long)how->timeout_ms));
	want(t, curl_easy_setopt(
		    c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)t->out->max));
	want(t, curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take));
	want(t, curl_easy_setopt(c, CURLOPT_WRITEDATA, t));
	want(t, curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->detail));
	if (how->proxy == NULL || how->login == NULL)
		return;
	want(t, curl_easy_setopt(c, CURLOPT_PROXYAUTH, (long)CURLAUTH_ANY));
	want(t, curl_easy_setopt(c, CURLOPT_PROXYUSERNAME, how->login->user));
	want(t,
	    curl_easy_setopt(c, CURLOPT_PROXYPASSWORD, how->login->password));
}

static int
judge(struct transfer *t, CURLcode rc, const char *url, struct mp_error *e)
{
	long status = 0;

	if (rc == CURLE_FILESIZE_EXCEEDED || !mp_buf_ok(t->out))
		return mp_fail(e, MP_ELIMIT, "%s is larger than %zu bytes", url,
		    t->out->max);
	if (rc != CURLE_OK)
		return mp_fail(e, MP_ENET, "%s cannot be fetched (%s)", url,
		    t->detail[0] != '\0' ? t->detail : curl_easy_strerror(rc));
	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200)
		return mp_fail(e, MP_EHTTP,
		    "%s was answered with HTTP status %ld%s", url, status,
		    status >= 300 && status < 400
			? "; redirections are not followed"
			: "");
	return 0;
}

int
mp_http_fetch(const struct mp_http_fetch *how, const char *url,
    struct mp_buf *out, struct mp_error *e)
{
	struct transfer t = {.setup = CURLE_OK, .out = out};
	int r;

	if (strncasecmp(url, "http://", 7) != 0)
		return mp_fail(e, MP_EARG, "%.200s is no http address", url);
	t.easy = curl_easy_init();
	if (t.easy == NULL)
		return mp_fail(e, MP_ENOMEM, "HTTP: out of memory");
	prepare(&t, how, url);
	if (t.setup != CURLE_OK)
		r = mp_fail(e, MP_EARG, "%.200s cannot be asked for (%s)", url,
		    curl_easy_strerror(t.setup));
	else
		r = judge(&t, curl_easy_perform(t.easy), url, e);
	curl_easy_cleanup(t.easy);
	if (r != 0)
		mp_buf_clear(out);
	return r;
}
