/*
 * Something that decrypts: the agent at a socket, a token in this process, or
 * a signer that makes the mistake on purpose. Knows nothing of clocks.
 */
#ifndef TESTS_TIMING_PLACE_H
#define TESTS_TIMING_PLACE_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#define PLACE_RSA_LEN 256 /* bytes of the modulus: RSA-2048 */

struct place {
	/* 0, or -1 after a word on standard error. */
	int (*decrypt)(void *ctx, const uint8_t in[PLACE_RSA_LEN],
	    uint8_t out[PLACE_RSA_LEN], size_t *outlen);
	void (*close)(void *ctx);
	void *ctx;
	EVP_PKEY *public; /* its own: EVP_PKEY_free */
};

/* Each: 0, or -1 after a word on standard error; 77: cannot be had here. */
int place_agent(struct place *p, const char *socket, const char *thumbprint);
int place_token(struct place *p);

/*
 * Does the private operation, and leaves out the work of implicit rejection
 * where the padding is good.
 */
int place_planted(struct place *p);

#endif
