#include "mp/http_tls.h"

#include <string.h>

#include <openssl/err.h>

#include "mp/certs.h"
#include "mp/reason.h"

/*
 * A certificate in --ca is trusted for itself, too: an operator who names an
 * issuing authority without its root, or the server's own certificate, means
 * what he says.
 */
static X509_STORE *
store(const STACK_OF(X509) * certs)
{
	X509_STORE *s = X509_STORE_new();
	bool ok = s != NULL;

	for (int i = 0; ok && i < sk_X509_num(certs); i++)
		ok = X509_STORE_add_cert(s, sk_X509_value(certs, i)) == 1;
	ok = ok && X509_STORE_set_flags(s, X509_V_FLAG_TRUSTED_FIRST |
					       X509_V_FLAG_PARTIAL_CHAIN) == 1;
	if (ok)
		return s;
	X509_STORE_free(s);
	return NULL;
}

int
mp_http_tls_init(
    struct mp_http_tls *t, const struct mp_http_config *cfg, struct mp_error *e)
{
	STACK_OF(X509) *certs = NULL;
	int r;

	memset(t, 0, sizeof(*t));
	mp_http_tls_forget(t);
	t->key = cfg->key;
	t->cert = cfg->cert;
	t->chain = cfg->chain;
	t->nchain = cfg->nchain;
	if ((t->key == NULL) != (t->cert == NULL))
		return mp_fail(e, MP_EARG,
		    "TLS: a client key needs its certificate, and a "
		    "certificate its key");
	if (cfg->ca_file == NULL)
		return 0;
	r = mp_certs_load(&certs, cfg->ca_file, "TLS trust (--ca)", e);
	if (r != 0)
		return r;
	t->roots = store(certs);
	sk_X509_pop_free(certs, X509_free);
	if (t->roots == NULL)
		return mp_fail(
		    e, MP_ENOMEM, "TLS trust (--ca): %s", mp_reason_openssl());
	return 0;
}

void
mp_http_tls_release(struct mp_http_tls *t)
{
	if (t == NULL)
		return;
	X509_STORE_free(t->roots);
	memset(t, 0, sizeof(*t));
}

void
mp_http_tls_forget(struct mp_http_tls *t)
{
	t->step = NULL;
	t->reason = NULL;
	t->alert = -1;
	t->closed = false;
	t->signing = false;
}

/*
 * libssl's account of the handshake. An alert is the server's; the state in
 * which SSL_connect() was last left tells whether our signature failed.
 */
static void
watch(const SSL *ssl, int where, int ret)
{
	struct mp_http_tls *t;

	t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	if (t == NULL)
		return;
	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT) {
		if ((ret & 0xff) == SSL_AD_CLOSE_NOTIFY)
			t->closed = true;
		else if (ret >> 8 == SSL3_AL_FATAL)
			t->alert = ret & 0xff;
		return;
	}
	if ((where & SSL_CB_CONNECT_EXIT) == SSL_CB_CONNECT_EXIT)
		t->signing =
		    ret <= 0 && SSL_get_state(ssl) == TLS_ST_CW_CERT_VRFY;
}

static bool
fail(struct mp_http_tls *t, const char *step)
{
	t->step = step;
	t->reason = mp_reason_openssl();
	return false;
}

bool
mp_http_tls_install(struct mp_http_tls *t, SSL_CTX *ctx)
{
	ERR_clear_error();
	(void)SSL_CTX_set_app_data(ctx, t);
	SSL_CTX_set_info_callback(ctx, watch);
	if (t->roots != NULL)
		SSL_CTX_set1_cert_store(ctx, t->roots);
	if (t->key == NULL)
		return true;
	if (SSL_CTX_use_certificate(ctx, t->cert) != 1)
		return fail(t, "use the client certificate");
	if (SSL_CTX_use_PrivateKey(ctx, t->key) != 1)
		return fail(t, "use the client certificate's key");
	if (SSL_CTX_check_private_key(ctx) != 1)
		return fail(t, "match the client certificate with its key");
	for (unsigned i = 0; i < t->nchain; i++)
		if (X509_self_signed(t->chain[i], 0) != 1 &&
		    SSL_CTX_add1_chain_cert(ctx, t->chain[i]) != 1)
			return fail(t, "send the client certificate's issuer");
	return true;
}
