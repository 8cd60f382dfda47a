#include "pkcs11/rv.h"

#include <stddef.h>

#include <p11-kit/pkcs11.h>

#include "pkcs11/token.h"

struct row {
	unsigned long value;
	const char *name;
	enum rv_class class;
	bool retry;
};

#define ROW(value, class, retry)            \
	{                                   \
		value, #value, class, retry \
	}

/* PKCS #11 v2.40, section 5.1. A value that is not here is RV_SUSPECT. */
static const struct row table[] = {
    ROW(CKR_OK, RV_OK, false),
    ROW(CKR_CANCEL, RV_PIN, false),
    ROW(CKR_HOST_MEMORY, RV_MEMORY, true),
    ROW(CKR_SLOT_ID_INVALID, RV_ABSENT, true),
    ROW(CKR_GENERAL_ERROR, RV_SUSPECT, true),
    ROW(CKR_FUNCTION_FAILED, RV_SUSPECT, true),
    ROW(CKR_ARGUMENTS_BAD, RV_ARGUMENT, false),
    ROW(CKR_NEED_TO_CREATE_THREADS, RV_MODULE, false),
    ROW(CKR_CANT_LOCK, RV_MODULE, false),
    ROW(CKR_ATTRIBUTE_READ_ONLY, RV_ARGUMENT, false),
    ROW(CKR_ATTRIBUTE_SENSITIVE, RV_ARGUMENT, false),
    ROW(CKR_ATTRIBUTE_TYPE_INVALID, RV_ARGUMENT, false),
    ROW(CKR_ATTRIBUTE_VALUE_INVALID, RV_ARGUMENT, false),
    ROW(CKR_ACTION_PROHIBITED, RV_MECHANISM, false),
    ROW(CKR_DATA_INVALID, RV_DATA, false),
    ROW(CKR_DATA_LEN_RANGE, RV_DATA, false),
    ROW(CKR_DEVICE_ERROR, RV_DEVICE, true),
    ROW(CKR_DEVICE_MEMORY, RV_BUSY, true),
    ROW(CKR_DEVICE_REMOVED, RV_ABSENT, true),
    ROW(CKR_ENCRYPTED_DATA_INVALID, RV_DATA, false),
    ROW(CKR_ENCRYPTED_DATA_LEN_RANGE, RV_DATA, false),
    ROW(CKR_FUNCTION_CANCELED, RV_BUSY, true),
    ROW(CKR_FUNCTION_NOT_PARALLEL, RV_MODULE, false),
    ROW(CKR_FUNCTION_NOT_SUPPORTED, RV_MECHANISM, false),
    ROW(CKR_KEY_HANDLE_INVALID, RV_KEY, true),
    ROW(CKR_KEY_SIZE_RANGE, RV_MECHANISM, false),
    ROW(CKR_KEY_TYPE_INCONSISTENT, RV_MECHANISM, false),
    ROW(CKR_KEY_CHANGED, RV_KEY, true),
    ROW(CKR_KEY_FUNCTION_NOT_PERMITTED, RV_MECHANISM, false),
    ROW(CKR_MECHANISM_INVALID, RV_MECHANISM, false),
    ROW(CKR_MECHANISM_PARAM_INVALID, RV_MECHANISM, false),
    ROW(CKR_OBJECT_HANDLE_INVALID, RV_KEY, true),
    ROW(CKR_OPERATION_ACTIVE, RV_STALE, true),
    ROW(CKR_OPERATION_NOT_INITIALIZED, RV_STALE, true),
    ROW(CKR_PIN_INCORRECT, RV_PIN, false),
    ROW(CKR_PIN_INVALID, RV_PIN, false),
    ROW(CKR_PIN_LEN_RANGE, RV_PIN, false),
    ROW(CKR_PIN_EXPIRED, RV_PIN, false),
    ROW(CKR_PIN_LOCKED, RV_PINLOCKED, false),
    ROW(CKR_SESSION_CLOSED, RV_SESSION, true),
    ROW(CKR_SESSION_COUNT, RV_BUSY, true),
    ROW(CKR_SESSION_HANDLE_INVALID, RV_SESSION, true),
    ROW(CKR_SESSION_PARALLEL_NOT_SUPPORTED, RV_MODULE, false),
    ROW(CKR_TEMPLATE_INCOMPLETE, RV_ARGUMENT, false),
    ROW(CKR_TEMPLATE_INCONSISTENT, RV_ARGUMENT, false),
    ROW(CKR_TOKEN_NOT_PRESENT, RV_ABSENT, true),
    ROW(CKR_TOKEN_NOT_RECOGNIZED, RV_ABSENT, true),
    ROW(CKR_USER_ALREADY_LOGGED_IN, RV_SUSPECT, false),
    ROW(CKR_USER_NOT_LOGGED_IN, RV_SESSION, true),
    ROW(CKR_USER_PIN_NOT_INITIALIZED, RV_PIN, false),
    ROW(CKR_USER_TYPE_INVALID, RV_MODULE, false),
    ROW(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, RV_BUSY, true),
    ROW(CKR_USER_TOO_MANY_TYPES, RV_BUSY, true),
    ROW(CKR_DOMAIN_PARAMS_INVALID, RV_MECHANISM, false),
    ROW(CKR_CURVE_NOT_SUPPORTED, RV_MECHANISM, false),
    ROW(CKR_BUFFER_TOO_SMALL, RV_STALE, false),
    ROW(CKR_CRYPTOKI_NOT_INITIALIZED, RV_DEVICE, true),
    ROW(CKR_CRYPTOKI_ALREADY_INITIALIZED, RV_MODULE, false),
    ROW(CKR_MUTEX_BAD, RV_MODULE, false),
    ROW(CKR_MUTEX_NOT_LOCKED, RV_MODULE, false),
    ROW(CKR_FIPS_SELF_TEST_FAILED, RV_MODULE, false),
    ROW(CKR_LIBRARY_LOAD_FAILED, RV_MODULE, false),
    ROW(CKR_FUNCTION_REJECTED, RV_MECHANISM, false),
};

/* Walks the whole table: a decryption must not take longer for one answer
 * than for another. */
static const struct row *
look(struct rv rv)
{
	const struct row *found = NULL;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].value == rv.value)
			found = &table[i];
	return found;
}

bool
rv_ok(struct rv rv)
{
	return rv.value == CKR_OK;
}

const char *
rv_name(struct rv rv)
{
	const struct row *row = look(rv);

	if (row != NULL)
		return row->name;
	return rv.value >= CKR_VENDOR_DEFINED ? "a vendor's own code"
					      : "an unknown code";
}

enum rv_class
rv_class(struct rv rv)
{
	const struct row *row = look(rv);

	return row == NULL ? RV_SUSPECT : row->class;
}

bool
rv_retry(struct rv rv)
{
	const struct row *row = look(rv);

	return row == NULL || row->retry;
}

int
rv_err(struct rv rv)
{
	switch (rv_class(rv)) {
	case RV_OK:
		return TOKEN_OK;
	case RV_SESSION:
	case RV_STALE:
	case RV_KEY:
	case RV_DEVICE:
	case RV_SUSPECT:
		return TOKEN_EDEVICE;
	case RV_ABSENT:
		return TOKEN_EABSENT;
	case RV_BUSY:
		return TOKEN_EBUSY;
	case RV_PIN:
		return TOKEN_EPIN;
	case RV_PINLOCKED:
		return TOKEN_EPINLOCKED;
	case RV_MECHANISM:
		return TOKEN_EMECH;
	case RV_ARGUMENT:
	case RV_DATA:
		return TOKEN_EARG;
	case RV_MEMORY:
		return TOKEN_ENOMEM;
	case RV_MODULE:
		return TOKEN_EMODULE;
	}
	return TOKEN_EDEVICE;
}

const char *
rv_next(struct rv rv)
{
	switch (rv_class(rv)) {
	case RV_OK:
		return "nothing is to be done";
	case RV_SESSION:
	case RV_STALE:
	case RV_KEY:
	case RV_SUSPECT:
		return "try again, and if it stays so, look at the token's own "
		       "log or restart its service";
	case RV_ABSENT:
		return "insert or reconnect the token";
	case RV_DEVICE:
		return "reconnect the token or restart its service, and try "
		       "again";
	case RV_BUSY:
		return "try again when other programs use the token less";
	case RV_PIN:
		return "check the PIN that is configured for this token";
	case RV_PINLOCKED:
		return "have the token's security officer unlock the PIN";
	case RV_MECHANISM:
		return "choose a key, scheme or hash that the token offers";
	case RV_ARGUMENT:
	case RV_DATA:
		return "check what was asked of this key";
	case RV_MEMORY:
		return "free memory on this host and try again";
	case RV_MODULE:
		return "check the module's own configuration and version";
	}
	return "look at the token's own log";
}

bool
rv_lost(struct rv rv)
{
	switch (rv_class(rv)) {
	case RV_SESSION:
	case RV_KEY:
	case RV_ABSENT:
	case RV_DEVICE:
	case RV_MEMORY:
		return true;
	case RV_OK:
	case RV_STALE:
	case RV_SUSPECT:
	case RV_BUSY:
	case RV_PIN:
	case RV_PINLOCKED:
	case RV_MECHANISM:
	case RV_ARGUMENT:
	case RV_DATA:
	case RV_MODULE:
		return false;
	}
	return false;
}

bool
rv_mendable(struct rv rv)
{
	switch (rv_class(rv)) {
	case RV_SESSION:
	case RV_STALE:
	case RV_KEY:
	case RV_ABSENT:
	case RV_DEVICE:
	case RV_SUSPECT:
		return true;
	case RV_OK:
	case RV_BUSY:
	case RV_PIN:
	case RV_PINLOCKED:
	case RV_MECHANISM:
	case RV_ARGUMENT:
	case RV_DATA:
	case RV_MEMORY:
	case RV_MODULE:
		return false;
	}
	return false;
}

unsigned
rv_repeats(struct rv rv)
{
	enum rv_class class = rv_class(rv);

	if (rv.value == CKR_FUNCTION_FAILED ||
	    rv.value == CKR_OPERATION_ACTIVE || class == RV_MEMORY ||
	    (class == RV_BUSY && rv.value != CKR_FUNCTION_CANCELED))
		return 3;
	return rv_mendable(rv) ? 1 : 0;
}
