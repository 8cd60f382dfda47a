#include "mp/http_fault.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "agent/evp.h"

#define EXCERPT_MAX 120 /* bytes of an answer that go into a sentence */

static int
distrusted(const struct mp_http_fault *f, struct mp_error *e)
{
	const char *why = X509_verify_cert_error_string(f->verify);

	switch (f->verify) {
	case X509_V_OK:
	case X509_V_ERR_UNSPECIFIED: /* libcurl's value for "not yet known" */
		return mp_fail(e, MP_ETLS,
		    "the TLS certificate of %s is for another name (%s); "
		    "address the management point by the name in its "
		    "certificate",
		    f->where, f->detail);
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return mp_fail(e, MP_ETLS,
		    "the TLS certificate of %s has expired, or one of its "
		    "issuers' has; have it renewed, or correct this "
		    "machine's clock",
		    f->where);
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return mp_fail(e, MP_ETLS,
		    "the TLS certificate of %s is not valid yet; correct "
		    "this machine's clock, or the certificate",
		    f->where);
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_UNTRUSTED:
		return mp_fail(e, MP_ETLS,
		    "the TLS certificate of %s comes from an issuer that is "
		    "not trusted (%s); name the issuer's certificate with "
		    "--ca, once you are sure of it",
		    f->where, why);
	default:
		return mp_fail(e, MP_ETLS,
		    "the TLS certificate of %s is not acceptable (%s); have "
		    "it replaced",
		    f->where, why);
	}
}

/* Alerts that say the server did not like our certificate. */
static bool
about_certificate(int alert)
{
	switch (alert) {
	case SSL_AD_BAD_CERTIFICATE:
	case SSL_AD_UNSUPPORTED_CERTIFICATE:
	case SSL_AD_CERTIFICATE_REVOKED:
	case SSL_AD_CERTIFICATE_EXPIRED:
	case SSL_AD_CERTIFICATE_UNKNOWN:
	case SSL_AD_UNKNOWN_CA:
	case SSL_AD_ACCESS_DENIED:
	case SSL_AD_CERTIFICATE_REQUIRED:
		return true;
	default:
		return false;
	}
}

static int
alerted(const struct mp_http_fault *f, struct mp_error *e)
{
	const char *alert = SSL_alert_desc_string_long(f->tls->alert);

	if (about_certificate(f->tls->alert) && f->tls->key == NULL)
		return mp_fail(e, MP_ETLS,
		    "%s wants a client certificate, and none was shown; "
		    "alternate authentication shows none, so have the site "
		    "allow that, or leave it out",
		    f->where);
	if (about_certificate(f->tls->alert))
		return mp_fail(e, MP_ETLS,
		    "%s refused the client certificate (TLS alert \"%s\"); "
		    "it must come from an authority that the management "
		    "point trusts, be valid and not revoked, and allow "
		    "client authentication",
		    f->where, alert);
	return mp_fail(e, MP_ETLS,
	    "%s ended the TLS handshake (alert \"%s\"); it must offer TLS "
	    "1.2 or later, with algorithms that both sides allow",
	    f->where, alert);
}

static int
signerless(const struct mp_http_fault *f, struct mp_error *e)
{
	const struct signer_trouble *why = evp_trouble();

	return mp_fail(e, MP_ESIGNER,
	    "the TLS handshake with %s failed while the client's key was to "
	    "sign: %s",
	    f->where, why->text[0] != '\0' ? why->text : f->detail);
}

static int
late(const struct mp_http_fault *f, struct mp_error *e)
{
	if (!f->connected)
		return mp_fail(e, MP_ENET,
		    "%s does not answer: no connection within %u s; check "
		    "address, port and the way there",
		    f->where,
		    (f->connect_ms < f->timeout_ms ? f->connect_ms
						   : f->timeout_ms) /
			1000);
	return mp_fail(e, MP_ENET,
	    "%s took the request but did not answer in time (%s; at most %u s "
	    "are allowed); try again later",
	    f->where, f->detail, f->timeout_ms / 1000);
}

static int
unreachable(const struct mp_http_fault *f, struct mp_error *e)
{
	if (f->proxy[0] != '\0')
		return mp_fail(e, MP_ENET,
		    "%s cannot be reached through the HTTP proxy %s (%s); "
		    "check that the proxy runs, and its port",
		    f->where, f->proxy, f->detail);
	if (f->curl == CURLE_COULDNT_RESOLVE_HOST)
		return mp_fail(e, MP_ENET,
		    "the name of %s cannot be resolved; check the address of "
		    "the management point, and this machine's DNS",
		    f->where);
	return mp_fail(e, MP_ENET,
	    "%s cannot be reached (%s); check that the management point "
	    "runs, its port, and firewalls on the way",
	    f->where,
	    f->os_error != 0 ? strerror((int)f->os_error) : f->detail);
}

static int
large(const struct mp_http_fault *f, struct mp_error *e)
{
	return mp_fail(e, MP_ELIMIT,
	    "the answer of %s is larger than is accepted; is it a management "
	    "point?",
	    f->where);
}

/* The connection broke, in a handshake or later. */
static int
broken(const struct mp_http_fault *f, struct mp_error *e)
{
	if (f->tls->signing)
		return signerless(f, e);
	if (f->tls->alert >= 0)
		return alerted(f, e);
	if (!f->connected)
		return mp_fail(e, MP_ETLS,
		    "the TLS handshake with %s failed (%s); check that this "
		    "port speaks TLS 1.2 or later, and in the management "
		    "point's log that it takes this client's certificate",
		    f->where, f->detail);
	return mp_fail(e, MP_EREPLY,
	    "%s broke the connection before its answer was complete (%s); "
	    "try again, and look at the management point if it stays so",
	    f->where, f->detail);
}

/* The proxy on the way did not let us through. */
static int
proxied(const struct mp_http_fault *f, struct mp_error *e)
{
	if (f->proxy_status == 0)
		return mp_fail(e, MP_ENET,
		    "the name of the HTTP proxy %s cannot be resolved; check "
		    "its address, and this machine's DNS",
		    f->proxy);
	if (f->proxy_status == 407)
		return mp_fail(e, MP_EHTTP,
		    "the HTTP proxy %s wants a login that it takes (status "
		    "407); check the proxy's login file",
		    f->proxy);
	return mp_fail(e, MP_EHTTP,
	    "the HTTP proxy %s does not connect to %s (status %ld); have it "
	    "allowed there, or check the addresses",
	    f->proxy, f->where, f->proxy_status);
}

int
mp_http_fault(const struct mp_http_fault *f, struct mp_error *e)
{
	if (f->tls->step != NULL)
		return mp_fail(e, MP_ETLS,
		    "cannot %s in TLS with %s: %s; the connection was not "
		    "made",
		    f->tls->step, f->where, f->tls->reason);
	if (f->tls->revoked.code != MP_OK)
		return mp_fail(e, f->tls->revoked.code,
		    "the TLS certificate of %s: %s", f->where,
		    f->tls->revoked.text);
	if (f->too_large)
		return large(f, e);
	if (f->curl == CURLE_COULDNT_RESOLVE_PROXY || f->proxy_status >= 300)
		return proxied(f, e);
	switch (f->curl) {
	case CURLE_PEER_FAILED_VERIFICATION:
		return distrusted(f, e);
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
		return unreachable(f, e);
	case CURLE_OPERATION_TIMEDOUT:
		return late(f, e);
	case CURLE_FILESIZE_EXCEEDED:
		return large(f, e);
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		return broken(f, e);
	case CURLE_OUT_OF_MEMORY:
		/* Also libcurl's word for a header line over 100 KiB. */
		if (f->connected)
			return large(f, e);
		return mp_fail(e, MP_ENOMEM, "HTTP: out of memory");
	case CURLE_SSL_CACERT_BADFILE:
		return mp_fail(e, MP_ETLS,
		    "the system's trusted TLS certificates cannot be read "
		    "(%s); install them, or name the issuer with --ca",
		    f->detail);
	case CURLE_URL_MALFORMAT:
		return mp_fail(e, MP_EARG, "%s: not a usable address (%s)",
		    f->where, f->detail);
	default:
		return mp_fail(e, MP_EREPLY,
		    "%s does not speak HTTP as expected (%s); is it a "
		    "management point?",
		    f->where,
		    f->detail[0] != '\0'
			? f->detail
			: curl_easy_strerror((CURLcode)f->curl));
	}
}

static const char *
unknown(const struct mp_http_refusal *w)
{
	if (w->windows && w->password)
		return "it does not take the Windows login; check name "
		       "(DOMAIN\\user) and password in the login file";
	if (w->windows)
		return "it does not take this user's Kerberos ticket; get one "
		       "(kinit), or name a login file";
	return "it wants a Windows login; this client authenticates by "
	       "certificate and signature, so check the address, and that "
	       "the site takes such clients, or ask for windows "
	       "authentication";
}

static const char *
forbidden(const struct mp_http_refusal *w)
{
	if (w->windows)
		return "it knows this login and refuses it; check the "
		       "account's rights there";
	if (!w->certificate && w->tls)
		return "it refuses this client, which showed no client "
		       "certificate: alternate authentication has none, and "
		       "lets clients send messages and fetch policies, "
		       "nothing else; leave it out if the site takes this "
		       "client's certificate";
	if (!w->certificate)
		return "it refuses this client: check whether the management "
		       "point wants HTTPS and a client certificate (native "
		       "mode)";
	return "it refuses this client: check that the client certificate "
	       "comes from an authority that the management point trusts, is "
	       "not revoked, and allows client authentication";
}

static const char *
advice(const struct mp_http_refusal *w)
{
	switch (w->status) {
	case 400:
		return "it did not understand the request";
	case 401:
		return unknown(w);
	case 403:
		return forbidden(w);
	case 404:
		return "it does not have what was asked for: check that the "
		       "address is a management point's, or list again what "
		       "there is";
	case 407:
		return "a proxy on the way wants a login; name the proxy and "
		       "its login file";
	case 413:
		return "the request is too large for it; send less at once, "
		       "or have its limit raised";
	case 500:
	case 502:
	case 503:
	case 504:
		return "it is in trouble; try again later, and look at the "
		       "management point's own log if it stays so";
	default:
		return "that is no answer to a message";
	}
}

/*
 * A few words of a plain text, one line of graphic ASCII; nothing of a page,
 * which says for many lines what its status said.
 */
static void
excerpt(const struct mp_http_refusal *w, char *out, size_t outlen)
{
	const char *p = w->text;
	size_t n = 0;

	out[0] = '\0';
	if (p == NULL || strncasecmp(w->type, "text/plain", 10) != 0)
		return;
	p += strspn(p, " \t\r\n");
	if (*p == '<')
		return;
	for (; *p != '\0' && n + 1 < outlen; p++)
		if (n > 0 || *p > ' ')
			out[n++] = *p >= ' ' && *p <= '~' ? *p : ' ';
	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
}

int
mp_http_status(const struct mp_http_refusal *w, struct mp_error *e)
{
	char words[EXCERPT_MAX];

	if (w->status >= 300 && w->status < 400)
		return mp_fail(e, MP_EHTTP,
		    "%s answered with HTTP status %ld: it points elsewhere, "
		    "and redirections are not followed; give the management "
		    "point's own address",
		    w->where, w->status);
	if (w->status == 401 && w->windows && w->ticket[0] != '\0')
		return mp_fail(e, MP_EHTTP,
		    "%s wants a Windows login (HTTP status 401), and this "
		    "user has no Kerberos ticket for it: %s; get one (kinit), "
		    "or name a login file",
		    w->where, w->ticket);
	excerpt(w, words, sizeof(words));
	return mp_fail(e, MP_EHTTP,
	    "%s answered with HTTP status %ld: %s%s%s%s", w->where, w->status,
	    advice(w), words[0] != '\0' ? " (it says: \"" : "", words,
	    words[0] != '\0' ? "\")" : "");
}
