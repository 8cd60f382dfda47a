/*
 * The registry: finds the file of a module that p11-kit knows by name, by
 * reading NAME.module as pkcs11.conf(5) describes it. It loads nothing, and
 * looks in the system's folders only: what a user registered for himself is
 * not for a process that holds a PIN. p11-kit's own look-up would load every
 * registered module first.
 */
#ifndef PKCS11_REGISTRY_H
#define PKCS11_REGISTRY_H

#include "pkcs11/token.h"

#define REGISTRY_PATH_MAX 512

/* `name` is an absolute path, which comes back as it is, or a name. */
int registry_find(
    const char *name, char path[REGISTRY_PATH_MAX], struct token_trouble *why);

#endif
