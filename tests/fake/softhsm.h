/*
 * A throw-away SoftHSM token with keys that never leave it and certificates
 * for them, in a folder of its own. For tests: sets SOFTHSM2_CONF for this
 * process and its children. Each failure to make one ends the test program.
 *
 * The module must not be in use by this process while a function here runs.
 */
#ifndef TESTS_FAKE_SOFTHSM_H
#define TESTS_FAKE_SOFTHSM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOFTHSM_PIN "4711-right"
#define SOFTHSM_SO_PIN "0815-officer"
#define SOFTHSM_LABEL "sealpoint test"

struct softhsm_cert {
	uint8_t der[2048];
	size_t len;
	uint8_t sha1[20], sha256[32];
};

/*
 * On the token: three keys with certificates of `issuing`, which `root`
 * issued, both there without keys; a certificate of nobody's, an RSA key
 * without a certificate, and an object that only calls itself a certificate.
 */
struct softhsm {
	char dir[64]; /* holds the tokens, the configuration, and what you
			 like; softhsm_remove() takes all */
	char module[256];
	char uri[128];               /* chooses this token */
	char guard[96];              /* a file in dir, for token_config */
	struct softhsm_cert rsa;     /* RSA-2048, signs and decrypts */
	struct softhsm_cert ec;      /* P-256 */
	struct softhsm_cert ed25519; /* len 0 if SoftHSM has no EdDSA */
	struct softhsm_cert issuing, root, foreign;
	/* If set before softhsm_fill(): */
	bool plain;  /* no Ed25519 key */
	bool always; /* the RSA key has CKA_ALWAYS_AUTHENTICATE */
	bool bare;   /* no certificates */
};

/* False if SoftHSM is not installed: skip the test (exit status 77). */
bool softhsm_make(struct softhsm *h);

/* Makes the folder and configuration only; no token yet. */
bool softhsm_prepare(struct softhsm *h);

/* Makes the token of softhsm_prepare()'s folder, with all that is on it. */
void softhsm_fill(struct softhsm *h);

/* One more, empty token in the same folder. */
void softhsm_add_empty(struct softhsm *h, const char *label);

void softhsm_remove(struct softhsm *h);

#endif
