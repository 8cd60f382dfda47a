/*
 * A slot: where the token that a URI chooses is now, and which token it is,
 * so that it is told from every other after a reset. Opens no session.
 */
#ifndef PKCS11_SLOT_H
#define PKCS11_SLOT_H

#include "pkcs11/module.h"
#include "pkcs11/token.h"
#include "pkcs11/uri.h"

struct slot {
	unsigned long id;
	struct module_token token;
	char name[TOKEN_NAME_MAX]; /* "label (manufacturer model serial)" */
};

/*
 * Finds the one token that fits u, and, if `bound` is not NULL, is that very
 * token: same label, manufacturer, model and serial number.
 */
int slot_find(struct slot *s, struct module *m, const struct uri *u,
    const struct module_token *bound, struct token_trouble *why);

/* Reads the token's flags and limits again. */
struct rv slot_refresh(struct slot *s, struct module *m);

#endif
