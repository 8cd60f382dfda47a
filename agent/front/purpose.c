#include "agent/front/purpose.h"

#include <string.h>

/* Handshake message types (RFC 5246 7.4; RFC 6066 8 for the status). */
enum {
	CLIENT_HELLO = 1,
	SERVER_HELLO = 2,
	NEW_SESSION_TICKET = 4,
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

/* May this message come at this place of a client's handshake? */
static bool
fits(size_t place, uint8_t type)
{
	if (place == 0)
		return type == CLIENT_HELLO;
	if (place == 1)
		return type == SERVER_HELLO;
	switch (type) {
	case NEW_SESSION_TICKET:
	case CERTIFICATE:
	case SERVER_KEY_EXCHANGE:
	case CERTIFICATE_REQUEST:
	case SERVER_HELLO_DONE:
	case CLIENT_KEY_EXCHANGE:
	case CERTIFICATE_STATUS:
		return true;
	default:
		return false;
	}
}

/* Whole messages one after another, the last a ClientKeyExchange. */
static bool
tls12(const uint8_t *p, size_t len)
{
	uint8_t type = 0;
	bool asked = false;

	for (size_t place = 0; len != 0; place++) {
		size_t n;

		if (len < 4)
			return false;
		type = p[0];
		n = (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
		if (n > len - 4 || !fits(place, type))
			return false;
		asked = asked || type == CERTIFICATE_REQUEST;
		p += 4 + n;
		len -= 4 + n;
	}
	return asked && type == CLIENT_KEY_EXCHANGE;
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
