/*
 * Keys and certificates for tests, made on the spot. A failure to make one
 * ends the test program: there is nothing to test then.
 */
#ifndef TESTS_UNIT_MP_PKI_H
#define TESTS_UNIT_MP_PKI_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#define PKI_DAY 86400L

struct pki_wish {
	const char *cn;
	const char *san; /* "DNS:localhost,IP:127.0.0.1"; NULL: none */
	X509 *issuer;    /* NULL: signed with its own key */
	EVP_PKEY *issuer_key;
	long from, to; /* seconds from now; both 0: now to ten days */
	long serial;   /* 0: one of its own */
	bool ca;
	const char *lists; /* "URI:http://..." of its CRL; NULL: none */
};

EVP_PKEY *pki_key(void); /* RSA-2048 */
X509 *pki_cert(EVP_PKEY *key, const struct pki_wish *wish);

struct pki_list {
	X509 *issuer;
	EVP_PKEY *issuer_key;
	const X509 *revoked; /* NULL: nobody */
	long from, to;       /* as above; to == from: no next update */
	bool delta;          /* what changed since list number 1 */
};

/* A CRL in DER into a buffer of max bytes; its length. */
size_t pki_crl(const struct pki_list *wish, unsigned char *der, size_t max);

/* Writes PEM to dir/name; path is a buffer of PATH_MAX bytes. */
void pki_save(const char *dir, const char *name, X509 *cert, char *path);

/* dir/name into a buffer of PATH_MAX bytes. */
void pki_path(char *path, const char *dir, const char *name);

/* A directory of our own below $TMPDIR; path as above. */
void pki_dir(char *path);
void pki_remove(const char *dir); /* with the files in it */

#endif
