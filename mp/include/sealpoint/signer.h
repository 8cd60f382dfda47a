/*
 * A signer: a table of functions that use private keys for libsealpoint. A
 * program whose keys are neither with the agent nor in PKCS#11 fills one in.
 * The library hands over digests and ciphertexts, and never sees a key.
 *
 * Every function may be called by several threads at once.
 */
#ifndef SEALPOINT_SIGNER_H
#define SEALPOINT_SIGNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sealpoint/api.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SEALPOINT_SHA1_LEN 20
#define SEALPOINT_SHA256_LEN 32
#define SEALPOINT_SIGNER_NAME_MAX 64  /* bytes, with NUL */
#define SEALPOINT_SIGNER_TEXT_MAX 384 /* likewise */

/* What a signer's functions return. */
enum sealpoint_signer_error {
	SEALPOINT_SIGNER_OK = 0,
	SEALPOINT_SIGNER_EARG = -1,       /* the request makes no sense */
	SEALPOINT_SIGNER_EDENIED = -2,    /* not allowed */
	SEALPOINT_SIGNER_ENOKEY = -3,     /* no such key or certificate */
	SEALPOINT_SIGNER_EAMBIGUOUS = -4, /* the thumbprint fits two */
	SEALPOINT_SIGNER_EMECH = -5,      /* the key cannot do this */
	SEALPOINT_SIGNER_EABSENT = -6,    /* the token is not there */
	SEALPOINT_SIGNER_EPIN = -7,       /* no PIN, or a wrong one */
	SEALPOINT_SIGNER_EPINLOCKED = -8, /* the token locked its PIN */
	SEALPOINT_SIGNER_EBUSY = -9,      /* try again later */
	SEALPOINT_SIGNER_ETIMEOUT = -10,  /* not done within the deadline */
	SEALPOINT_SIGNER_EDEVICE = -11,   /* the token failed */
	SEALPOINT_SIGNER_EDATA = -12,     /* cannot be decrypted */
};

enum sealpoint_key_type {
	SEALPOINT_KEY_RSA = 1, /* the one that management points know */
	SEALPOINT_KEY_EC = 2,
	SEALPOINT_KEY_ED25519 = 3,
};

enum sealpoint_digest {
	SEALPOINT_DIGEST_NONE = 0, /* the data is signed as it is */
	SEALPOINT_DIGEST_SHA1 = 1,
	SEALPOINT_DIGEST_SHA256 = 2,
	SEALPOINT_DIGEST_SHA384 = 3,
	SEALPOINT_DIGEST_SHA512 = 4,
};

enum sealpoint_scheme {
	SEALPOINT_RSA_PKCS1 = 1, /* signature or encryption, v1.5 */
	SEALPOINT_RSA_PSS = 2,   /* MGF1 with the same digest */
	SEALPOINT_RSA_OAEP = 3,  /* MGF1 with the same digest, no label */
	SEALPOINT_ECDSA = 4,     /* signatures are DER */
	SEALPOINT_EDDSA = 5,
};

/* Bits of mechanisms: what the key can do. */
#define SEALPOINT_MECHANISM(scheme) (1u << (scheme))
#define SEALPOINT_MECHANISM_DECRYPT_PKCS1 (1u << 8)

/* Bits of uses: what the key may be used for. */
#define SEALPOINT_USE_SIGN 1u
#define SEALPOINT_USE_DECRYPT 2u
#define SEALPOINT_USE_TLS 4u

/* One certificate whose private key the signer holds. */
struct sealpoint_signer_identity {
	uint8_t sha1[SEALPOINT_SHA1_LEN];     /* of the DER certificate */
	uint8_t sha256[SEALPOINT_SHA256_LEN]; /* the key's name henceforth */
	enum sealpoint_key_type type;
	uint32_t bits; /* of the modulus */
	uint32_t mechanisms;
	uint32_t uses;
	char token[SEALPOINT_SIGNER_NAME_MAX]; /* what holds it, for people */
};

/*
 * What to sign: a digest, or, if `digested` is false, a message of up to
 * 49152 bytes that the signer digests. TLS sends messages.
 */
struct sealpoint_signer_request {
	enum sealpoint_scheme scheme;
	enum sealpoint_digest digest;
	bool digested;
	uint16_t saltlen; /* PSS: bytes of salt */
	const uint8_t *data;
	size_t len;
};

/* Why it failed: one sentence that says what to do, or "". */
struct sealpoint_signer_trouble {
	uint32_t ckr; /* CKR value of a PKCS#11 token, or 0 */
	bool retry;   /* the same request may succeed later */
	char text[SEALPOINT_SIGNER_TEXT_MAX];
};

/*
 * Buffers are the caller's; a length that is pointed to holds the room, and
 * afterwards the bytes. `why` is never NULL, and empty before the call.
 */
struct sealpoint_signer {
	size_t size; /* sizeof(struct sealpoint_signer): tells versions apart */
	void *ctx;   /* for the functions */

	/* By SHA-1 (20 bytes) or SHA-256 (32 bytes) of the certificate. */
	int (*find)(void *ctx, const uint8_t *thumbprint, size_t len,
	    struct sealpoint_signer_identity *id,
	    struct sealpoint_signer_trouble *why);

	/*
	 * The DER certificate number `depth` of the key's chain; 0 is its
	 * own. SEALPOINT_SIGNER_ENOKEY past the end.
	 */
	int (*certificate)(void *ctx, const uint8_t *sha256, unsigned depth,
	    uint8_t *der, size_t *len, struct sealpoint_signer_trouble *why);

	int (*sign)(void *ctx, const uint8_t *sha256,
	    const struct sealpoint_signer_request *what, uint8_t *sig,
	    size_t *len, struct sealpoint_signer_trouble *why);

	/*
	 * RSA, with SEALPOINT_RSA_PKCS1 or SEALPOINT_RSA_OAEP; NULL if the
	 * key only signs. Answer bad PKCS#1 v1.5 padding as a good one, with
	 * a pseudo-random result: else the key becomes an oracle.
	 */
	int (*decrypt)(void *ctx, const uint8_t *sha256,
	    enum sealpoint_scheme scheme, enum sealpoint_digest digest,
	    const uint8_t *in, size_t inlen, uint8_t *out, size_t *outlen,
	    struct sealpoint_signer_trouble *why);

	/* After the last use; may be NULL. */
	void (*close)(void *ctx);
};

#ifdef __cplusplus
}
#endif

#endif
