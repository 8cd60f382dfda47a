/*
 * Provisioning: makes a key pair on a token, and brings the certificate to
 * it: self-signed, requested from an authority, or imported. The only face of
 * pkcs11/provision. Knows nothing of the agent, of terminals and files, and
 * keeps neither PIN nor private key.
 *
 * One thread, one struct provision per process at a time; enum token_err and
 * a sentence, as in token.h.
 */
#ifndef PKCS11_PROVISION_PROVISION_H
#define PKCS11_PROVISION_PROVISION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pkcs11/token.h"

#define PROVISION_ID_MAX 64    /* bytes of a CKA_ID that we make or show */
#define PROVISION_LABEL_MAX 64 /* bytes of a CKA_LABEL */
#define PROVISION_URI_MAX 1024
#define PROVISION_DER_MAX 16384 /* bytes of a certificate or request */
#define PROVISION_NAMES_MAX 32  /* alternative names in a request */
#define PROVISION_TOKENS_MAX 64
#define PROVISION_DAYS_MAX 36500

/* Bits of provision_token.state. */
enum provision_state {
	PROVISION_BLANK = 1 << 0,      /* not initialised */
	PROVISION_READ_ONLY = 1 << 1,  /* takes no new objects */
	PROVISION_NO_PIN = 1 << 2,     /* its user has no PIN yet */
	PROVISION_PIN_LOW = 1 << 3,    /* a wrong PIN was sent of late */
	PROVISION_PIN_FINAL = 1 << 4,  /* one more locks it */
	PROVISION_PIN_LOCKED = 1 << 5, /* locked */
	PROVISION_PIN_CHANGE = 1 << 6, /* must be changed first */
	PROVISION_PAD = 1 << 7,        /* has a PIN pad of its own */
	PROVISION_OPEN = 1 << 8,       /* needs no login */
};

struct provision_token {
	char label[33], manufacturer[33], model[17], serial[17];
	unsigned state;
	char uri[PROVISION_URI_MAX]; /* fits it alone; empty if it is blank */
};

/*
 * The tokens of a module, at most max; those that fit `uri`, unless it is
 * NULL. No login, no session.
 */
int provision_list(const char *module, const char *uri,
    struct provision_token *list, size_t max, size_t *n,
    struct token_trouble *why);

struct provision_config {
	const char *module;     /* as in struct token_config */
	const char *uri;        /* must fit one token */
	const char *guard;      /* file that remembers refused PINs */
	const char *what_to_do; /* about a refused PIN, a clause */
	struct token_pin pin;   /* asked once, for the login */
};

struct provision;

/*
 * Finds the token and logs in. Nothing is sent to a token whose PIN is
 * locked, has one try left or must be changed, and no PIN that it refused
 * before. The strings of cfg must outlive it.
 */
int provision_open(struct provision **pp, const struct provision_config *cfg,
    struct token_trouble *why);
void provision_close(struct provision *p); /* NULL-safe; logs out */

enum provision_kind {
	PROVISION_RSA_2048 = 1,
	PROVISION_RSA_3072,
	PROVISION_RSA_4096,
	PROVISION_EC_P256,
	PROVISION_EC_P384,
};

/* Names a key by its label, its CKA_ID, or both. */
struct provision_choice {
	const char *label; /* NULL: any */
	const uint8_t *id;
	size_t idlen; /* 0: any */
};

struct provision_key {
	char label[PROVISION_LABEL_MAX + 1]; /* fit to print */
	uint8_t id[PROVISION_ID_MAX];
	size_t idlen;
	enum token_keytype type;
	uint32_t bits;
	char uri[PROVISION_URI_MAX];
};

/*
 * Makes a key pair on the token, which the private key cannot leave. The
 * label is needed; an id is made up if there is none. Refused if an object of
 * the token has that label or that id. Fails, and destroys the pair, if the
 * token made a private key that could leave it.
 */
int provision_generate(struct provision *p, enum provision_kind kind,
    const struct provision_choice *names, struct provision_key *made,
    struct token_trouble *why);

struct provision_wish {
	const char *subject; /* RFC 4514, or /C=DE/O=.../CN=... */
	unsigned days;
	enum token_hash hash;
};

/*
 * Makes a certificate for an RSA key, signed by that key, as clients of
 * Configuration Manager in mixed mode use it, and stores it beside the key.
 * der holds PROVISION_DER_MAX bytes.
 */
int provision_self_sign(struct provision *p,
    const struct provision_choice *choice, const struct provision_wish *wish,
    uint8_t *der, size_t *len, struct provision_key *key,
    struct token_trouble *why);

/*
 * Makes a request for a certificate (PKCS#10). Alternative names are written
 * DNS:, IP:, email: or URI: and the name.
 */
int provision_request(struct provision *p,
    const struct provision_choice *choice, const char *subject,
    const char *const *names, size_t nnames, uint8_t *der, size_t *len,
    struct provision_key *key, struct token_trouble *why);

/*
 * Stores a certificate beside its key, once the key is proven to be its own.
 * Without label and id every key of the token is tried.
 */
int provision_import(struct provision *p, const struct provision_choice *choice,
    const uint8_t *der, size_t len, struct provision_key *key,
    struct token_trouble *why);

#endif
