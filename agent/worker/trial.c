#include "agent/worker/trial.h"

#include <sys/random.h>

#include <string.h>
#include <time.h>

#include "agent/worker/signer_token.h"

#define NONCE_LEN 32
#define WORDS "sealpoint status --probe: proves nothing but that a key works "

static uint64_t
now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* A way in which the key can sign; false if there is none. */
static bool
choose(const struct token_identity *id, struct signer_sign *what)
{
	static const struct {
		enum signer_scheme scheme;
		enum signer_hash hash;
		uint16_t salt;
	} ways[] = {
	    {SIGNER_RSA_PKCS1, SIGNER_SHA256, 0},
	    {SIGNER_RSA_PSS, SIGNER_SHA256, 32},
	    {SIGNER_ECDSA, SIGNER_SHA256, 0},
	    {SIGNER_EDDSA, SIGNER_HASH_NONE, 0},
	};

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if ((id->mechs & SIGNER_MECH(ways[i].scheme)) == 0)
			continue;
		what->scheme = ways[i].scheme;
		what->hash = ways[i].hash;
		what->saltlen = ways[i].salt;
		return true;
	}
	return false;
}

int
trial_run(struct token *t, uint8_t sha1[SIGNER_SHA1_LEN], uint32_t *us,
    struct signer_trouble *why)
{
	uint8_t text[sizeof(WORDS) - 1 + NONCE_LEN] = WORDS;
	uint8_t sig[SIGNER_SIG_MAX];
	struct signer_sign what = {.data = text, .len = sizeof(text)};
	struct token_trouble tt;
	struct token_identity id;
	struct signer signer;
	size_t siglen = sizeof(sig);
	uint64_t generation, began = now_us();
	int err;

	*us = 0;
	memset(sha1, 0, SIGNER_SHA1_LEN);
	memset(&tt, 0, sizeof(tt));
	err = signer_err_from_token(token_ready(t, &tt));
	if (err != SIGNER_OK) {
		signer_trouble_from_token(why, &tt);
		return err;
	}
	if (getrandom(text + sizeof(text) - NONCE_LEN, NONCE_LEN, 0) !=
	    NONCE_LEN)
		return signer_fail(why, SIGNER_EDEVICE,
		    "the kernel gives no random bytes; try again");
	for (size_t i = 0; token_list(t, i, &id, 1, &generation) == 1; i++) {
		if (!choose(&id, &what))
			continue;
		memcpy(sha1, id.sha1, SIGNER_SHA1_LEN);
		signer_from_token(&signer, t);
		err = signer_sign(&signer, id.sha256, &what, sig, &siglen, why);
		*us = (uint32_t)(now_us() - began);
		return err;
	}
	return signer_fail(why, SIGNER_ENOKEY,
	    "the token has no key that signs, so nothing can be tried; see "
	    "'sealpoint keys'");
}
