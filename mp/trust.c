#include "mp/trust.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "mp/certs.h"
#include "mp/reason.h"

#define NAME_TEXT_MAX 256 /* bytes of a certificate's name in a sentence */

struct mp_trust {
	STACK_OF(X509) * certs; /* never NULL */
	bool sha1;              /* is good enough */
};

/* One reply under examination. */
struct trial {
	const struct mp_trust *trust;
	const struct mp_reply *reply;
	const char *host;
	CMS_ContentInfo *cms;
	CMS_SignerInfo *signer; /* the only one; borrowed from cms */
	X509 *cert;             /* pinned, and named by signer; borrowed */
	struct mp_error *e;
};

int
mp_trust_open(struct mp_trust **tp, const char *path, struct mp_error *e)
{
	struct mp_trust *t;
	int r;

	*tp = NULL;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return mp_fail(e, MP_ENOMEM, "trust: out of memory");
	if (path != NULL) {
		r = mp_certs_load(&t->certs, path,
		    "pinned certificates of management points", e);
	} else {
		t->certs = sk_X509_new_null();
		r = t->certs != NULL
			? 0
			: mp_fail(e, MP_ENOMEM, "trust: out of memory");
	}
	if (r != 0) {
		mp_trust_close(t);
		return r;
	}
	*tp = t;
	return 0;
}

void
mp_trust_close(struct mp_trust *t)
{
	if (t == NULL)
		return;
	sk_X509_pop_free(t->certs, X509_free);
	free(t);
}

void
mp_trust_allow_sha1(struct mp_trust *t)
{
	t->sha1 = true;
}

size_t
mp_trust_count(const struct mp_trust *t)
{
	return (size_t)sk_X509_num(t->certs);
}

bool
mp_trust_has(const struct mp_trust *t, const X509 *cert)
{
	for (int i = 0; i < sk_X509_num(t->certs); i++)
		if (X509_cmp(sk_X509_value(t->certs, i), cert) == 0)
			return true;
	return false;
}

/* A reply without a signature: the rule decides. */
static int
bare(const char *host, enum mp_signature_rule rule, bool over_tls,
    const char **proof, struct mp_error *e)
{
	if (rule != MP_SIGNATURE_TLS)
		return mp_fail(e, MP_ETRUST,
		    "the reply of %s is not signed (it has no authenticate "
		    "hook), so nothing proves whose it is; if this management "
		    "point does not sign over HTTPS, --mp-signature tls "
		    "accepts its TLS certificate as the proof",
		    host);
	if (!over_tls)
		return mp_fail(e, MP_ETRUST,
		    "the reply of %s is not signed and did not come over "
		    "TLS, so nothing proves whose it is; use an https "
		    "address, or a management point that signs",
		    host);
	*proof = "tls";
	return 0;
}

static int
parse(struct trial *t)
{
	const struct mp_reply *r = t->reply;
	const unsigned char *p = r->signature;
	STACK_OF(CMS_SignerInfo) * infos;

	ERR_clear_error();
	if (r->signature != NULL && r->signature_len > 0)
		t->cms = d2i_CMS_ContentInfo(NULL, &p, (long)r->signature_len);
	if (t->cms == NULL || p != r->signature + r->signature_len ||
	    OBJ_obj2nid(CMS_get0_type(t->cms)) != NID_pkcs7_signed)
		return mp_fail(t->e, MP_ETRUST,
		    "the signature of the reply of %s is not a DER CMS "
		    "SignedData (%s); the reply is not used",
		    t->host, mp_reason_openssl());
	if (CMS_is_detached(t->cms) != 1)
		return mp_fail(t->e, MP_ETRUST,
		    "the signature of the reply of %s carries content of its "
		    "own instead of being detached; the reply is not used",
		    t->host);
	infos = CMS_get0_SignerInfos(t->cms);
	if (sk_CMS_SignerInfo_num(infos) != 1)
		return mp_fail(t->e, MP_ETRUST,
		    "the signature of the reply of %s has %d signers where "
		    "exactly one is expected; the reply is not used",
		    t->host, sk_CMS_SignerInfo_num(infos));
	t->signer = sk_CMS_SignerInfo_value(infos, 0);
	return 0;
}

static int
hashed(struct trial *t)
{
	X509_ALGOR *digest = NULL;
	const ASN1_OBJECT *oid = NULL;
	char name[64] = "";
	int nid;

	CMS_SignerInfo_get0_algs(t->signer, NULL, NULL, &digest, NULL);
	if (digest != NULL)
		X509_ALGOR_get0(&oid, NULL, NULL, digest);
	nid = oid != NULL ? OBJ_obj2nid(oid) : NID_undef;
	if (nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512 ||
	    (nid == NID_sha1 && t->trust->sha1))
		return 0;
	if (nid == NID_sha1)
		return mp_fail(t->e, MP_ETRUST,
		    "the signature of the reply of %s is made with SHA-1, for "
		    "which others can be forged; if this site is too old for "
		    "SHA-256, --mp-hash sha1 accepts it",
		    t->host);
	if (oid != NULL)
		(void)OBJ_obj2txt(name, sizeof(name), oid, 0);
	return mp_fail(t->e, MP_ETRUST,
	    "the signature of the reply of %s is made with the digest "
	    "\"%s\"; only SHA-256, SHA-384 and SHA-512 are accepted, and SHA-1 "
	    "if --mp-hash sha1 says so",
	    t->host, name);
}

/* Who signed, as the signature itself claims: bytes from outside, escaped. */
static void
claim(const struct trial *t, char *text, size_t textlen)
{
	ASN1_OCTET_STRING *keyid = NULL;
	ASN1_INTEGER *serial = NULL;
	X509_NAME *issuer = NULL;
	BIO *out = BIO_new(BIO_s_mem());
	int n;

	text[0] = '\0';
	if (out == NULL)
		return;
	(void)CMS_SignerInfo_get0_signer_id(
	    t->signer, &keyid, &issuer, &serial);
	if (issuer != NULL) {
		(void)BIO_puts(out, "issuer \"");
		(void)X509_NAME_print_ex(out, issuer, 0, XN_FLAG_RFC2253);
		(void)BIO_puts(out, "\", serial ");
		(void)i2a_ASN1_INTEGER(out, serial);
	} else if (keyid != NULL) {
		(void)BIO_puts(out, "key identifier ");
		(void)i2a_ASN1_STRING(out, keyid, V_ASN1_OCTET_STRING);
	}
	n = BIO_read(out, text, (int)textlen - 1);
	text[n > 0 ? n : 0] = '\0';
	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	BIO_free(out);
}

static bool
current(const X509 *cert)
{
	return X509_cmp_current_time(X509_get0_notBefore(cert)) < 0 &&
	       X509_cmp_current_time(X509_get0_notAfter(cert)) > 0;
}

/*
 * Finds the pinned certificate that the signature names. Where several fit
 * (a certificate renewed with its key, named by key identifier), one that is
 * valid today goes first. Certificates inside the signature are not looked at.
 */
static int
pinned(struct trial *t)
{
	char who[NAME_TEXT_MAX];
	X509 *cert;

	for (int i = 0; i < sk_X509_num(t->trust->certs); i++) {
		cert = sk_X509_value(t->trust->certs, i);
		if (CMS_SignerInfo_cert_cmp(t->signer, cert) != 0)
			continue;
		if (t->cert == NULL || current(cert))
			t->cert = cert;
	}
	if (t->cert != NULL)
		return 0;
	claim(t, who, sizeof(who));
	if (mp_trust_count(t->trust) == 0)
		return mp_fail(t->e, MP_ETRUST,
		    "the reply of %s is signed (%s), and no certificate of a "
		    "management point is pinned to check it with; name its "
		    "signing certificate with --mp-certs",
		    t->host, who);
	return mp_fail(t->e, MP_ETRUST,
	    "the reply of %s is signed by a certificate that is not pinned "
	    "(%s); if that is the management point's signing certificate, "
	    "have it confirmed by its administrator and add it to --mp-certs",
	    t->host, who);
}

static int
verified(struct trial *t)
{
	/* No certificate but the pinned one is offered or believed. */
	const unsigned flags = CMS_BINARY | CMS_DETACHED | CMS_NOINTERN |
			       CMS_NO_SIGNER_CERT_VERIFY;
	STACK_OF(X509) * only;
	BIO *data = NULL;
	int r;

	if (t->reply->payload_len > MP_REPLY_MAX)
		return mp_fail(t->e, MP_ELIMIT,
		    "the reply of %s is larger than %u bytes", t->host,
		    MP_REPLY_MAX);
	r = mp_fail(t->e, MP_ENOMEM, "trust: out of memory");
	only = sk_X509_new_null();
	if (only == NULL || sk_X509_push(only, t->cert) == 0)
		goto out;
	data = BIO_new_mem_buf(
	    t->reply->payload_len > 0 ? (const void *)t->reply->payload : "",
	    (int)t->reply->payload_len);
	if (data == NULL)
		goto out;
	ERR_clear_error();
	r = 0;
	if (CMS_verify(t->cms, only, NULL, data, NULL, flags) != 1)
		r = mp_fail(t->e, MP_ETRUST,
		    "the signature of the reply of %s is wrong (%s): the "
		    "reply was changed on its way or is not the management "
		    "point's; it is not used",
		    t->host, mp_reason_openssl());
out:
	BIO_free(data);
	sk_X509_free(only);
	return r;
}

static int
dated(struct trial *t)
{
	char name[NAME_TEXT_MAX] = "";

	if (current(t->cert))
		return 0;
	(void)X509_NAME_oneline(
	    X509_get_subject_name(t->cert), name, (int)sizeof(name));
	return mp_fail(t->e, MP_ETRUST,
	    "the reply of %s is signed with the pinned certificate %s, which "
	    "%s; give --mp-certs the management point's new certificate, or "
	    "correct this machine's clock",
	    t->host, name,
	    X509_cmp_current_time(X509_get0_notAfter(t->cert)) > 0
		? "is not valid yet"
		: "has expired");
}

/* Is name one of the entries of a ";"-separated list? */
static bool
listed(const char *list, const char *name)
{
	size_t n = strlen(name), len;

	while (*list != '\0') {
		list += strspn(list, "; ");
		len = strcspn(list, ";");
		while (len > 0 && list[len - 1] == ' ')
			len--;
		if (len == n && n > 0 && strncasecmp(list, name, n) == 0)
			return true;
		list += strcspn(list, ";");
	}
	return false;
}

/*
 * The hook's own words. The signature does not cover them, so they prove
 * nothing; they tell a reply that was meant for somebody else (wire-facts 6.3).
 */
static int
ours(const struct trial *t, const char *site)
{
	const struct mp_reply *r = t->reply;

	if (r->site_code == NULL || strcasecmp(r->site_code, site) != 0)
		return mp_fail(t->e, MP_ETRUST,
		    "the reply of %s is signed for site \"%.16s\", and this "
		    "client is of site \"%s\"; check --site",
		    t->host, r->site_code != NULL ? r->site_code : "", site);
	if (r->senders == NULL || !listed(r->senders, t->host))
		return mp_fail(t->e, MP_ETRUST,
		    "the signed reply of %s says it comes from \"%.256s\"; "
		    "address the management point by one of these names if "
		    "it is the right one",
		    t->host, r->senders != NULL ? r->senders : "");
	return 0;
}

int
mp_trust_verify(const struct mp_trust *t, const struct mp_reply *r,
    const char *site, const char *host, enum mp_signature_rule rule,
    bool over_tls, const char **proof, struct mp_error *e)
{
	struct trial trial = {.trust = t, .reply = r, .host = host, .e = e};
	int err;

	*proof = NULL;
	if (!r->signed_)
		return bare(host, rule, over_tls, proof, e);
	err = parse(&trial);
	if (err == 0)
		err = hashed(&trial);
	if (err == 0)
		err = pinned(&trial);
	if (err == 0)
		err = verified(&trial);
	if (err == 0)
		err = dated(&trial);
	if (err == 0)
		err = ours(&trial, site);
	if (err == 0)
		*proof = "signature";
	CMS_ContentInfo_free(trial.cms);
	return err;
}
