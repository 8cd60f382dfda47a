#include "agent/hash.h"

#include <openssl/evp.h>

static const EVP_MD *
md(enum signer_hash h)
{
	switch (h) {
	case SIGNER_HASH_NONE:
		break;
	case SIGNER_SHA1:
		return EVP_sha1();
	case SIGNER_SHA256:
		return EVP_sha256();
	case SIGNER_SHA384:
		return EVP_sha384();
	case SIGNER_SHA512:
		return EVP_sha512();
	}
	return NULL;
}

size_t
hash_make(enum signer_hash h, const uint8_t *data, size_t len,
    uint8_t out[SIGNER_HASH_MAX])
{
	const EVP_MD *m = md(h);
	unsigned n = 0;

	return m != NULL && EVP_Digest(data, len, out, &n, m, NULL) == 1 ? n
									 : 0;
}
