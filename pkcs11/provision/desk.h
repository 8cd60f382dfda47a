/*
 * A desk: one token, found, logged in and open for writing, and the calls
 * that only provisioning makes. Knows nothing of what is made there.
 *
 * The login is ours, and it holds for every session of this process (PKCS
 * #11 v2.40, 2.6.6), libp11's too. So libp11 is never handed a PIN: its
 * PKCS11_login() would keep a copy of it until the slot is freed.
 */
#ifndef PKCS11_PROVISION_DESK_H
#define PKCS11_PROVISION_DESK_H

#include "pkcs11/module.h"
#include "pkcs11/provision/pen.h"
#include "pkcs11/slot.h"
#include "pkcs11/token.h"

struct desk;

int desk_open(struct desk **dp, const struct token_config *cfg,
    struct token_trouble *why);
void desk_close(struct desk *d); /* NULL-safe */

/* All borrowed. */
struct module *desk_module(const struct desk *d);
const struct slot *desk_slot(const struct desk *d);
struct pen *desk_pen(const struct desk *d);
unsigned long desk_session(const struct desk *d); /* read and write */

/* A template for an object to be made. */
struct desk_template {
	struct module_attr *attrs;
	size_t n;
};

/* C_GenerateKeyPair with a mechanism that has no parameters. */
struct rv desk_generate(struct desk *d, unsigned long mech,
    const struct desk_template *public, const struct desk_template *private,
    unsigned long *pub, unsigned long *priv);

/* C_DestroyObject. */
struct rv desk_destroy(struct desk *d, unsigned long object);

#endif
