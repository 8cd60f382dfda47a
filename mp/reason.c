#include "mp/reason.h"

#include <stddef.h>

#include <openssl/err.h>

const char *
mp_reason_openssl(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return text != NULL ? text : "no reason given";
}
