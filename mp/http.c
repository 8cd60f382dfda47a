#include "mp/http.h"

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "mp/http_auth.h"
#include "mp/http_fault.h"
#include "mp/http_tls.h"
#include "mp/http_upload.h"
#include "mp/reply.h"

/* What the .NET client messaging SDK says (wire-facts 1.2 [S]). */
#define HTTP_USER_AGENT "ConfigMgr Messaging HTTP Sender"
#define HTTP_VERB "CCM_POST" /* wire-facts 1.1 [S] */

#define HTTP_CONNECT_MS 10000u
#define HTTP_TIMEOUT_MS 60000u
#define HTTP_URL_MAX 4096            /* bytes */
#define HTTP_WHERE_MAX 300           /* bytes of host and port */
#define HTTP_HEADER_MAX (64u * 1024) /* bytes of all header fields */
#define HTTP_SLOW 64L                /* bytes/s, over half of the time-out */
#define HTTP_LARGE (1u << 20)        /* bytes sent within the time-out ... */
#define HTTP_RATE 16u                /* ... and then bytes/ms, at least */

struct mp_http {
	CURL *easy;
	struct mp_http_tls tls;
	struct mp_http_auth auth;
	unsigned connect_ms;
	unsigned timeout_ms;
	int tls_max;
	struct mp_http_upload upload;
	char detail[CURL_ERROR_SIZE];

	/* Of the exchange that is going on. */
	char where[HTTP_WHERE_MAX];
	unsigned allowed_ms; /* for all of it */
	struct curl_slist *fields;
	struct mp_http_reply *reply;
	size_t header_len;
	bool header_end; /* libcurl lets an answer end before its fields do, */
	bool framed;     /* ... or with no length and no close_notify */
	bool too_large;
	bool secure;    /* https */
	CURLcode setup; /* the first option that failed sticks */
};

/*
 * libcurl wants one call before all others in a process; pthread_once makes
 * it ours. A mutable global, for want of another place.
 */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode begun = CURLE_FAILED_INIT;

static void
begin(void)
{
	begun = curl_global_init(CURL_GLOBAL_DEFAULT);
}

int
mp_http_open(
    struct mp_http **hp, const struct mp_http_config *cfg, struct mp_error *e)
{
	struct mp_http *h;
	int r;

	*hp = NULL;
	(void)pthread_once(&once, begin);
	if (begun != CURLE_OK)
		return mp_fail(
		    e, MP_ENOMEM, "HTTP: %s", curl_easy_strerror(begun));
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return mp_fail(e, MP_ENOMEM, "HTTP: out of memory");
	h->connect_ms = cfg->connect_ms > 0 ? cfg->connect_ms : HTTP_CONNECT_MS;
	h->timeout_ms = cfg->timeout_ms > 0 ? cfg->timeout_ms : HTTP_TIMEOUT_MS;
	h->tls_max = cfg->tls_max;
	if (cfg->crl) { /* lists are fetched within the handshake */
		h->connect_ms += MP_CRL_TIMEOUT_MS;
		h->timeout_ms += MP_CRL_TIMEOUT_MS;
	}
	if ((r = mp_http_tls_init(&h->tls, cfg, e)) != 0 ||
	    (r = mp_http_auth_init(&h->auth, cfg, e)) != 0)
		goto out;
	mp_http_auth_lend(&h->auth, &h->tls.crl.fetch);
	h->easy = curl_easy_init();
	if (h->easy == NULL) {
		r = mp_fail(e, MP_ENOMEM, "HTTP: out of memory");
		goto out;
	}
	*hp = h;
	h = NULL;
out:
	mp_http_close(h);
	return r;
}

void
mp_http_close(struct mp_http *h)
{
	if (h == NULL)
		return;
	curl_easy_cleanup(h->easy);
	mp_http_tls_release(&h->tls);
	mp_http_auth_release(&h->auth);
	free(h);
}

static size_t
take_body(char *data, size_t size, size_t n, void *ctx)
{
	struct mp_http *h = ctx;

	mp_buf_add(&h->reply->body, data, size * n);
	if (!mp_buf_ok(&h->reply->body)) {
		h->too_large = true;
		return 0;
	}
	return size * n;
}

/* Is it the field of this name, with this word somewhere in it? */
static bool
field_is(const char *line, size_t len, const char *name, const char *word)
{
	size_t n = strlen(name), w = strlen(word);

	if (len < n || strncasecmp(line, name, n) != 0)
		return false;
	for (; n + w <= len; n++)
		if (strncasecmp(line + n, word, w) == 0)
			return true;
	return false;
}

static size_t
take_header(char *data, size_t size, size_t n, void *ctx)
{
	struct mp_http *h = ctx;
	size_t len = size * n;

	/* Once for each answer; fields may follow a body in chunks, too. */
	if (len == 2 && memcmp(data, "\r\n", 2) == 0)
		h->header_end = true;
	if (len >= 5 && memcmp(data, "HTTP/", 5) == 0)
		h->header_end = h->framed = false; /* another went before */
	if (field_is(data, len, "Content-Length:", "") ||
	    field_is(data, len, "Transfer-Encoding:", "chunked"))
		h->framed = true;
	h->header_len += len;
	if (h->header_len > HTTP_HEADER_MAX) {
		h->too_large = true;
		return 0;
	}
	return len;
}

static CURLcode
take_context(CURL *easy, void *ssl_ctx, void *ctx)
{
	struct mp_http *h = ctx;

	(void)easy;
	return mp_http_tls_install(&h->tls, ssl_ctx) ? CURLE_OK
						     : CURLE_SSL_CERTPROBLEM;
}

static void
want(struct mp_http *h, CURLcode r)
{
	if (h->setup == CURLE_OK)
		h->setup = r;
}

static void
field(struct mp_http *h, const char *line)
{
	struct curl_slist *all = curl_slist_append(h->fields, line);

	if (all == NULL)
		want(h, CURLE_OUT_OF_MEMORY);
	else
		h->fields = all;
}

/* Where the bytes may go: to the address given, and nowhere else. */
static void
route(struct mp_http *h, const char *url)
{
	CURL *c = h->easy;

	h->secure = strncasecmp(url, "https:", 6) == 0;
	want(h, curl_easy_setopt(c, CURLOPT_URL, url));
	want(h, curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L));
	want(h, curl_easy_setopt(
		    c, CURLOPT_PROTOCOLS_STR, h->secure ? "https" : "http"));
	want(h, curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L));
	want(h, (CURLcode)mp_http_auth_install(&h->auth, c));
	want(h, curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED));
	want(h, curl_easy_setopt(
		    c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1));
}

static void
secure(struct mp_http *h)
{
	CURL *c = h->easy;
	long versions = CURL_SSLVERSION_TLSv1_2;

	if (h->tls_max == TLS1_2_VERSION)
		versions |= CURL_SSLVERSION_MAX_TLSv1_2;
	want(h, curl_easy_setopt(c, CURLOPT_SSLVERSION, versions));
	want(h, curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L));
	want(h, curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L));
	want(h, curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, take_context));
	want(h, curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, h));
	/* A session taken up again would come without a certificate. */
	if (h->tls.check)
		want(h, curl_easy_setopt(c, CURLOPT_SSL_SESSIONID_CACHE, 0L));
	if (h->tls.roots != NULL) {
		/* Do not even read the system's; ours replaces the store. */
		want(h, curl_easy_setopt(c, CURLOPT_CAINFO, NULL));
		want(h, curl_easy_setopt(c, CURLOPT_CAPATH, NULL));
	}
}

static void
limit(struct mp_http *h)
{
	CURL *c = h->easy;
	long slow_s = (long)(h->timeout_ms / 2000) + 1;

	want(h, curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L));
	want(h, curl_easy_setopt(
		    c, CURLOPT_CONNECTTIMEOUT_MS, (long)h->connect_ms));
	want(h, curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)h->timeout_ms));
	want(h, curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, HTTP_SLOW));
	want(h, curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, slow_s));
	want(h, curl_easy_setopt(
		    c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)MP_REPLY_MAX));
	want(h, curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body));
	want(h, curl_easy_setopt(c, CURLOPT_WRITEDATA, h));
	want(h, curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header));
	want(h, curl_easy_setopt(c, CURLOPT_HEADERDATA, h));
	want(h, curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->detail));
	want(h, curl_easy_setopt(c, CURLOPT_MAXCONNECTS, 1L));
}

/* Graphic ASCII, a scheme that we speak, nobody's name or password. */
static bool
usable(const char *url)
{
	if (strnlen(url, HTTP_URL_MAX) >= HTTP_URL_MAX)
		return false;
	for (const char *p = url; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	if (strncasecmp(url, "https://", 8) != 0 &&
	    strncasecmp(url, "http://", 7) != 0)
		return false;
	url = strstr(url, "://") + 3;
	return memchr(url, '@', strcspn(url, "/?#")) == NULL;
}

static bool
one_line(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

/* Begins an exchange: an empty reply, and a handle that forgot the last. */
static int
start(struct mp_http *h, const char *url, struct mp_http_reply *reply,
    struct mp_error *e)
{
	const char *host;
	size_t len;

	memset(reply, 0, sizeof(*reply));
	mp_buf_init(&reply->body, MP_REPLY_MAX);
	if (!usable(url))
		return mp_fail(e, MP_EARG,
		    "HTTP: the address is too long, holds a user's name or "
		    "characters that it cannot hold, or is neither http nor "
		    "https");
	host = strstr(url, "://") + 3;
	len = strcspn(host, "/?#");
	if (len >= sizeof(h->where))
		return mp_fail(e, MP_EARG, "HTTP: the host's name is too long");
	memcpy(h->where, host, len);
	h->where[len] = '\0';

	h->reply = reply;
	h->fields = NULL;
	h->allowed_ms = h->timeout_ms;
	mp_http_upload_forget(&h->upload);
	h->header_len = 0;
	h->header_end = false;
	h->framed = false;
	h->too_large = false;
	h->setup = CURLE_OK;
	h->detail[0] = '\0';
	mp_http_tls_forget(&h->tls);
	curl_easy_reset(h->easy); /* the live connection stays */
	route(h, url);
	secure(h);
	limit(h);
	want(h, curl_easy_setopt(h->easy, CURLOPT_USERAGENT, HTTP_USER_AGENT));
	field(h, "Accept:");
	field(h, "Expect:");
	return 0;
}

static int
explain(struct mp_http *h, CURLcode rc, struct mp_error *e)
{
	struct mp_http_fault f = {.where = h->where,
	    .curl = (int)rc,
	    .detail = h->detail,
	    .too_large = h->too_large,
	    .connect_ms = h->connect_ms,
	    .timeout_ms = h->allowed_ms,
	    .tls = &h->tls};
	curl_off_t ready = 0;
	int r;

	r = mp_http_upload_fault(&h->upload, h->where, e);
	if (r != MP_OK)
		return r;
	(void)curl_easy_getinfo(h->easy, CURLINFO_SSL_VERIFYRESULT, &f.verify);
	(void)curl_easy_getinfo(h->easy, CURLINFO_OS_ERRNO, &f.os_error);
	(void)curl_easy_getinfo(h->easy, CURLINFO_PRETRANSFER_TIME_T, &ready);
	(void)curl_easy_getinfo(
	    h->easy, CURLINFO_HTTP_CONNECTCODE, &f.proxy_status);
	f.proxy = h->auth.proxy;
	f.connected = ready > 0;
	return mp_http_fault(&f, e);
}

static int
refused(const struct mp_http *h, struct mp_error *e)
{
	const struct mp_http_refusal why = {.where = h->where,
	    .status = h->reply->status,
	    .type = h->reply->content_type,
	    .text = (const char *)h->reply->body.data,
	    .tls = h->secure,
	    .certificate = h->tls.key != NULL && h->secure,
	    .windows = h->auth.windows,
	    .password = h->auth.login.user[0] != '\0',
	    .ticket = h->auth.ticket};

	return mp_http_status(&why, e);
}

static int
judge(struct mp_http *h, struct mp_error *e)
{
	struct mp_http_reply *reply = h->reply;
	const char *type = NULL;

	(void)curl_easy_getinfo(
	    h->easy, CURLINFO_RESPONSE_CODE, &reply->status);
	(void)curl_easy_getinfo(h->easy, CURLINFO_CONTENT_TYPE, &type);
	if (type != NULL && strlen(type) >= sizeof(reply->content_type))
		return mp_fail(e, MP_ELIMIT,
		    "the Content-Type that %s sent is too long; is it a "
		    "management point?",
		    h->where);
	if (type != NULL)
		memcpy(reply->content_type, type, strlen(type) + 1);
	if (reply->status != 200)
		return refused(h, e);
	if (!h->header_end || !(h->framed || h->tls.closed))
		return mp_fail(e, MP_EREPLY,
		    "%s ended its answer before it was complete; try again, "
		    "and look at the management point if it stays so",
		    h->where);
	return 0;
}

static int
perform(struct mp_http *h, struct mp_error *e)
{
	CURLcode rc;
	int r;

	want(h, curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->fields));
	if (h->setup != CURLE_OK) {
		r = mp_fail(e,
		    h->setup == CURLE_OUT_OF_MEMORY ? MP_ENOMEM : MP_EARG,
		    "HTTP: the request to %s cannot be made (%s)", h->where,
		    curl_easy_strerror(h->setup));
	} else {
		rc = curl_easy_perform(h->easy);
		r = rc == CURLE_OK ? judge(h, e) : explain(h, rc, e);
	}
	(void)curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(h->fields);
	h->fields = NULL;
	h->upload.body = NULL;
	if (r != 0)
		mp_buf_clear(&h->reply->body);
	h->reply = NULL;
	return r;
}

void
mp_http_watch(struct mp_http *h, mp_http_progress *progress, void *ctx)
{
	h->upload.progress = progress;
	h->upload.progress_ctx = ctx;
}

/* A large message may take its time, as long as it moves. */
static void
allow(struct mp_http *h, uint64_t size)
{
	uint64_t ms = h->timeout_ms;

	if (size > HTTP_LARGE)
		ms += (size - HTTP_LARGE) / HTTP_RATE;
	h->allowed_ms = ms > INT_MAX ? INT_MAX : (unsigned)ms;
	want(h,
	    curl_easy_setopt(h->easy, CURLOPT_TIMEOUT_MS, (long)h->allowed_ms));
}

static int
post(struct mp_http *h, const char *verb, const char *url,
    const char *content_type, struct mp_sealed *body,
    struct mp_http_reply *reply, struct mp_error *e)
{
	char line[sizeof("Content-Type: ") + sizeof(reply->content_type)];
	int n, r;

	r = start(h, url, reply, e);
	if (r != 0)
		return r;
	n = snprintf(line, sizeof(line), "Content-Type:%s%s",
	    content_type != NULL ? " " : "",
	    content_type != NULL ? content_type : "");
	if (n < 0 || (size_t)n >= sizeof(line) || !one_line(line))
		want(h, CURLE_BAD_FUNCTION_ARGUMENT);
	field(h, line);
	want(h, curl_easy_setopt(h->easy, CURLOPT_POST, 1L));
	want(h, curl_easy_setopt(h->easy, CURLOPT_CUSTOMREQUEST, verb));
	want(h, (CURLcode)mp_http_upload_install(&h->upload, h->easy, body));
	allow(h, mp_sealed_size(body));
	return perform(h, e);
}

int
mp_http_post(struct mp_http *h, const char *url, const char *content_type,
    struct mp_sealed *body, struct mp_http_reply *reply, struct mp_error *e)
{
	return post(h, HTTP_VERB, url, content_type, body, reply, e);
}

int
mp_http_post_plain(struct mp_http *h, const char *url, const char *content_type,
    struct mp_sealed *body, struct mp_http_reply *reply, struct mp_error *e)
{
	return post(h, "POST", url, content_type, body, reply, e);
}

int
mp_http_get(struct mp_http *h, const char *url, const char *const *fields,
    struct mp_http_reply *reply, struct mp_error *e)
{
	int r;

	r = start(h, url, reply, e);
	if (r != 0)
		return r;
	want(h, curl_easy_setopt(h->easy, CURLOPT_HTTPGET, 1L));
	for (; fields != NULL && *fields != NULL; fields++) {
		if (!one_line(*fields))
			want(h, CURLE_BAD_FUNCTION_ARGUMENT);
		field(h, *fields);
	}
	return perform(h, e);
}
