#include "mp/http_tls.h"

#include <string.h>

#include <openssl/err.h>

#include "mp/certs.h"
#include "mp/reason.h"

#define CHAIN_MAX 16 /* certificates of a server's chain */

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
	t->check = cfg->crl;
	t->crl.dir = cfg->crl_dir;
	t->crl.step = cfg->step;
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
	memset(&t->revoked, 0, sizeof(t->revoked));
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

/*
 * The anchor may itself be issued by one that is known, too (an operator who
 * names both): then it is no end, and the chain goes on.
 */
static bool
lengthen(X509_STORE_CTX *ctx, STACK_OF(X509) * chain)
{
	X509 *last, *issuer;
	int n;

	while ((n = sk_X509_num(chain)) > 0 && n < CHAIN_MAX) {
		last = sk_X509_value(chain, n - 1);
		issuer = NULL;
		if (X509_self_signed(last, 0) == 1 ||
		    X509_STORE_CTX_get1_issuer(&issuer, ctx, last) != 1)
			return true;
		if (sk_X509_push(chain, issuer) == 0) {
			X509_free(issuer);
			return false;
		}
	}
	return n > 0;
}

static int
unrevoked(struct mp_http_tls *t, const STACK_OF(X509) * chain)
{
	X509 *leaf = sk_X509_value(chain, 0);

	if (sk_X509_num(chain) == 1 && X509_self_signed(leaf, 0) != 1)
		return mp_fail(&t->revoked, MP_ETLS,
		    "its certificate is trusted by itself (--ca), and its "
		    "issuer is not known, so it cannot be checked for "
		    "revocation; name the issuer's certificate with --ca");
	return mp_crl_check(&t->crl, chain, &t->revoked);
}

/*
 * In the place of libssl's own check: the same, and then, only for a chain
 * that ends at an issuer that we trust, its revocation lists.
 */
static int
verify(X509_STORE_CTX *ctx, void *arg)
{
	struct mp_http_tls *t = arg;
	STACK_OF(X509) * chain;
	int r = MP_ENOMEM;

	if (X509_verify_cert(ctx) != 1)
		return 0;
	chain = X509_STORE_CTX_get1_chain(ctx);
	if (chain != NULL && lengthen(ctx, chain))
		r = unrevoked(t, chain);
	else
		(void)mp_fail(&t->revoked, MP_ENOMEM, "CRL check: no memory");
	sk_X509_pop_free(chain, X509_free);
	if (r != 0)
		X509_STORE_CTX_set_error(
		    ctx, X509_V_ERR_APPLICATION_VERIFICATION);
	return r == 0 ? 1 : 0;
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
	if (t->check)
		SSL_CTX_set_cert_verify_callback(ctx, verify, t);
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
