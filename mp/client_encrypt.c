/* Whom the client encrypts to: certificates that somebody vouched for. */
#include <stdio.h>
#include <string.h>

#include "mp/certs.h"
#include "mp/client_internal.h"
#include "mp/hex.h"
#include "mp/reply.h"

static int
asked(struct mp_client *c, struct mp_certificates *out, struct mp_error *e)
{
	struct mp_buf xml;
	int r;

	mp_client_step(
	    c, "asking %s for its encryption certificate", c->url.host);
	mp_buf_init(&xml, MP_REPLY_MAX);
	r = mp_exchange_get(&c->x, MP_PATH_MPCERT2, NULL, false, &xml, e);
	if (r == 0)
		r = mp_certificates_parse(&xml, out, e);
	mp_buf_release(&xml);
	return r;
}

static void
thumbprint(const X509 *cert, char *out, size_t outlen)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	struct mp_buf hex;
	unsigned len = 0;

	mp_buf_init(&hex, 2 * sizeof(hash));
	if (X509_digest(cert, EVP_sha1(), hash, &len) == 1)
		mp_hex_add(&hex, hash, len);
	(void)snprintf(out, outlen, "%s",
	    mp_buf_ok(&hex) && hex.len > 0 ? (const char *)hex.data : "?");
	mp_buf_release(&hex);
}

/*
 * What the management point says of itself over HTTP proves nothing: nobody
 * knows how its Signature is made. So it counts if it is pinned, and not
 * else (docs/decisions/0010).
 */
static int
vouched(struct mp_client *c, const X509 *cert, struct mp_error *e)
{
	char name[2 * EVP_MAX_MD_SIZE + 1];

	if (cert == NULL)
		return mp_fail(e, MP_EREPLY,
		    "%s gives no certificate to encrypt to; name the "
		    "management point's encryption certificate with "
		    "--encrypt-certs",
		    c->url.text);
	if (mp_trust_has(c->trust, cert))
		return 0;
	thumbprint(cert, name, sizeof(name));
	return mp_fail(e, MP_ETRUST,
	    "%s says that its encryption certificate is %s, and nothing "
	    "proves it; have that confirmed by its administrator, then name "
	    "the certificate with --encrypt-certs or add it to --mp-certs",
	    c->url.text, name);
}

/* The one that the management point names, if somebody vouches for it. */
static int
learn(struct mp_client *c, struct mp_error *e)
{
	struct mp_certificates certs = {0};
	int r;

	r = asked(c, &certs, e);
	if (r == 0)
		r = vouched(c, certs.encryption, e);
	if (r == 0) {
		c->certs = sk_X509_new_null();
		if (c->certs != NULL &&
		    sk_X509_push(c->certs, certs.encryption) > 0)
			certs.encryption = NULL;
		else
			r = mp_fail(e, MP_ENOMEM, "encryption: out of memory");
	}
	mp_certificates_release(&certs);
	return r;
}

int
mp_client_encrypt(struct mp_client *c, struct mp_error *e)
{
	int n, r;

	if (c->x.recipients != NULL)
		return 0;
	sk_X509_pop_free(c->certs, X509_free);
	c->certs = NULL;
	if (c->cfg.encrypt_certs != NULL)
		r = mp_certs_load(&c->certs, c->cfg.encrypt_certs,
		    "certificates to encrypt to (--encrypt-certs)", e);
	else
		r = learn(c, e);
	if (r != 0)
		return r;
	n = sk_X509_num(c->certs);
	if (n > MP_RECIPIENTS_MAX)
		return mp_fail(e, MP_ELIMIT,
		    "%s holds %d certificates, and a message is encrypted to "
		    "%d at most; name those of the management points that may "
		    "receive it",
		    c->cfg.encrypt_certs, n, MP_RECIPIENTS_MAX);
	for (int i = 0; i < n; i++)
		c->list[i] = sk_X509_value(c->certs, i);
	c->recipients = (struct mp_recipients){
	    .certs = c->list, .n = (size_t)n, .cipher = c->cfg.cipher};
	c->x.recipients = &c->recipients;
	return 0;
}
