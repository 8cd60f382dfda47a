/*
 * A key pair on the token: made there, or found by its label, its CKA_ID or
 * its certificate. Knows nothing of certificates but whose key they hold.
 */
#ifndef PKCS11_PROVISION_PAIR_H
#define PKCS11_PROVISION_PAIR_H

#include "pkcs11/key.h"
#include "pkcs11/provision/desk.h"
#include "pkcs11/provision/provision.h"
#include "pkcs11/provision/spki.h"

struct pair {
	struct key key; /* the private one */
	struct key_tags tags;
	uint8_t spki[SPKI_MAX]; /* empty if the token does not tell it */
	size_t spkilen;
};

/*
 * Makes a pair with the label and, unless idlen is 0, the id. Refused if
 * either is taken.
 */
int pair_generate(struct pair *p, struct desk *d, enum provision_kind kind,
    const struct provision_choice *names, struct token_trouble *why);

/* The one pair that fits; more than one, or none, is an error. */
int pair_find(struct pair *p, struct desk *d,
    const struct provision_choice *choice, struct token_trouble *why);

/*
 * The one that fits and is proven to be the certificate's: by its public
 * part, or, where the token does not tell that, by a signature.
 */
int pair_find_for(struct pair *p, struct desk *d,
    const struct provision_choice *choice, const uint8_t *der, size_t len,
    struct token_trouble *why);

/* "key LABEL (id HEX)", fit to print. */
#define PAIR_NAME_MAX 128
void pair_name(const struct pair *p, char text[PAIR_NAME_MAX]);

#endif
