/*
 * A module: one PKCS#11 library, loaded and initialised, with each C_ call
 * that we make wrapped and counted here, and every length that comes back
 * checked. Knows nothing of which token, key or session is meant, and
 * decides nothing: it hands on what the library said.
 */
#ifndef PKCS11_MODULE_H
#define PKCS11_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pkcs11/rv.h"
#include "pkcs11/token.h"

#define MODULE_ATTR_NONE SIZE_MAX /* the object has no such readable value */
#define MODULE_ATTRS_MAX 16       /* in one call */
#define MODULE_MECHS_MAX 1024     /* of one token */

struct module;

/* Fields as the standard pads them: with blanks, without a NUL. */
struct module_library {
	char manufacturer[32], description[32];
	uint8_t major, minor;
};
struct module_slot {
	unsigned long id;
	char description[64], manufacturer[32];
};
struct module_token {
	char label[32], manufacturer[32], model[16], serial[16];
	unsigned long flags;    /* CKF_... of a token */
	unsigned long sessions; /* at most; 0 if it does not say */
};

struct module_attr {
	unsigned long type;
	void *value;
	size_t len; /* in: room; out: bytes or MODULE_ATTR_NONE */
};

struct module_mech {
	unsigned long type;
	void *params;
	size_t paramslen;
};

/* What reached the library. */
struct module_counts {
	uint64_t logins, searches;
	uint64_t refused; /* of these logins, for whatever reason */
};

/*
 * `name` as in token_config. Loads it, and initialises it with locking by
 * the system; one that says CKR_CANT_LOCK gets one call at a time. A library
 * that may be able to start later (its device may be off) is opened all the
 * same: module_restart() tries again.
 */
int module_open(
    struct module **mp, const char *name, struct token_trouble *why);
void module_close(struct module *m); /* NULL-safe */

/*
 * C_Finalize, C_Initialize: some libraries look for tokens only then. No
 * session may be open and no call running. One that refuses to end goes on.
 */
int module_restart(struct module *m, struct token_trouble *why);

bool module_initialised(const struct module *m);
const char *module_path(const struct module *m);
struct module_counts module_counts(const struct module *m);

struct rv module_info(struct module *m, struct module_library *library);

/* Slots with a token in them, at most max; *n may be more than was stored. */
struct rv module_slots(
    struct module *m, unsigned long *ids, size_t max, size_t *n);

/*
 * Whether a token came or went since the last call. Never blocks; false also
 * for the many libraries that do not tell.
 */
bool module_slot_event(struct module *m);
struct rv module_slot_info(
    struct module *m, unsigned long id, struct module_slot *slot);
struct rv module_token_info(
    struct module *m, unsigned long slot, struct module_token *token);
struct rv module_mechs(struct module *m, unsigned long slot,
    unsigned long *types, size_t max, size_t *n);
struct rv module_mech_flags(struct module *m, unsigned long slot,
    unsigned long type, unsigned long *flags);

struct rv module_session_open(
    struct module *m, unsigned long slot, unsigned long *session);
struct rv module_session_close(struct module *m, unsigned long session);
struct rv module_session_close_all(struct module *m, unsigned long slot);

/* *user: the normal user is logged in, as this session sees it. */
struct rv module_session_user(
    struct module *m, unsigned long session, bool *user);

/* user: CKU_...; a NULL pin asks for the token's PIN pad. */
struct rv module_login(struct module *m, unsigned long session,
    unsigned long user, const uint8_t *pin, size_t pinlen);
struct rv module_logout(struct module *m, unsigned long session);

/* A cheap call that reaches the token; more surely so with random. */
struct rv module_ping(struct module *m, unsigned long session, bool random);

/* Handles of all that fit, at most max; CKR_BUFFER_TOO_SMALL if more do. */
struct rv module_find(struct module *m, unsigned long session,
    const struct module_attr *match, size_t nmatch, unsigned long *handles,
    size_t max, size_t *n);

/*
 * Reads attributes; one that cannot be read, or does not fit its room, gets
 * the length MODULE_ATTR_NONE and is no failure.
 */
struct rv module_read(struct module *m, unsigned long session,
    unsigned long object, struct module_attr *attrs, size_t n);

/* Bytes that one attribute needs, or MODULE_ATTR_NONE. */
struct rv module_attr_len(struct module *m, unsigned long session,
    unsigned long object, unsigned long type, size_t *len);

/*
 * One operation on a session: begun, for some keys allowed by a login, and
 * done. In *outlen: room, then bytes, never more than room.
 */
struct rv module_sign_init(struct module *m, unsigned long session,
    unsigned long key, const struct module_mech *mech);
struct rv module_sign(struct module *m, unsigned long session,
    const uint8_t *in, size_t inlen, uint8_t *out, size_t *outlen);
struct rv module_decrypt_init(struct module *m, unsigned long session,
    unsigned long key, const struct module_mech *mech);
struct rv module_decrypt(struct module *m, unsigned long session,
    const uint8_t *in, size_t inlen, uint8_t *out, size_t *outlen);

#endif
