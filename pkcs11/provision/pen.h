/*
 * A pen: libp11 on one token, which signs with the token's keys and stores
 * certificates there. Sees DER and bytes only, never a PIN; whoever holds a
 * pen has logged in by himself.
 *
 * libp11 0.4.12 is used with care, each trap having been met: a context whose
 * module did not load is never unloaded; the slot is chosen by its number;
 * sessions are known to be available before it opens one; keys and slots are
 * not kept beyond pen_close(); and it sees no key at all on a token that
 * holds one of a kind that it does not know (Ed25519), which PEN_BLIND tells.
 */
#ifndef PKCS11_PROVISION_PEN_H
#define PKCS11_PROVISION_PEN_H

#include <stddef.h>
#include <stdint.h>

#include "pkcs11/token.h"

#define PEN_BLIND 1 /* libp11 does not see this key; no trouble is told */

struct pen;

/*
 * The module must be initialised already. `name` is the token's, for
 * sentences, and must outlive the pen. May end all sessions with the token.
 */
int pen_open(struct pen **pp, const char *path, unsigned long slot,
    const char *name, struct token_trouble *why);

/* NULL-safe. Ends all sessions, and C_Finalize. */
void pen_close(struct pen *p);

/*
 * Signs a message with the private key whose public part is spki: RSA
 * PKCS#1 v1.5, or ECDSA in DER. In *len: room, then bytes. TOKEN_OK,
 * PEN_BLIND or an error.
 */
int pen_sign(struct pen *p, const uint8_t *spki, size_t spkilen,
    enum token_hash hash, const uint8_t *message, size_t messagelen,
    uint8_t *sig, size_t *len, struct token_trouble *why);

/* Stores a certificate; an empty id or label is left out. */
int pen_store(struct pen *p, const uint8_t *der, size_t len, const char *label,
    const uint8_t *id, size_t idlen, struct token_trouble *why);

#endif
