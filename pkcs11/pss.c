#include "pkcs11/pss.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#define HASH_MAX 64

static const EVP_MD *
digest_of(enum token_hash hash)
{
	switch (hash) {
	case TOKEN_HASH_NONE:
		return NULL;
	case TOKEN_SHA1:
		return EVP_sha1();
	case TOKEN_SHA256:
		return EVP_sha256();
	case TOKEN_SHA384:
		return EVP_sha384();
	case TOKEN_SHA512:
		return EVP_sha512();
	}
	return NULL;
}

bool
pss_fits(size_t hashlen, unsigned saltlen, uint32_t modbits)
{
	size_t emlen = (modbits - 1 + 7) / 8;

	return emlen >= hashlen + 2 && saltlen <= emlen - hashlen - 2;
}

/* H = Hash(8 zeros || digest || salt) */
static int
bind(const EVP_MD *md, const uint8_t *digest, size_t len, const uint8_t *salt,
    size_t saltlen, uint8_t *h)
{
	static const uint8_t zeros[8];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok;

	ok = ctx != NULL && EVP_DigestInit_ex(ctx, md, NULL) == 1 &&
	     EVP_DigestUpdate(ctx, zeros, sizeof(zeros)) == 1 &&
	     EVP_DigestUpdate(ctx, digest, len) == 1 &&
	     EVP_DigestUpdate(ctx, salt, saltlen) == 1 &&
	     EVP_DigestFinal_ex(ctx, h, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -1;
}

/* XORs MGF1(seed) into db. */
static int
mask(const EVP_MD *md, const uint8_t *seed, size_t len, uint8_t *db,
    size_t dblen)
{
	uint8_t block[HASH_MAX + 4], out[HASH_MAX];
	uint32_t counter = 0;

	memcpy(block, seed, len);
	for (size_t at = 0; at < dblen; at += len, counter++) {
		size_t n = dblen - at < len ? dblen - at : len;

		block[len] = (uint8_t)(counter >> 24);
		block[len + 1] = (uint8_t)(counter >> 16);
		block[len + 2] = (uint8_t)(counter >> 8);
		block[len + 3] = (uint8_t)counter;
		if (EVP_Digest(block, len + 4, out, NULL, md, NULL) != 1)
			return -1;
		for (size_t i = 0; i < n; i++)
			db[at + i] ^= out[i];
	}
	return 0;
}

int
pss_encode(enum token_hash hash, const uint8_t *digest, size_t len,
    unsigned saltlen, uint32_t modbits, uint8_t *em, size_t emlen)
{
	const EVP_MD *md = digest_of(hash);
	uint8_t *salt, *h;
	size_t dblen;

	memset(em, 0, emlen);
	if (md == NULL || len != (size_t)EVP_MD_get_size(md) ||
	    emlen != (modbits + 7) / 8 || !pss_fits(len, saltlen, modbits))
		return -1;
	/* emBits is one less than the modulus', and may save a whole byte. */
	if (modbits % 8 == 1) {
		em++;
		emlen--;
	}
	dblen = emlen - len - 1;
	salt = em + dblen - saltlen;
	h = em + dblen;
	if (RAND_bytes(salt, (int)saltlen) != 1 ||
	    bind(md, digest, len, salt, saltlen, h) != 0)
		return -1;
	em[dblen - saltlen - 1] = 0x01;
	if (mask(md, h, len, em, dblen) != 0)
		return -1;
	em[0] &= (uint8_t)(0xff >> (8 * emlen - (modbits - 1)));
	em[emlen - 1] = 0xbc;
	return 0;
}
