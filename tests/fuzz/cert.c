/*
 * Any bytes as a certificate that a token holds, and as its own issuer. What
 * is accepted is one certificate and nothing behind it, and verifies no
 * signature of nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "pkcs11/cert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t digest[TOKEN_SHA256_LEN], sig[512];
	uint8_t *der = malloc(len + 1);
	struct cert c;

	if (der == NULL)
		abort();
	memcpy(der, data, len);
	if (cert_init(&c, der, len) != 0)
		return 0;
	if (c.len != len || memcmp(c.der, data, len) != 0)
		abort();
	(void)cert_issued(&c, &c);
	if (cert_arm(&c) == 0 &&
	    cert_verify(&c, TOKEN_RSA_PKCS1, TOKEN_SHA256, 0, digest,
		sizeof(digest), sig, c.pub.bits / 8 % sizeof(sig)))
		abort();
	cert_release(&c);
	return 0;
}
