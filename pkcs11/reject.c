#include "pkcs11/reject.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define PADDING_MIN 11 /* bytes: RFC 8017, section 7.2.1 */
#define CANDIDATES 128 /* lengths to choose from: one fits, all but surely */
#define PRF_LEN 32

/* All ones if a < b, else zero. */
static size_t
less(size_t a, size_t b)
{
	size_t borrow = a ^ ((a ^ b) | ((a - b) ^ a));
	size_t mask = (size_t)0 - (borrow >> (sizeof(size_t) * 8 - 1));

	/* So that no compiler sees two values and makes a branch of it. */
	__asm__("" : "+r"(mask));
	return mask;
}

static size_t
choose(size_t mask, size_t yes, size_t no)
{
	return (mask & yes) | (~mask & no);
}

/*
 * out = HMAC(key, 0 || label || bits) || HMAC(key, 1 || label || bits)...,
 * counters and bits in 16 bits, big-endian.
 */
static int
stretch(const uint8_t key[PRF_LEN], const char *label, uint8_t *out, size_t len)
{
	uint8_t in[32], block[PRF_LEN];
	size_t label_len = strlen(label), n;
	unsigned counter = 0, made;
	int r = -1;

	for (size_t at = 0; at < len; at += n, counter++) {
		in[0] = (uint8_t)(counter >> 8);
		in[1] = (uint8_t)counter;
		memcpy(in + 2, label, label_len);
		in[2 + label_len] = (uint8_t)(len * 8 >> 8);
		in[3 + label_len] = (uint8_t)(len * 8);
		if (HMAC(EVP_sha256(), key, PRF_LEN, in, 4 + label_len, block,
			&made) == NULL)
			goto out;
		n = len - at < sizeof(block) ? len - at : sizeof(block);
		memcpy(out + at, block, n);
	}
	r = 0;
out:
	OPENSSL_cleanse(block, sizeof(block));
	return r;
}

/* The secret of this ciphertext: HMAC(seed, key || ciphertext). */
static int
derive(uint8_t out[PRF_LEN], const uint8_t seed[TOKEN_SEED_LEN],
    const uint8_t key[PUB_DIGEST_LEN], const uint8_t *in, size_t inlen)
{
	uint8_t all[PUB_DIGEST_LEN + REJECT_MAX];
	unsigned len;

	memcpy(all, key, PUB_DIGEST_LEN);
	memcpy(all + PUB_DIGEST_LEN, in, inlen);
	return HMAC(EVP_sha256(), seed, TOKEN_SEED_LEN, all,
		   PUB_DIGEST_LEN + inlen, out, &len) == NULL
		   ? -1
		   : 0;
}

/* The last candidate that is a possible length; looks at all of them. */
static size_t
pick(const uint8_t candidates[2 * CANDIDATES], size_t max)
{
	size_t mask = max, len = 0;

	for (unsigned shift = 1; shift < 16; shift *= 2)
		mask |= mask >> shift;
	for (size_t i = 0; i < CANDIDATES; i++) {
		size_t one =
		    (size_t)candidates[2 * i] << 8 | candidates[2 * i + 1];

		one &= mask;
		len = choose(less(one, max + 1), one, len);
	}
	return len;
}

int
reject_make(struct reject *r, const uint8_t seed[TOKEN_SEED_LEN],
    const uint8_t key[PUB_DIGEST_LEN], const uint8_t *in, size_t inlen)
{
	uint8_t secret[PRF_LEN], candidates[2 * CANDIDATES];
	int err = -1;

	memset(r, 0, sizeof(*r));
	if (inlen < PADDING_MIN || inlen > REJECT_MAX)
		return -1;
	if (derive(secret, seed, key, in, inlen) != 0 ||
	    stretch(secret, "length", candidates, sizeof(candidates)) != 0 ||
	    stretch(secret, "message", r->message, inlen) != 0)
		goto out;
	r->len = pick(candidates, inlen - PADDING_MIN);
	for (size_t i = 0; i < inlen; i++)
		r->message[i] &= (uint8_t)less(i, r->len);
	err = 0;
out:
	OPENSSL_cleanse(secret, sizeof(secret));
	OPENSSL_cleanse(candidates, sizeof(candidates));
	if (err != 0)
		reject_wipe(r);
	return err;
}

void
reject_select(const struct reject *r, unsigned good, uint8_t *out, size_t size,
    size_t *len)
{
	size_t keep = (size_t)0 - (size_t)(good & 1);

	__asm__("" : "+r"(keep));
	keep &= less(*len, size - PADDING_MIN + 1);
	*len = choose(keep, *len, r->len);
	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)(choose(keep, out[i], r->message[i]) &
				   less(i, *len));
}

/* All ones if a == b, else zero. */
static size_t
same(size_t a, size_t b)
{
	return ~(less(a, b) | less(b, a));
}

/* Moves what stands from `shift` on to the front, in a time of size alone. */
static void
slide(uint8_t *out, size_t size, size_t shift)
{
	for (size_t bit = 1; bit <= size; bit *= 2) {
		size_t move = ~same(shift & bit, 0);

		for (size_t i = 0; i < size - bit; i++)
			out[i] = (uint8_t)choose(move, out[i + bit], out[i]);
	}
}

void
reject_open(const struct reject *r, uint8_t *out, size_t size, size_t *len)
{
	size_t good, zero, seen = 0, at = 0;

	if (*len < size) {
		memmove(out + size - *len, out, *len);
		memset(out, 0, size - *len);
	}
	good = ~less(size, *len) & same(out[0], 0) & same(out[1], 2);
	for (size_t i = 2; i < size; i++) {
		zero = same(out[i], 0);
		at = choose(zero & ~seen, i, at);
		seen |= zero;
	}
	good &= seen & ~less(at, PADDING_MIN - 1);
	slide(out, size, at + 1);
	*len = size - at - 1;
	reject_select(r, (unsigned)(good & 1), out, size, len);
}

void
reject_wipe(struct reject *r)
{
	OPENSSL_cleanse(r, sizeof(*r));
}
