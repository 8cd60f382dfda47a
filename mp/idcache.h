/*
 * Keeps the last few client-id signatures of one identity. RSA PKCS#1 v1.5
 * is deterministic, so asking the token again would only cost time. Signs
 * nothing, and holds nothing secret: the signatures travel in every message.
 */
#ifndef MP_IDCACHE_H
#define MP_IDCACHE_H

#include "mp/buf.h"
#include "mp/message.h"

struct mp_idcache; /* any number of threads may use one at once */

struct mp_idcache *mp_idcache_new(void);    /* NULL: no memory */
void mp_idcache_free(struct mp_idcache *c); /* NULL-safe */

/* Appends the signature's hex text, if it is kept. c may be NULL. */
bool mp_idcache_get(struct mp_idcache *c, enum mp_hash hash, const char *smsid,
    struct mp_buf *hex);
void mp_idcache_put(struct mp_idcache *c, enum mp_hash hash, const char *smsid,
    const char *hex, size_t len);

#endif
