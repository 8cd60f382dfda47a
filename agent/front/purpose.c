#include "agent/front/purpose.h"

#include <string.h>

/* Handshake message types (RFC 5246 7.4; RFC 6066 8 for the status). */
enum {
	CLIENT_HELLO = 1,
	SERVER_HELLO = 2,
	CERTIFICATE = 11,
	SERVER_KEY_EXCHANGE = 12,
	CERTIFICATE_REQUEST = 13,
	SERVER_HELLO_DONE = 14,
	CLIENT_KEY_EXCHANGE = 16,
	CERTIFICATE_STATUS = 22,
};

/* 64 spaces, the context, a zero, and a transcript hash of a TLS 1.3 suite. */
static bool
tls13(const uint8_t *p, size_t len)
{
	static const char context[] = "TLS 1.3, client CertificateVerify";
	const size_t head = 64 + sizeof(context); /* its NUL is the zero */

	if (len != head + 32 && len != head + 48)
		return false;
	for (size_t i = 0; i < 64; i++)
		if (p[i] != 0x20)
			return false;
	return memcmp(p + 64, context, sizeof(context)) == 0;
}

/*
 * The messages of a full handshake in which the client is asked for its
 * certificate, up to its own signature: RFC 5246 section 7.3, figure 1.
 * Anything else comes after that signature, or in no handshake of this kind.
 */
static const struct {
	uint8_t type;
	bool optional;
} flight[] = {
    {CLIENT_HELLO, false},
    {SERVER_HELLO, false},
    {CERTIFICATE, false},
    {CERTIFICATE_STATUS, true},
    {SERVER_KEY_EXCHANGE, true},
    {CERTIFICATE_REQUEST, false},
    {SERVER_HELLO_DONE, false},
    {CERTIFICATE, false},
    {CLIENT_KEY_EXCHANGE, false},
};

#define FLIGHT (sizeof(flight) / sizeof(*flight))

/* Both hellos: version 3.x, 32 bytes, a session id; RFC 5246 7.4.1. */
static bool
greets(const uint8_t *p, size_t len)
{
	return len >= 35 && p[0] == 3 && p[1] <= 3 && p[34] <= 32 &&
	       len >= 35 + (size_t)p[34] + 3;
}

/* Can the body be that of such a message? */
static bool
fits(uint8_t type, const uint8_t *p, size_t len)
{
	if (type == CLIENT_HELLO || type == SERVER_HELLO)
		return greets(p, len);
	if (type == SERVER_HELLO_DONE)
		return len == 0;
	/* A list with its length before it; 7.4.2. */
	if (type == CERTIFICATE)
		return len >= 3 && len - 3 == ((size_t)p[0] << 16 |
						  (size_t)p[1] << 8 | p[2]);
	return len != 0;
}

/* Whole messages one after another, the last a ClientKeyExchange. */
static bool
tls12(const uint8_t *p, size_t len)
{
	size_t place = 0;

	while (len >= 4 && place < FLIGHT) {
		size_t n = (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];

		while (flight[place].optional && flight[place].type != p[0])
			place++;
		if (flight[place].type != p[0] || n > len - 4 ||
		    !fits(p[0], p + 4, n))
			return false;
		p += 4 + n;
		len -= 4 + n;
		place++;
	}
	return place == FLIGHT && len == 0;
}

uint32_t
purpose_of(const struct signer_sign *what)
{
	if (what->digest)
		return SIGNER_USE_SIGN;
	if (tls13(what->data, what->len) || tls12(what->data, what->len))
		return SIGNER_USE_TLS;
	return SIGNER_USE_SIGN;
}
