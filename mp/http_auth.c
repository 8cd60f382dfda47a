#include "mp/http_auth.h"

#include <string.h>

#include <curl/curl.h>

#include "mp/url.h"

static int
take_proxy(struct mp_http_auth *a, const struct mp_http_config *cfg,
    struct mp_error *e)
{
	struct mp_url url;
	int r;

	if (cfg->proxy == NULL && cfg->proxy_login == NULL)
		return 0;
	if (cfg->proxy == NULL)
		return mp_fail(e, MP_EARG,
		    "a login for an HTTP proxy is named, but no proxy");
	if (mp_url_for_mode(&url, cfg->proxy, false, 0, NULL) != 0 ||
	    strlen(url.text) >= sizeof(a->proxy))
		return mp_fail(e, MP_EARG,
		    "\"%.200s\" is no address of an HTTP proxy; write "
		    "http://HOST:PORT, and its login into a file",
		    cfg->proxy);
	memcpy(a->proxy, url.text, strlen(url.text) + 1);
	if (cfg->proxy_login == NULL)
		return 0;
	r = mp_login_read(
	    &a->proxy_login, cfg->proxy_login, "the HTTP proxy's login", e);
	return r;
}

int
mp_http_auth_init(struct mp_http_auth *a, const struct mp_http_config *cfg,
    struct mp_error *e)
{
	int r;

	memset(a, 0, sizeof(*a));
	a->windows = cfg->windows;
	r = take_proxy(a, cfg, e);
	if (r == 0 && cfg->windows && cfg->login != NULL)
		r = mp_login_read(
		    &a->login, cfg->login, "the Windows login", e);
	if (r != 0)
		mp_http_auth_release(a);
	return r;
}

void
mp_http_auth_release(struct mp_http_auth *a)
{
	if (a == NULL)
		return;
	mp_login_wipe(&a->login);
	mp_login_wipe(&a->proxy_login);
	memset(a, 0, sizeof(*a));
}

/*
 * GSS-API's words, which libcurl tells in its trace and nowhere else. All
 * else of the trace is passed over: it has what must not be told.
 */
static int
hear(CURL *c, curl_infotype type, char *text, size_t len, void *ctx)
{
	static const char mark[] = "gss_init_sec_context() failed: ";
	struct mp_http_auth *a = ctx;
	size_t n = 0;

	(void)c;
	if (type != CURLINFO_TEXT || len < sizeof(mark) ||
	    memcmp(text, mark, sizeof(mark) - 1) != 0)
		return 0;
	for (size_t i = sizeof(mark) - 1; i < len; i++)
		if (n + 1 < sizeof(a->ticket) && (n > 0 || text[i] > ' '))
			a->ticket[n++] =
			    text[i] >= ' ' && text[i] <= '~' ? text[i] : ' ';
	while (n > 0 && (a->ticket[n - 1] == ' ' || a->ticket[n - 1] == '.'))
		n--;
	a->ticket[n] = '\0';
	return 0;
}

/*
 * libcurl's Negotiate knows Kerberos tickets and no passwords, and goes before
 * NTLM where a server offers both: so a password means NTLM, and no password
 * means the ticket that this user has.
 */
static CURLcode
windows(struct mp_http_auth *a, CURL *c)
{
	bool password = a->login.user[0] != '\0';
	long how = password ? (long)CURLAUTH_NTLM : (long)CURLAUTH_NEGOTIATE;
	CURLcode r;

	a->ticket[0] = '\0';
	if ((r = curl_easy_setopt(c, CURLOPT_HTTPAUTH, how)) != CURLE_OK ||
	    (r = curl_easy_setopt(c, CURLOPT_DEBUGFUNCTION, hear)) !=
		CURLE_OK ||
	    (r = curl_easy_setopt(c, CURLOPT_DEBUGDATA, a)) != CURLE_OK ||
	    (r = curl_easy_setopt(c, CURLOPT_VERBOSE, password ? 0L : 1L)) !=
		CURLE_OK ||
	    (r = curl_easy_setopt(c, CURLOPT_USERNAME, a->login.user)) !=
		CURLE_OK)
		return r;
	return curl_easy_setopt(c, CURLOPT_PASSWORD, a->login.password);
}

int
mp_http_auth_install(struct mp_http_auth *a, void *easy)
{
	CURL *c = easy;
	CURLcode r;

	/* Empty, it also keeps libcurl from the environment's proxies. */
	r = curl_easy_setopt(c, CURLOPT_PROXY, a->proxy);
	if (r == CURLE_OK && a->windows)
		r = windows(a, c);
	if (r != CURLE_OK || a->proxy_login.user[0] == '\0')
		return (int)r;
	/* The best that the proxy offers; many offer Basic alone. */
	if ((r = curl_easy_setopt(c, CURLOPT_PROXYAUTH, (long)CURLAUTH_ANY)) !=
		CURLE_OK ||
	    (r = curl_easy_setopt(
		 c, CURLOPT_PROXYUSERNAME, a->proxy_login.user)) != CURLE_OK)
		return (int)r;
	return (int)curl_easy_setopt(
	    c, CURLOPT_PROXYPASSWORD, a->proxy_login.password);
}

void
mp_http_auth_lend(const struct mp_http_auth *a, struct mp_http_fetch *fetch)
{
	fetch->proxy = a->proxy[0] != '\0' ? a->proxy : NULL;
	fetch->login = a->proxy_login.user[0] != '\0' ? &a->proxy_login : NULL;
}
