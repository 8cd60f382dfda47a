/*
 * Any bytes as what is to be signed: does it look like a TLS handshake? What
 * does can be nothing that we sign as a message, and a digest never does.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/front/purpose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The beginnings of what TLS clients sign (RFC 8446 4.4.3, RFC 5246 7.4). */
static bool
begins(const uint8_t *data, size_t len)
{
	return len != 0 && (data[0] == ' ' || data[0] == 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct signer_sign what = {.data = data, .len = len};

	if (purpose_of(&what) == SIGNER_USE_TLS) {
		if (!begins(data, len))
			abort();
		/* Its last byte belongs to it, or it is no handshake. */
		what.len--;
		if (purpose_of(&what) == SIGNER_USE_TLS && data[0] == 1)
			abort();
	} else if (purpose_of(&what) != SIGNER_USE_SIGN) {
		abort();
	}
	what.digest = true;
	if (purpose_of(&what) != SIGNER_USE_SIGN)
		abort();
	return 0;
}
