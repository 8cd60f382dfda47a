/*
 * How the library fails: fills the caller's struct sealpoint_failure, and
 * translates the failures of the messaging layer, which is where it is
 * decided what a COM programmer is told.
 */
#ifndef MP_LIBRARY_FAILURE_H
#define MP_LIBRARY_FAILURE_H

#include <sealpoint/error.h>

#include "mp/error.h"

/* Fills why (if not NULL) with a sentence; returns code. */
int failure_set(struct sealpoint_failure *why, enum sealpoint_error code,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* An argument was NULL that must not be; `what` names it. */
int failure_missing(struct sealpoint_failure *why, const char *what);
int failure_memory(struct sealpoint_failure *why);

/*
 * What the messaging layer said. status: HTTP's of the exchange; 0: none.
 * code 0 is SEALPOINT_OK, and leaves why alone.
 */
int failure_from(struct sealpoint_failure *why, int code,
    const struct mp_error *e, long status);

#endif
