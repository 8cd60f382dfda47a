/* What a program asks about an error's number. */
#include <sealpoint/error.h>

#include <stddef.h>

#include "version.h"

/*
 * [D] marks what a page of the COM documentation prints; Windows' own
 * headers give E_ACCESSDENIED its number.
 */
#define HRESULT_S_OK 0x00000000u
#define HRESULT_E_ACCESSDENIED 0x80070005u
#define HRESULT_INVALID_SCHEMA 0x80040605u /* SMS_ERR_INVALID_SCHEMA [D] */
#define HRESULT_NO_REPLY 0x80040607u       /* SMS_ERR_NO_REPLY [D] */

static const char *
words(enum sealpoint_error code)
{
	switch (code) {
	case SEALPOINT_OK:
		return "no error";
	case SEALPOINT_ERR_ACCESS_DENIED:
		return "the management point denies access";
	case SEALPOINT_ERR_INVALID_SCHEMA:
		return "the body does not fit the endpoint";
	case SEALPOINT_ERR_NO_REPLY:
		return "no reply that can be read";
	case SEALPOINT_ERR_TRANSPORT:
		return "the management point cannot be reached";
	case SEALPOINT_ERR_INDEX_OUT_OF_RANGE:
		return "the index is out of range";
	case SEALPOINT_ERR_DATATYPE_MISMATCH:
		return "the body is no text";
	case SEALPOINT_ERR_ARGUMENT:
		return "the request makes no sense";
	case SEALPOINT_ERR_NOT_FOUND:
		return "not found";
	case SEALPOINT_ERR_ROOM:
		return "the buffer is too small";
	case SEALPOINT_ERR_FILE:
		return "the file cannot be read or written";
	case SEALPOINT_ERR_LIMIT:
		return "larger than the limit";
	case SEALPOINT_ERR_SIGNER:
		return "the signer failed or refused";
	case SEALPOINT_ERR_UNTRUSTED:
		return "the reply is not proven to be the management point's";
	case SEALPOINT_ERR_REFUSED:
		return "the management point refused";
	case SEALPOINT_ERR_PENDING:
		return "the management point has not decided yet";
	case SEALPOINT_ERR_DECRYPT:
		return "the data cannot be decrypted with this key";
	case SEALPOINT_ERR_STATE:
		return "the client state cannot be read or written";
	case SEALPOINT_ERR_MEMORY:
		return "out of memory";
	}
	return "unknown error";
}

const char *
sealpoint_error_string(int code)
{
	return words((enum sealpoint_error)code);
}

bool
sealpoint_error_hresult(int code, uint32_t *hresult)
{
	static const struct {
		int code;
		uint32_t hresult;
	} known[] = {
	    {SEALPOINT_OK, HRESULT_S_OK},
	    {SEALPOINT_ERR_ACCESS_DENIED, HRESULT_E_ACCESSDENIED},
	    {SEALPOINT_ERR_INVALID_SCHEMA, HRESULT_INVALID_SCHEMA},
	    {SEALPOINT_ERR_NO_REPLY, HRESULT_NO_REPLY},
	};

	if (hresult == NULL)
		return false;
	*hresult = 0;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].code != code)
			continue;
		*hresult = known[i].hresult;
		return true;
	}
	return false;
}

const char *
sealpoint_version(void)
{
	return SEALPOINT_VERSION;
}
