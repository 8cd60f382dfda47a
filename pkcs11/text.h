/*
 * Text that a token brought, made fit to print: blanks cut off its end, and
 * nothing left that could play tricks on a terminal or break a JSON string.
 * Knows nothing of what the text is about.
 */
#ifndef PKCS11_TEXT_H
#define PKCS11_TEXT_H

#include <stddef.h>

/*
 * Copies in, at most room - 1 bytes and never half a character, into out and
 * ends it. Valid UTF-8 stays; controls and all else become '?'.
 */
void text_clean(const void *in, size_t len, char *out, size_t room);

#endif
