/*
 * What a message says before it is compressed and encrypted, whole, as UTF-8
 * text for people. Knows neither key nor management point.
 */
#ifndef MP_PREVIEW_H
#define MP_PREVIEW_H

#include "mp/buf.h"
#include "mp/error.h"
#include "mp/message.h"

/*
 * Adds m's body to out, and after it each attachment between two lines of
 * ours, "[attachment NAME ...]" and "[end of attachment NAME, N bytes]": XML
 * as text, all else in base64 with 64 characters a line. Files are read now.
 * More than out's maximum is MP_ELIMIT.
 */
int mp_preview(
    const struct mp_message *m, struct mp_buf *out, struct mp_error *e);

#endif
