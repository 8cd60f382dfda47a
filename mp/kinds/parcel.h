/*
 * What goes into a message of some kind: body and attachments, made from the
 * whole text that a builder wrote or that the caller brought. Chooses the
 * check and the form by the kind; knows no flags, seals and sends nothing.
 */
#ifndef MP_KINDS_PARCEL_H
#define MP_KINDS_PARCEL_H

#include "mp/kinds/kind.h"

#define MP_PARCEL_FILES_MAX 10000 /* attachments of one message */

struct mp_parcel {
	const struct mp_kind_rule *kind;
	struct mp_buf body;   /* as mp_message wants it, NUL-terminated */
	struct mp_buf report; /* what the first attachment holds, or empty */
	struct mp_attachment *attachments;
	size_t nattachments;
};

/*
 * Is this whole text a good message of that kind? MP_EARG, and a sentence
 * for the first fault, if not.
 */
int mp_parcel_check(const struct mp_kind_rule *k, const char *xml, size_t len,
    struct mp_error *e);

/*
 * Checks xml and makes p of it; release it even after a failure. A report
 * that travels as an attachment becomes the first one, and its header the
 * body. files are the caller's, borrowed with all that they point to; of two
 * with one name the later counts [D] (sdk-facts 1.2). Where the report lists
 * files, each listed file needs its attachment and each attachment its entry.
 */
int mp_parcel_pack(struct mp_parcel *p, const struct mp_kind_rule *k,
    const char *xml, size_t len, const struct mp_attachment *files,
    size_t nfiles, struct mp_error *e);
void mp_parcel_release(struct mp_parcel *p); /* NULL-safe */

#endif
