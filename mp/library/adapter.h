/*
 * A program's own signer as one that the rest of Sealpoint understands.
 * Copies every answer into our types, and believes none that is too long.
 */
#ifndef MP_LIBRARY_ADAPTER_H
#define MP_LIBRARY_ADAPTER_H

#include <sealpoint/error.h>
#include <sealpoint/signer.h>

#include "agent/signer.h"

/* signer_close(out) ends it, and calls the program's close. */
int adapter_signer(const struct sealpoint_signer *own, struct signer *out,
    struct sealpoint_failure *why);

#endif
