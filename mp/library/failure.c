#include "mp/library/failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
failure_set(struct sealpoint_failure *why, enum sealpoint_error code,
    const char *fmt, ...)
{
	char text[SEALPOINT_TEXT_MAX];
	struct mp_error e;
	va_list ap;

	if (why == NULL)
		return code;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* Makes it printable: sentences quote what strangers gave. */
	(void)mp_fail(&e, MP_EARG, "%s", text);
	why->code = code;
	(void)snprintf(why->text, sizeof(why->text), "%s", e.text);
	return code;
}

int
failure_missing(struct sealpoint_failure *why, const char *what)
{
	return failure_set(why, SEALPOINT_ERR_ARGUMENT,
	    "%s is missing: NULL was given where there must be one", what);
}

int
failure_memory(struct sealpoint_failure *why)
{
	return failure_set(why, SEALPOINT_ERR_MEMORY, "out of memory");
}

/* HTTP's way of saying E_ACCESSDENIED. */
static bool
denied(long status)
{
	return status == 401 || status == 403;
}

static enum sealpoint_error
translate(enum mp_err code, long status)
{
	switch (code) {
	case MP_OK:
		return SEALPOINT_OK;
	case MP_EARG:
		return SEALPOINT_ERR_ARGUMENT;
	case MP_ESIGNER:
		return SEALPOINT_ERR_SIGNER;
	case MP_EHTTP:
		return denied(status) ? SEALPOINT_ERR_ACCESS_DENIED
				      : SEALPOINT_ERR_TRANSPORT;
	case MP_ENET:
	case MP_ETLS:
		return SEALPOINT_ERR_TRANSPORT;
	case MP_EREPLY:
		return SEALPOINT_ERR_NO_REPLY;
	case MP_ETRUST:
		return SEALPOINT_ERR_UNTRUSTED;
	case MP_EREFUSED:
		return SEALPOINT_ERR_REFUSED;
	case MP_EPENDING:
		return SEALPOINT_ERR_PENDING;
	case MP_ECRYPT:
		return SEALPOINT_ERR_DECRYPT;
	case MP_ESTATE:
		return SEALPOINT_ERR_STATE;
	case MP_ELIMIT:
		return SEALPOINT_ERR_LIMIT;
	case MP_ENOTFOUND:
		return SEALPOINT_ERR_NOT_FOUND;
	case MP_ENOMEM:
		return SEALPOINT_ERR_MEMORY;
	}
	return SEALPOINT_ERR_ARGUMENT;
}

int
failure_from(struct sealpoint_failure *why, int code, const struct mp_error *e,
    long status)
{
	if (code == 0)
		return SEALPOINT_OK;
	return failure_set(
	    why, translate((enum mp_err)code, status), "%s", e->text);
}
