#include "tests/unit/mp/pki.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tests/fake/keys.h"

static void
need(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "pki: cannot %s\n", what);
	abort();
}

EVP_PKEY *
pki_key(void)
{
	EVP_PKEY *key = keys_rsa(2048);

	need(key != NULL, "make a key");
	return key;
}

static void
extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	need(ext != NULL && X509_add_ext(cert, ext, -1) == 1, value);
	X509_EXTENSION_free(ext);
}

X509 *
pki_cert(EVP_PKEY *key, const struct pki_wish *wish)
{
	static long next = 1000;
	X509 *cert = X509_new(), *issuer;
	bool ten = wish->from == 0 && wish->to == 0;
	X509_NAME *name;

	need(cert != NULL, "make a certificate");
	issuer = wish->issuer != NULL ? wish->issuer : cert;
	(void)X509_set_version(cert, X509_VERSION_3);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(cert),
	    wish->serial != 0 ? wish->serial : next++);
	(void)X509_gmtime_adj(
	    X509_getm_notBefore(cert), ten ? -60 : wish->from);
	(void)X509_gmtime_adj(
	    X509_getm_notAfter(cert), ten ? 10 * PKI_DAY : wish->to);
	name = X509_get_subject_name(cert);
	need(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
		 (const unsigned char *)wish->cn, -1, -1, 0) == 1,
	    "name a certificate");
	(void)X509_set_issuer_name(cert, X509_get_subject_name(issuer));
	(void)X509_set_pubkey(cert, key);
	if (wish->ca)
		extend(cert, issuer, NID_basic_constraints, "critical,CA:TRUE");
	extend(cert, issuer, NID_subject_key_identifier, "hash");
	if (wish->san != NULL)
		extend(cert, issuer, NID_subject_alt_name, wish->san);
	if (wish->lists != NULL)
		extend(cert, issuer, NID_crl_distribution_points, wish->lists);
	need(X509_sign(cert, wish->issuer_key != NULL ? wish->issuer_key : key,
		 EVP_sha256()) > 0,
	    "sign a certificate");
	return cert;
}

/* RFC 5280, 5.2.4. */
static void
make_delta(X509_CRL *crl)
{
	ASN1_INTEGER *n = ASN1_INTEGER_new();

	need(n != NULL && ASN1_INTEGER_set(n, 1) == 1 &&
		 X509_CRL_add1_ext_i2d(crl, NID_delta_crl, n, 1, 0) == 1 &&
		 ASN1_INTEGER_set(n, 2) == 1 &&
		 X509_CRL_add1_ext_i2d(crl, NID_crl_number, n, 0, 0) == 1,
	    "make a delta list");
	ASN1_INTEGER_free(n);
}

size_t
pki_crl(const struct pki_list *wish, unsigned char *der, size_t max)
{
	bool ten = wish->from == 0 && wish->to == 0;
	long to = ten ? 10 * PKI_DAY : wish->to;
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *when = ASN1_TIME_new();
	ASN1_INTEGER *serial;
	X509_REVOKED *gone;
	int len;

	need(crl != NULL && when != NULL, "make a list");
	(void)X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	(void)X509_CRL_set_issuer_name(
	    crl, X509_get_subject_name(wish->issuer));
	(void)X509_gmtime_adj(when, ten ? -60 : wish->from);
	(void)X509_CRL_set1_lastUpdate(crl, when);
	if (wish->revoked != NULL) {
		gone = X509_REVOKED_new();
		serial =
		    ASN1_INTEGER_dup(X509_get0_serialNumber(wish->revoked));
		need(gone != NULL && serial != NULL, "revoke");
		(void)X509_REVOKED_set_serialNumber(gone, serial);
		(void)X509_REVOKED_set_revocationDate(gone, when);
		ASN1_INTEGER_free(serial);
		(void)X509_CRL_add0_revoked(crl, gone);
	}
	(void)X509_gmtime_adj(when, to);
	if (ten || wish->to != wish->from)
		(void)X509_CRL_set1_nextUpdate(crl, when);
	if (wish->delta)
		make_delta(crl);
	need(X509_CRL_sign(crl, wish->issuer_key, EVP_sha256()) > 0,
	    "sign a list");
	len = i2d_X509_CRL(crl, NULL);
	need(len > 0 && (size_t)len <= max && i2d_X509_CRL(crl, &der) == len,
	    "encode a list");
	ASN1_TIME_free(when);
	X509_CRL_free(crl);
	return (size_t)len;
}

void
pki_path(char *path, const char *dir, const char *name)
{
	int n = snprintf(path, PATH_MAX, "%s/%s", dir, name);

	need(n > 0 && n < PATH_MAX, "name a file");
}

void
pki_save(const char *dir, const char *name, X509 *cert, char *path)
{
	FILE *f;

	pki_path(path, dir, name);
	f = fopen(path, "we");
	need(f != NULL && PEM_write_X509(f, cert) == 1 && fclose(f) == 0,
	    "save a certificate");
}

void
pki_dir(char *path)
{
	const char *tmp = getenv("TMPDIR");

	pki_path(path, tmp != NULL ? tmp : "/tmp", "sealpoint-test-XXXXXX");
	need(mkdtemp(path) != NULL, "make a directory");
}

void
pki_remove(const char *dir)
{
	char path[PATH_MAX];
	const struct dirent *d;
	DIR *all = opendir(dir);

	while (all != NULL && (d = readdir(all)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		pki_path(path, dir, d->d_name);
		if (unlink(path) != 0)
			(void)rmdir(path);
	}
	if (all != NULL)
		(void)closedir(all);
	(void)rmdir(dir);
}
