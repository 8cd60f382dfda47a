/*
 * Certificate files: for tokens that hold keys and no certificates. Reads
 * them, PEM or DER, and says which key a leaf is said to belong to; that it
 * does belong there is for the scan to prove. Knows no token.
 *
 * Each is configured as "PATH" or "PATH URI". The first certificate in a file
 * is the leaf, the others are its chain. The URI (RFC 7512) has id, object or
 * both, and names the leaf's private key where the token does not let its
 * public part be read.
 */
#ifndef PKCS11_CERTFILE_H
#define PKCS11_CERTFILE_H

#include "pkcs11/key.h"
#include "pkcs11/token.h"

#define CERTFILE_SIZE_MAX 262144 /* bytes of one file */
#define CERTFILE_CERTS_MAX 16    /* certificates in one file */

struct certfile_der {
	uint8_t *bytes;
	size_t len;
	bool leaf;
	struct key_tags tags; /* of the leaf's key, as far as the URI tells */
};

struct certfile {
	struct certfile_der ders[TOKEN_CERTS_MAX * CERTFILE_CERTS_MAX];
	size_t n;
};

/*
 * Reads all files anew. On failure *f stays as it was, so that a file that is
 * being replaced takes nothing away. Zero at first.
 */
int certfile_load(struct certfile *f, const char *const specs[TOKEN_CERTS_MAX],
    struct token_trouble *why);

void certfile_release(struct certfile *f);

#endif
