/*
 * A token: one PKCS#11 module and the one token in it that a URI chooses,
 * with its login, its session pool and the index of its certificates. The
 * only face of pkcs11/. Knows nothing of sockets, callers or policy.
 *
 * After token_open() every function may be called by several threads at
 * once. The process must not fork after token_open().
 *
 * Sources: PKCS #11 v2.40 (OASIS); RFC 7512 for URIs.
 */
#ifndef PKCS11_TOKEN_H
#define PKCS11_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_SHA1_LEN 20
#define TOKEN_SHA256_LEN 32
#define TOKEN_NAME_MAX 64
#define TOKEN_TEXT_MAX 384
#define TOKEN_SEED_LEN 32
#define TOKEN_MEMORY_LEN 512
#define TOKEN_CERTS_MAX 8

enum token_err {
	TOKEN_OK = 0,
	TOKEN_ECONFIG = -1,    /* module or URI can never work as written */
	TOKEN_EMODULE = -2,    /* module cannot be loaded or initialised */
	TOKEN_EABSENT = -3,    /* no token fits the URI now */
	TOKEN_EPIN = -4,       /* no PIN, or one that was refused */
	TOKEN_EPINLOCKED = -5, /* the token locked its PIN, or is about to */
	TOKEN_ENOKEY = -6,     /* no such certificate with a key */
	TOKEN_EAMBIGUOUS = -7, /* the URI fits several tokens */
	TOKEN_EMECH = -8,      /* key or token cannot do this */
	TOKEN_EARG = -9,       /* lengths or values that cannot be */
	TOKEN_EBUSY = -10,     /* no session free within the wait */
	TOKEN_EDEVICE = -11,   /* the token failed; see ckr */
	TOKEN_EDATA = -12,     /* ciphertext refused (OAEP only) */
	TOKEN_ENOMEM = -13,
};

/* A failure in words, filled by the call that failed. */
struct token_trouble {
	unsigned long ckr;         /* CK_RV, or 0 (CKR_OK) if none */
	bool retry;                /* the same call may succeed later */
	char text[TOKEN_TEXT_MAX]; /* names token, function, CKR, next step */
};

/* What the PIN is wanted for. */
enum token_pin_use {
	TOKEN_PIN_LOGIN = 1, /* the login: once, until the token was lost */
	TOKEN_PIN_AGAIN = 2, /* one use of one key, and no person is asked */
	TOKEN_PIN_ASK = 3,   /* one use of one key, and a person is asked */
};

/*
 * Lends the PIN. get() stores a pointer and a length that stay valid until
 * the matching put(), which wipes; the token layer keeps no copy. A NULL pin
 * of length 0 asks for the token's own PIN pad. get() returns 0, or -1 with a
 * sentence in text. Never called by two threads at once; and for a signature
 * only with a key that has CKA_ALWAYS_AUTHENTICATE.
 */
struct token_pin {
	int (*get)(void *ctx, enum token_pin_use use, const uint8_t **pin,
	    size_t *len, char *text, size_t textlen);
	void (*put)(void *ctx);
	void *ctx;
};

/* Of keys that want the PIN for each use (CKA_ALWAYS_AUTHENTICATE). */
enum token_reauth {
	TOKEN_REAUTH_NEVER = 0,  /* such keys are listed, and do nothing */
	TOKEN_REAUTH_CACHED = 1, /* as TOKEN_PIN_AGAIN */
	TOKEN_REAUTH_ASK = 2,    /* as TOKEN_PIN_ASK */
};

/* The strings are borrowed. What is 0 or NULL has its default, or is off. */
struct token_config {
	const char *module; /* absolute path, or a p11-kit registered name */
	const char *uri;    /* RFC 7512 URI that chooses one token */
	const char *guard;  /* file that remembers a refused PIN; see login.h */
	const char *what_to_do;  /* next step after a refused PIN, a clause */
	const char *how_to_open; /* next step when locked, a clause */
	struct token_pin pin;
	enum token_reauth reauth;
	/* Certificate files, each "PATH" or "PATH URI"; see certfile.h. */
	const char *certs[TOKEN_CERTS_MAX];
	unsigned sessions; /* for operations, at most; 0 means 8 */
	/*
	 * What one call waits for a session, for the token to be set up by
	 * another thread, or while it is busy, at most; 0 means 5000.
	 */
	unsigned wait_ms;
	unsigned keepalive_ms; /* idle sessions are used; see token_tend() */
	unsigned release_ms;   /* idle token is let go; see token_tend() */
	uint8_t seed[TOKEN_SEED_LEN]; /* secret of implicit rejection */
	/*
	 * TOKEN_MEMORY_LEN bytes, zero at first, aligned as malloc() does,
	 * that may outlive the process: what the next one must know of
	 * logins. NULL: this process begins anew.
	 */
	void *memory;
};

enum token_keytype { TOKEN_RSA = 1, TOKEN_EC = 2, TOKEN_ED25519 = 3 };
enum token_hash {
	TOKEN_HASH_NONE = 0,
	TOKEN_SHA1 = 1,
	TOKEN_SHA256 = 2,
	TOKEN_SHA384 = 3,
	TOKEN_SHA512 = 4,
};
enum token_scheme {
	TOKEN_RSA_PKCS1 = 1,
	TOKEN_RSA_PSS = 2,
	TOKEN_RSA_OAEP = 3,
	TOKEN_ECDSA = 4,
	TOKEN_EDDSA = 5,
};

/* Bits of token_identity.mechs. */
#define TOKEN_MECH(scheme) (1u << (scheme))
#define TOKEN_MECH_DECRYPT_PKCS1 (1u << 8)
#define TOKEN_MECH_RAW_PSS (1u << 9)

/* One certificate on the token whose private key is there too. */
struct token_identity {
	uint8_t sha1[TOKEN_SHA1_LEN];
	uint8_t sha256[TOKEN_SHA256_LEN];
	enum token_keytype type;
	uint32_t bits;
	uint32_t mechs;
	uint64_t not_after; /* of the certificate, UNIX time; 0: unknown */
};

/* Counters and state; a snapshot. */
struct token_stats {
	char
	    label[TOKEN_NAME_MAX]; /* "label (manufacturer model serial)" cut */
	bool ready;                /* logged in and indexed */
	uint64_t identities;
	uint64_t sessions;
	uint64_t signatures;
	uint64_t decryptions;
	uint64_t logins;
	uint64_t logins_refused; /* of these, for whatever reason */
	uint64_t searches;
	uint64_t recoveries;
	uint64_t retries;           /* operations repeated after a failure */
	uint64_t certs_without_key; /* seen by the last scan */
	uint64_t keys_without_cert;
};

struct token;

/*
 * Checks the URI, loads the module and initialises it. Looks for no token
 * yet. The strings of cfg must outlive the token; the seed is copied.
 */
int token_open(struct token **tp, const struct token_config *cfg,
    struct token_trouble *why);

/* NULL-safe. Ends sessions, C_Finalize, unloads. No call may be running. */
void token_close(struct token *t);

/*
 * Finds the token, logs in and indexes it, unless that is done already. The
 * other calls do it by themselves; this one exists to do it early and to
 * learn why it fails. Single-flight; never sends a PIN that was refused.
 */
int token_ready(struct token *t, struct token_trouble *why);

/*
 * As token_ready(), and a signature over random bytes with one of its keys,
 * if there is one that signs and wants no PIN for it: after a failure, shows
 * that the token works.
 */
int token_probe(struct token *t, struct token_trouble *why);

/*
 * Lets operations end, for as long as wait_ms, then logs out and closes all
 * sessions. token_forget() leaves it so until the next call that needs the
 * token, which logs in again; after token_lock() such calls get TOKEN_EPIN
 * until token_unlock(), whatever happens to the token meanwhile. TOKEN_EBUSY:
 * an operation went on; the lock holds all the same, and the login ends when
 * token_lock() is called again. What was indexed stays listed.
 */
int token_forget(struct token *t, struct token_trouble *why);
int token_lock(struct token *t, struct token_trouble *why);
void token_unlock(struct token *t); /* logs nobody in: token_ready() does */

/*
 * What time brings about: uses sessions that were idle for keepalive_ms, and
 * forgets a token that was idle for release_ms. Returns in how many
 * milliseconds it is to be called again; 0: not before the token is used.
 * *err: TOKEN_OK, or how the token was lost while nobody asked for it.
 */
unsigned token_tend(struct token *t, int *err, struct token_trouble *why);

/* Reads certificates and keys again. Rate-limited by the caller. */
int token_rescan(struct token *t, struct token_trouble *why);

/*
 * Copies identities number `from` on, at most max, into ids; returns how
 * many. The order is stable until the next scan; generation says which.
 */
size_t token_list(struct token *t, size_t from, struct token_identity *ids,
    size_t max, uint64_t *generation);

/*
 * Changes with every scan; 0 before the first. Cheap, and never contacts the
 * token: for callers that watch whether token_list() has news.
 */
uint64_t token_generation(struct token *t);

/*
 * DER certificate `depth` of the key's chain, as found on the token (issuer
 * by issuer, each signature checked; 0 is the leaf). TOKEN_ENOKEY past the
 * end. In *len: room, then bytes.
 */
int token_certificate(struct token *t, const uint8_t key[TOKEN_SHA256_LEN],
    unsigned depth, uint8_t *der, size_t *len, struct token_trouble *why);

/*
 * Signs a digest (for EdDSA: the message). saltlen counts bytes, PSS only.
 * RSA signatures are as long as the modulus; ECDSA's are DER. In *siglen:
 * room, then bytes.
 */
int token_sign(struct token *t, const uint8_t key[TOKEN_SHA256_LEN],
    enum token_scheme scheme, enum token_hash hash, unsigned saltlen,
    const uint8_t *digest, size_t digestlen, uint8_t *sig, size_t *siglen,
    struct token_trouble *why);

/*
 * RSA decryption. inlen must be the modulus' length; *outlen must hold at
 * least as much. PKCS#1 v1.5 rejects implicitly: bad padding gives TOKEN_OK
 * and a pseudo-random message that depends on seed, public key and ciphertext
 * only: all certificates of one key give the same.
 */
int token_decrypt(struct token *t, const uint8_t key[TOKEN_SHA256_LEN],
    enum token_scheme scheme, enum token_hash hash, const uint8_t *in,
    size_t inlen, uint8_t *out, size_t *outlen, struct token_trouble *why);

void token_stats(struct token *t, struct token_stats *st);

const char *token_strerror(int err);

#endif
