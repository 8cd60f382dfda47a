/*
 * A module from inside: for the module*.c files alone. Between
 * module_enter() and module_leave() a library that cannot be used by several
 * threads is used by one; for any other they do nothing.
 */
#ifndef PKCS11_MODULE_IMPL_H
#define PKCS11_MODULE_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "pkcs11/module.h"
#include "pkcs11/registry.h"

struct _CK_FUNCTION_LIST; /* p11-kit's CK_FUNCTION_LIST */

struct module {
	struct _CK_FUNCTION_LIST *f;
	bool initialised;
	bool ours;   /* it was, once, by us */
	bool failed; /* C_Initialize said so, last */
	bool single; /* it said CKR_CANT_LOCK: one call at a time */
	pthread_mutex_t gate;
	char path[REGISTRY_PATH_MAX];
	_Atomic uint64_t logins;
	_Atomic uint64_t refused;
	_Atomic uint64_t searches;
};

void module_enter(struct module *m);
void module_leave(struct module *m);
struct rv module_say(unsigned long value, const char *call);

#endif
