/*
 * Any bytes as a revocation list, asked about a certificate that is not
 * revoked and about one that is. The list is signed, so changes alone let
 * nothing through: the revoked one never passes.
 */
#include "mp/crl.c" /* what judges a list has no name outside */

#include <openssl/pem.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static X509 *issuer, *good, *revoked; /* the callback cannot be given them */

static X509 *
load(const char *path)
{
	FILE *f = fopen(path, "re");
	X509 *cert;

	if (f == NULL || (cert = PEM_read_X509(f, NULL, NULL, NULL)) == NULL)
		abort();
	(void)fclose(f);
	return cert;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	issuer = load(CERTIFICATES "/ca.pem");
	good = load(CERTIFICATES "/good.pem");
	revoked = load(CERTIFICATES "/revoked.pem");
	return 0;
}

static int
verdict(X509 *cert, const struct mp_buf *list)
{
	struct mp_error e = {0};
	struct trial t = {.cert = cert, .issuer = issuer, .e = &e};
	bool final;
	int r = ask(&t, "http://crl.example.com/a.crl", list, &final);

	if (r != MP_OK && e.text[0] == '\0')
		abort();
	return r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct mp_buf list;

	mp_buf_init(&list, MP_CRL_MAX);
	mp_buf_add(&list, data, len);
	if (!mp_buf_ok(&list))
		abort();
	(void)verdict(good, &list);
	if (verdict(revoked, &list) == MP_OK)
		abort();
	mp_buf_release(&list);
	return 0;
}
