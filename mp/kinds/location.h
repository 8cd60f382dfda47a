/*
 * The place of a policy body, as an assignment names it (wire-facts 5.2):
 * turned into a path on our management point, or refused. Fetches nothing.
 */
#ifndef MP_KINDS_LOCATION_H
#define MP_KINDS_LOCATION_H

#include "mp/buf.h"
#include "mp/error.h"

/*
 * location: http(s)://HOST[:PORT]/SMS_MP/.sms_pol?..., HOST being `host` or
 * <mp>, which stands for it. Appends path and query, percent-encoded.
 */
int mp_location_path(const char *location, const char *host,
    struct mp_buf *path, struct mp_error *e);

#endif
