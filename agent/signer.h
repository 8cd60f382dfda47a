/*
 * A signer: something that holds private keys and uses them for its caller.
 * This is the waist of Sealpoint. The messaging layer asks a signer, a token
 * worker serves one; a token, an agent at the far end of a socket and a
 * test's soft key all look like this. A signer never gives a private key
 * away, and this file knows nothing of tokens, sockets or messages.
 *
 * Every function may be called by several threads at once on one signer.
 */
#ifndef AGENT_SIGNER_H
#define AGENT_SIGNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIGNER_SHA1_LEN 20
#define SIGNER_SHA256_LEN 32
#define SIGNER_HASH_MAX 64    /* bytes of the longest digest, SHA-512 */
#define SIGNER_SIG_MAX 1024   /* bytes: RSA-8192; DER ECDSA is shorter */
#define SIGNER_TBS_MAX 49152  /* bytes of a message the signer hashes */
#define SIGNER_DATA_MAX 1024  /* bytes in or out of one decryption */
#define SIGNER_CERT_MAX 32768 /* bytes of one DER certificate */
#define SIGNER_CHAIN_MAX 8    /* certificates, the leaf included */
#define SIGNER_TOKEN_MAX 64   /* bytes of a token's printed name, with NUL */
#define SIGNER_TEXT_MAX 384   /* bytes of a failure's sentence, with NUL */

/* What went wrong, as far as a caller can act on it. */
enum signer_err {
	SIGNER_OK = 0,
	SIGNER_EARG = -1,       /* the request makes no sense */
	SIGNER_EDENIED = -2,    /* this caller may not use that key so */
	SIGNER_ENOKEY = -3,     /* no such key, or none that you may see */
	SIGNER_EAMBIGUOUS = -4, /* a SHA-1 thumbprint fits two certificates */
	SIGNER_EMECH = -5,      /* key or token cannot do this */
	SIGNER_EABSENT = -6,    /* the token is not there */
	SIGNER_EPIN = -7,       /* no PIN, or one that the token refused */
	SIGNER_EPINLOCKED = -8, /* the token locked its PIN */
	SIGNER_EBUSY = -9,      /* too much asked at once; try again later */
	SIGNER_ETIMEOUT = -10,  /* not done within the deadline */
	SIGNER_EDEVICE = -11,   /* the token or its module failed */
	SIGNER_EDATA = -12,     /* the data cannot be decrypted */
	SIGNER_EAGENT = -13,    /* the agent cannot be reached */
	SIGNER_EPROTO = -14,    /* the far end does not speak our protocol */
	SIGNER_ENOMEM = -15,
};

/* The last failure, in words. Filled by the call that failed. */
struct signer_trouble {
	uint32_t ckr;               /* CKR value of the token, or 0 */
	bool retry;                 /* the same request may succeed later */
	uint32_t after_ms;          /* but hardly before so many ms; 0: now */
	char text[SIGNER_TEXT_MAX]; /* one sentence; says what to do */
	int err; /* enum signer_err: what the call returned */
};

enum signer_keytype {
	SIGNER_KEY_RSA = 1,
	SIGNER_KEY_EC = 2, /* NIST curves; bits tells which */
	SIGNER_KEY_ED25519 = 3,
};

enum signer_hash {
	SIGNER_HASH_NONE = 0, /* the data is signed as it is (Ed25519) */
	SIGNER_SHA1 = 1,
	SIGNER_SHA256 = 2,
	SIGNER_SHA384 = 3,
	SIGNER_SHA512 = 4,
};

enum signer_scheme {
	SIGNER_RSA_PKCS1 = 1, /* EMSA-PKCS1-v1_5 / RSAES-PKCS1-v1_5 */
	SIGNER_RSA_PSS = 2,   /* MGF1 with the same hash */
	SIGNER_RSA_OAEP = 3,  /* MGF1 with the same hash, empty label */
	SIGNER_ECDSA = 4,     /* signatures are DER */
	SIGNER_EDDSA = 5,
};

/* Bits of signer_identity.mechs: what token and key can do together. */
#define SIGNER_MECH(scheme) (1u << (scheme))
#define SIGNER_MECH_DECRYPT_PKCS1 (1u << 8) /* RSAES-PKCS1-v1_5 */
#define SIGNER_MECH_RAW_PSS (1u << 9)       /* PSS only by way of raw RSA */

/* Bits of signer_identity.uses: what this caller may do with the key. */
#define SIGNER_USE_SIGN 1u
#define SIGNER_USE_DECRYPT 2u
#define SIGNER_USE_TLS 4u

/* One certificate whose private key the signer holds. Plain data. */
struct signer_identity {
	uint8_t sha1[SIGNER_SHA1_LEN];     /* of the DER certificate */
	uint8_t sha256[SIGNER_SHA256_LEN]; /* the key's name in every request */
	enum signer_keytype type;
	uint32_t bits;                /* modulus or field size */
	uint32_t mechs;               /* SIGNER_MECH... */
	uint32_t uses;                /* SIGNER_USE... */
	char token[SIGNER_TOKEN_MAX]; /* which token holds it */
	uint64_t not_after; /* the certificate's, UNIX time; 0: unknown */
};

/*
 * What to sign. With `digest` the data is the hash value itself; without it
 * the data is the message, of up to SIGNER_TBS_MAX bytes, and the signer
 * hashes it: so that it can see what it signs. EdDSA takes a message only.
 */
struct signer_sign {
	enum signer_scheme scheme;
	enum signer_hash hash;
	bool digest;
	uint16_t saltlen; /* PSS: bytes of salt; the hash's length as a rule */
	const uint8_t *data;
	size_t len;
};

struct signer_ops {
	const char *name;

	/*
	 * The identities from number `from` on: fills at most `max`, stores
	 * how many in *n; *n == 0 ends the list.
	 */
	int (*list)(void *ctx, size_t from, struct signer_identity *ids,
	    size_t max, size_t *n, struct signer_trouble *why);

	/* By SHA-1 (20 bytes) or SHA-256 (32 bytes) thumbprint. */
	int (*find)(void *ctx, const uint8_t *thumb, size_t thumblen,
	    struct signer_identity *id, struct signer_trouble *why);

	/*
	 * The DER certificate number `depth` of the key's chain: 0 is the
	 * leaf. SIGNER_ENOKEY past the end. In *len: room, then bytes.
	 */
	int (*certificate)(void *ctx, const uint8_t key[SIGNER_SHA256_LEN],
	    unsigned depth, uint8_t *der, size_t *len,
	    struct signer_trouble *why);

	/* In *siglen: room, then bytes. */
	int (*sign)(void *ctx, const uint8_t key[SIGNER_SHA256_LEN],
	    const struct signer_sign *what, uint8_t *sig, size_t *siglen,
	    struct signer_trouble *why);

	/*
	 * RSA decryption; scheme SIGNER_RSA_PKCS1 or SIGNER_RSA_OAEP (with
	 * its hash). PKCS#1 v1.5 answers bad padding as it answers good: OK,
	 * with a pseudo-random result (implicit rejection). In *outlen: room,
	 * which must be the modulus' length, then bytes.
	 */
	int (*decrypt)(void *ctx, const uint8_t key[SIGNER_SHA256_LEN],
	    enum signer_scheme scheme, enum signer_hash hash, const uint8_t *in,
	    size_t inlen, uint8_t *out, size_t *outlen,
	    struct signer_trouble *why);

	void (*close)(void *ctx);
};

struct signer {
	const struct signer_ops *ops;
	void *ctx;
};

/*
 * The calls that programs make. They check arguments, and empty every
 * output before and after a failure, once for all implementations. `why`
 * may be NULL; else it is filled on failure and cleared on success.
 */
int signer_list(const struct signer *s, size_t from,
    struct signer_identity *ids, size_t max, size_t *n,
    struct signer_trouble *why);
int signer_find(const struct signer *s, const uint8_t *thumb, size_t thumblen,
    struct signer_identity *id, struct signer_trouble *why);
int signer_certificate(const struct signer *s,
    const uint8_t key[SIGNER_SHA256_LEN], unsigned depth, uint8_t *der,
    size_t *len, struct signer_trouble *why);
int signer_sign(const struct signer *s, const uint8_t key[SIGNER_SHA256_LEN],
    const struct signer_sign *what, uint8_t *sig, size_t *siglen,
    struct signer_trouble *why);
int signer_decrypt(const struct signer *s, const uint8_t key[SIGNER_SHA256_LEN],
    enum signer_scheme scheme, enum signer_hash hash, const uint8_t *in,
    size_t inlen, uint8_t *out, size_t *outlen, struct signer_trouble *why);
void signer_close(struct signer *s); /* NULL-safe; ends what was opened */

const char *signer_strerror(int err);
size_t signer_hash_len(enum signer_hash hash); /* bytes; 0 if none */
bool signer_sign_valid(const struct signer_sign *what);

/*
 * Fills `why` (if not NULL) with a printf-like sentence; returns err, so
 * that a failure reads `return signer_fail(why, SIGNER_EDATA, "...")`.
 */
int signer_fail(struct signer_trouble *why, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Reads a thumbprint in any customary spelling: hex of either case, with
 * spaces or colons between bytes, a leading U+200E (as Windows' certificate
 * dialog copies it) ignored. Stores 20 or 32 bytes in buf[32]; SIGNER_EARG
 * if it is neither.
 */
int signer_thumbprint_parse(
    const char *text, uint8_t buf[SIGNER_SHA256_LEN], size_t *len);

/* The same as text: capital hex without blanks; len 20 or 32. */
#define SIGNER_THUMB_TEXT (2 * SIGNER_SHA256_LEN + 1)
void signer_thumbprint_print(
    const uint8_t *thumb, size_t len, char out[SIGNER_THUMB_TEXT]);

#endif
