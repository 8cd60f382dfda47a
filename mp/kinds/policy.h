/*
 * A policy body: where to get it, and how to read what came (wire-facts 5.3,
 * 5.4). Decrypts through the identity's key; sends nothing.
 */
#ifndef MP_KINDS_POLICY_H
#define MP_KINDS_POLICY_H

#include "mp/identity.h"
#include "mp/kinds/assignments.h"
#include "mp/kinds/policyhash.h"

/* The path (with query) of a location; MP_EARG if it names another host. */
int mp_policy_path(const struct mp_assignment *a, const char *host,
    struct mp_buf *path, struct mp_error *e);

/*
 * Body as received to policy XML in UTF-8: CMS opened, flag 64 (and its
 * PolicyXML wrapper) decompressed, BOM and final NUL dropped. It must be
 * well-formed XML with a Policy root.
 */
int mp_policy_open(const struct mp_assignment *a, const struct mp_identity *me,
    const struct mp_buf *body, struct mp_buf *xml, struct mp_error *e);

/* The same, and how the assignment's hashes fit what came. */
int mp_policy_open_hashed(const struct mp_assignment *a,
    const struct mp_identity *me, const struct mp_buf *body, struct mp_buf *xml,
    struct mp_policyhashes *hashes, struct mp_error *e);

#endif
