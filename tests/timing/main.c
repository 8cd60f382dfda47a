/*
 * Does the time of a decryption tell whether the padding was good? Measures
 * as many of either kind, in random order, and the same kind against itself,
 * and prints t of both. Use:
 *
 *   timing SAMPLES agent SOCKET THUMBPRINT
 *   timing SAMPLES token | planted
 *
 * Up to ROUNDS times, as another program may have disturbed one of them.
 * Status 0: alike. 1: they differ in each round. 2: it could not be measured.
 */
#include <err.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "tests/timing/place.h"
#include "tests/timing/welch.h"

#define ROUNDS 3
#define BOUND 4.5 /* dudect's: below it nothing is known to differ */
#define POOL 1024 /* ciphertexts of each kind */
#define WARM 200  /* decryptions before the first that counts */

enum kind { GOOD, BAD, BAD_TOO, KINDS };

static uint8_t pool[KINDS][POOL][PLACE_RSA_LEN];

/* A number below n. */
static unsigned
choose(unsigned n)
{
	uint32_t r;

	if (RAND_bytes((uint8_t *)&r, sizeof(r)) != 1)
		errx(2, "no random bytes");
	return r % n;
}

/* A message of any length that there is, as implicit rejection makes them. */
static void
encrypt(EVP_PKEY *key, uint8_t out[PLACE_RSA_LEN])
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
	uint8_t message[PLACE_RSA_LEN];
	size_t n = PLACE_RSA_LEN, len = choose(PLACE_RSA_LEN - 11 + 1);

	if (RAND_bytes(message, sizeof(message)) != 1 || c == NULL ||
	    EVP_PKEY_encrypt_init(c) != 1 ||
	    EVP_PKEY_encrypt(c, out, &n, message, len) != 1)
		errx(2, "cannot encrypt");
	EVP_PKEY_CTX_free(c);
}

/* Any number below the modulus: one in 65536 has good padding by chance. */
static void
invent(uint8_t out[PLACE_RSA_LEN])
{
	if (RAND_bytes(out, PLACE_RSA_LEN) != 1)
		errx(2, "no random bytes");
	out[0] &= 0x7f;
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Every sample takes the same way to the same buffer. */
static uint64_t
measure(const struct place *p, enum kind kind)
{
	static uint8_t in[PLACE_RSA_LEN], out[PLACE_RSA_LEN];
	size_t len;
	uint64_t began;

	memcpy(in, pool[kind][choose(POOL)], sizeof(in));
	began = now_ns();
	if (p->decrypt(p->ctx, in, out, &len) != 0)
		exit(2);
	return now_ns() - began;
}

/*
 * Good against bad, and bad against bad, interleaved, so that both have the
 * same weather. Returns the first t; *self is the second.
 */
static double
race(const struct place *p, size_t samples, double *self)
{
	struct welch_sample *list = calloc(2 * samples, sizeof(*list));
	size_t filled[2] = {0, 0};
	double t;

	if (list == NULL)
		errx(2, "out of memory");
	for (size_t i = 0; i < 2 * samples; i++) {
		unsigned pair = choose(2), class = choose(2);
		struct welch_sample *s;

		if (filled[pair] == samples)
			pair = 1 - pair;
		s = &list[pair * samples + filled[pair]++];
		s->class = class;
		s->ns = measure(p, pair == 0 ? (class == 0 ? GOOD : BAD)
					     : (class == 0 ? BAD : BAD_TOO));
	}
	t = welch_t(list, samples);
	*self = welch_t(list + samples, samples);
	free(list);
	return t;
}

/* A mistake that was planted is seen if any round sees it. */
static int
judge(const struct place *p, size_t samples, bool planted)
{
	bool differs = false, quiet = false;

	for (size_t i = 0; i < POOL; i++) {
		encrypt(p->public, pool[GOOD][i]);
		invent(pool[BAD][i]);
		invent(pool[BAD_TOO][i]);
	}
	for (unsigned i = 0; i < WARM; i++)
		(void)measure(p, (enum kind)choose(KINDS));
	for (unsigned round = 1; round <= ROUNDS; round++) {
		double self, t = race(p, samples, &self);

		(void)printf("round %u: t %.2f (good against bad), %.2f (bad "
			     "against bad), %zu samples each\n",
		    round, t, self, samples);
		(void)fflush(stdout);
		differs = fabs(t) >= BOUND;
		quiet = fabs(self) < BOUND;
		if (quiet && differs == planted)
			break;
	}
	if (!quiet) {
		warnx("the machine is too busy: alike things differ too");
		return 2;
	}
	if (!differs)
		return 0;
	(void)printf("the time tells of the padding\n");
	return 1;
}

int
main(int argc, char **argv)
{
	struct place p = {0};
	int r = 2;

	if (argc == 5 && strcmp(argv[2], "agent") == 0)
		r = place_agent(&p, argv[3], argv[4]);
	else if (argc == 3 && strcmp(argv[2], "token") == 0)
		r = place_token(&p);
	else if (argc == 3 && strcmp(argv[2], "planted") == 0)
		r = place_planted(&p);
	if (r == 0)
		r = judge(&p, (size_t)strtoul(argv[1], NULL, 10),
		    strcmp(argv[2], "planted") == 0);
	EVP_PKEY_free(p.public);
	if (p.close != NULL)
		p.close(p.ctx);
	return r < 0 ? 2 : r;
}
