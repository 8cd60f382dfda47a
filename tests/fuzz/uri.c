/*
 * Any text as the URI of a token. One that is accepted prints as something;
 * one that is refused says why.
 */
#include <stdlib.h>
#include <string.h>

#include "pkcs11/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct token_trouble why = {0};
	struct uri *u = NULL;
	char text[4096];

	if (len >= sizeof(text))
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	if (uri_open(&u, text, &why) != TOKEN_OK) {
		if (u != NULL || why.text[0] == '\0')
			abort();
		return 0;
	}
	if (uri_text(u)[0] == '\0')
		abort();
	uri_close(u);
	return 0;
}
