#include "agent/signer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
signer_fail(struct signer_trouble *why, int err, const char *fmt, ...)
{
	va_list ap;

	if (why == NULL)
		return err;
	va_start(ap, fmt);
	(void)vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return err;
}

/* Before a call: nothing failed yet. */
static void
clear(struct signer_trouble *why)
{
	if (why != NULL)
		memset(why, 0, sizeof(*why));
}

/* After a call: a failure that brought no sentence gets its class's. */
static int
settle(struct signer_trouble *why, int err)
{
	if (why == NULL)
		return err;
	if (err == SIGNER_OK)
		why->text[0] = '\0';
	else if (why->text[0] == '\0')
		(void)signer_fail(why, err, "%s", signer_strerror(err));
	why->err = err;
	return err;
}

/* A signer that claims more than there is room for is not believed. */
static int
bounded(int err, size_t n, size_t room, struct signer_trouble *why)
{
	if (err != SIGNER_OK || n <= room)
		return err;
	return signer_fail(why, SIGNER_EPROTO,
	    "the signer claims %zu where "
	    "%zu is the most there can be",
	    n, room);
}

const char *
signer_strerror(int err)
{
	switch ((enum signer_err)err) {
	case SIGNER_OK:
		return "no error";
	case SIGNER_EARG:
		return "the request makes no sense";
	case SIGNER_EDENIED:
		return "not allowed";
	case SIGNER_ENOKEY:
		return "no such key";
	case SIGNER_EAMBIGUOUS:
		return "the thumbprint fits several certificates";
	case SIGNER_EMECH:
		return "the key or its token cannot do this";
	case SIGNER_EABSENT:
		return "the token is absent";
	case SIGNER_EPIN:
		return "the token needs a PIN";
	case SIGNER_EPINLOCKED:
		return "the token's PIN is locked";
	case SIGNER_EBUSY:
		return "busy; try again later";
	case SIGNER_ETIMEOUT:
		return "not done in time";
	case SIGNER_EDEVICE:
		return "the token failed";
	case SIGNER_EDATA:
		return "the data cannot be decrypted";
	case SIGNER_EAGENT:
		return "the agent cannot be reached";
	case SIGNER_EPROTO:
		return "not our protocol";
	case SIGNER_ENOMEM:
		return "out of memory";
	}
	return "unknown error";
}

size_t
signer_hash_len(enum signer_hash hash)
{
	switch (hash) {
	case SIGNER_HASH_NONE:
		return 0;
	case SIGNER_SHA1:
		return 20;
	case SIGNER_SHA256:
		return 32;
	case SIGNER_SHA384:
		return 48;
	case SIGNER_SHA512:
		return 64;
	}
	return 0;
}

bool
signer_sign_valid(const struct signer_sign *what)
{
	size_t hashlen = signer_hash_len(what->hash);

	if (what->data == NULL && what->len != 0)
		return false;
	if (what->scheme == SIGNER_EDDSA)
		return what->hash == SIGNER_HASH_NONE && !what->digest &&
		       what->saltlen == 0 && what->len <= SIGNER_TBS_MAX;
	if (what->scheme != SIGNER_RSA_PKCS1 &&
	    what->scheme != SIGNER_RSA_PSS && what->scheme != SIGNER_ECDSA)
		return false;
	if (hashlen == 0)
		return false;
	if (what->saltlen != 0 && what->scheme != SIGNER_RSA_PSS)
		return false;
	return what->digest ? what->len == hashlen
			    : what->len <= SIGNER_TBS_MAX;
}

int
signer_list(const struct signer *s, size_t from, struct signer_identity *ids,
    size_t max, size_t *n, struct signer_trouble *why)
{
	int r;

	clear(why);
	*n = 0;
	memset(ids, 0, max * sizeof(*ids));
	r = s->ops->list(s->ctx, from, ids, max, n, why);
	r = bounded(r, *n, max, why);
	if (r != SIGNER_OK) {
		*n = 0;
		memset(ids, 0, max * sizeof(*ids));
	}
	return settle(why, r);
}

int
signer_find(const struct signer *s, const uint8_t *thumb, size_t thumblen,
    struct signer_identity *id, struct signer_trouble *why)
{
	int r;

	clear(why);
	memset(id, 0, sizeof(*id));
	if (thumblen != SIGNER_SHA1_LEN && thumblen != SIGNER_SHA256_LEN)
		return signer_fail(why, SIGNER_EARG,
		    "a thumbprint has 20 bytes (SHA-1) or 32 (SHA-256)");
	r = s->ops->find(s->ctx, thumb, thumblen, id, why);
	if (r != SIGNER_OK)
		memset(id, 0, sizeof(*id));
	return settle(why, r);
}

int
signer_certificate(const struct signer *s, const uint8_t key[SIGNER_SHA256_LEN],
    unsigned depth, uint8_t *der, size_t *len, struct signer_trouble *why)
{
	size_t room = *len;
	int r;

	clear(why);
	r = s->ops->certificate(s->ctx, key, depth, der, len, why);
	r = bounded(r, *len, room, why);
	if (r != SIGNER_OK) {
		memset(der, 0, room);
		*len = 0;
	}
	return settle(why, r);
}

int
signer_sign(const struct signer *s, const uint8_t key[SIGNER_SHA256_LEN],
    const struct signer_sign *what, uint8_t *sig, size_t *siglen,
    struct signer_trouble *why)
{
	size_t room = *siglen;
	int r;

	clear(why);
	memset(sig, 0, room);
	if (signer_sign_valid(what))
		r = s->ops->sign(s->ctx, key, what, sig, siglen, why);
	else
		r = signer_fail(why, SIGNER_EARG,
		    "scheme, hash and length do not fit together");
	r = bounded(r, *siglen, room, why);
	if (r != SIGNER_OK) {
		memset(sig, 0, room);
		*siglen = 0;
	}
	return settle(why, r);
}

int
signer_decrypt(const struct signer *s, const uint8_t key[SIGNER_SHA256_LEN],
    enum signer_scheme scheme, enum signer_hash hash, const uint8_t *in,
    size_t inlen, uint8_t *out, size_t *outlen, struct signer_trouble *why)
{
	size_t room = *outlen;
	int r = SIGNER_EARG;

	clear(why);
	memset(out, 0, room);
	if (scheme == SIGNER_RSA_OAEP && signer_hash_len(hash) == 0)
		(void)signer_fail(why, r, "OAEP needs a hash");
	else if (scheme != SIGNER_RSA_PKCS1 && scheme != SIGNER_RSA_OAEP)
		(void)signer_fail(
		    why, r, "only RSA PKCS#1 v1.5 and OAEP decrypt");
	else if (inlen == 0 || inlen > SIGNER_DATA_MAX || room < inlen)
		(void)signer_fail(why, r,
		    "ciphertext and room must be as long as "
		    "the modulus, at most %d bytes",
		    SIGNER_DATA_MAX);
	else
		r = s->ops->decrypt(
		    s->ctx, key, scheme, hash, in, inlen, out, outlen, why);
	r = bounded(r, *outlen, room, why);
	if (r != SIGNER_OK) {
		memset(out, 0, room);
		*outlen = 0;
	}
	return settle(why, r);
}

void
signer_close(struct signer *s)
{
	if (s == NULL || s->ops == NULL)
		return;
	if (s->ops->close != NULL)
		s->ops->close(s->ctx);
	memset(s, 0, sizeof(*s));
}

/* Value of a hexadecimal digit, or -1. */
static int
nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* As signer_thumbprint_parse(), but leaves what it read when it refuses. */
static size_t
digits(const char *text, uint8_t buf[SIGNER_SHA256_LEN])
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		int v = nibble(*text);

		/* A separator stands between whole bytes only. */
		if (v < 0 && (*text == ' ' || *text == ':') && n % 2 == 0)
			continue;
		if (v < 0 || n == 2 * SIGNER_SHA256_LEN)
			return 0;
		buf[n / 2] = (uint8_t)(buf[n / 2] << 4 | v);
		n++;
	}
	return n;
}

int
signer_thumbprint_parse(
    const char *text, uint8_t buf[SIGNER_SHA256_LEN], size_t *len)
{
	/* U+200E in UTF-8: copied along from Windows' certificate dialog. */
	static const char mark[] = "\xe2\x80\x8e";
	size_t n;

	*len = 0;
	memset(buf, 0, SIGNER_SHA256_LEN);
	if (strncmp(text, mark, sizeof(mark) - 1) == 0)
		text += sizeof(mark) - 1;
	n = digits(text, buf);
	if (n != 2 * SIGNER_SHA1_LEN && n != 2 * SIGNER_SHA256_LEN) {
		memset(buf, 0, SIGNER_SHA256_LEN);
		return SIGNER_EARG;
	}
	*len = n / 2;
	return SIGNER_OK;
}

void
signer_thumbprint_print(
    const uint8_t *thumb, size_t len, char out[SIGNER_THUMB_TEXT])
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[thumb[i] >> 4];
		out[2 * i + 1] = digits[thumb[i] & 15];
	}
	out[2 * len] = '\0';
}
