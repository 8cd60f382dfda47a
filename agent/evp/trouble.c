#include <string.h>

#include "agent/evp/internal.h"

/*
 * OpenSSL's callbacks carry no sentence back to the caller, and its error
 * queue is emptied on the way (CMS_decrypt does). So each thread remembers.
 */
static _Thread_local struct signer_trouble last;

const struct signer_trouble *
evp_trouble(void)
{
	return &last;
}

void
evptrouble_clear(void)
{
	memset(&last, 0, sizeof(last));
}

void
evptrouble_set(const struct signer_trouble *why)
{
	last = *why;
}
