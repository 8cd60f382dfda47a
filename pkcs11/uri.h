/*
 * A URI (RFC 7512) that chooses a token, checked so that a slip of the pen
 * is told from a token that is not there. Holds no PIN and no place to get
 * one from; knows nothing of sessions or keys.
 */
#ifndef PKCS11_URI_H
#define PKCS11_URI_H

#include <stdbool.h>

#include "pkcs11/module.h"
#include "pkcs11/token.h"

#define URI_TEXT_MAX 160 /* bytes of the printed form; a longer one is cut */

struct uri;

/* Nothing of a pin-value gets into `why`, whatever is wrong with the text. */
int uri_open(struct uri **up, const char *text, struct token_trouble *why);
void uri_close(struct uri *u); /* NULL-safe */

/* Fit to print. Borrowed until uri_close(). */
const char *uri_text(const struct uri *u);

bool uri_fits_library(const struct uri *u, const struct module_library *l);
bool uri_fits_slot(const struct uri *u, const struct module_slot *slot);
bool uri_fits_token(const struct uri *u, const struct module_token *token);

#endif
