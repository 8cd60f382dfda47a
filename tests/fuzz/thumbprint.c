/*
 * Any text as a thumbprint. One that is accepted has a length that a
 * thumbprint has, and its plain spelling is accepted as the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/signer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t thumb[SIGNER_SHA256_LEN], again[SIGNER_SHA256_LEN];
	char text[512], plain[2 * SIGNER_SHA256_LEN + 1];
	size_t n, m;

	if (len >= sizeof(text))
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	if (signer_thumbprint_parse(text, thumb, &n) != SIGNER_OK)
		return 0;
	if (n != SIGNER_SHA1_LEN && n != SIGNER_SHA256_LEN)
		abort();
	for (size_t i = 0; i < n; i++)
		(void)snprintf(plain + 2 * i, 3, "%02x", thumb[i]);
	if (signer_thumbprint_parse(plain, again, &m) != SIGNER_OK || m != n ||
	    memcmp(thumb, again, n) != 0)
		abort();
	return 0;
}
