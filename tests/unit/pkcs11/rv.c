#include "pkcs11/rv.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include <p11-kit/pkcs11.h>

#include "pkcs11/token.h"
#include "pkcs11/trouble.h"

static void
values_have_names_classes_and_errors(void **state)
{
	static const struct {
		unsigned long value;
		const char *name;
		enum rv_class class;
		bool retry;
		int err;
	} cases[] = {
	    {CKR_OK, "CKR_OK", RV_OK, false, TOKEN_OK},
	    {CKR_SESSION_HANDLE_INVALID, "CKR_SESSION_HANDLE_INVALID",
		RV_SESSION, true, TOKEN_EDEVICE},
	    {CKR_KEY_HANDLE_INVALID, "CKR_KEY_HANDLE_INVALID", RV_KEY, true,
		TOKEN_EDEVICE},
	    {CKR_DEVICE_REMOVED, "CKR_DEVICE_REMOVED", RV_ABSENT, true,
		TOKEN_EABSENT},
	    {CKR_DEVICE_ERROR, "CKR_DEVICE_ERROR", RV_DEVICE, true,
		TOKEN_EDEVICE},
	    {CKR_SESSION_COUNT, "CKR_SESSION_COUNT", RV_BUSY, true,
		TOKEN_EBUSY},
	    {CKR_PIN_INCORRECT, "CKR_PIN_INCORRECT", RV_PIN, false, TOKEN_EPIN},
	    {CKR_PIN_LOCKED, "CKR_PIN_LOCKED", RV_PINLOCKED, false,
		TOKEN_EPINLOCKED},
	    {CKR_MECHANISM_INVALID, "CKR_MECHANISM_INVALID", RV_MECHANISM,
		false, TOKEN_EMECH},
	    {CKR_HOST_MEMORY, "CKR_HOST_MEMORY", RV_MEMORY, true, TOKEN_ENOMEM},
	    {CKR_CANT_LOCK, "CKR_CANT_LOCK", RV_MODULE, false, TOKEN_EMODULE},
	    {CKR_VENDOR_DEFINED | 7, "a vendor's own code", RV_SUSPECT, true,
		TOKEN_EDEVICE},
	    {0x7777, "an unknown code", RV_SUSPECT, true, TOKEN_EDEVICE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rv rv = {cases[i].value, "C_Sign"};

		assert_string_equal(rv_name(rv), cases[i].name);
		assert_int_equal(rv_class(rv), cases[i].class);
		assert_int_equal(rv_retry(rv), cases[i].retry);
		assert_int_equal(rv_err(rv), cases[i].err);
	}
}

/* What is said of the PIN is never mended, and nothing lost is about padding.
 */
static void
no_pin_failure_is_ever_mended(void **state)
{
	(void)state;
	for (unsigned long v = 0; v < 0x300; v++) {
		struct rv rv = {v, "C_Login"};
		enum rv_class class = rv_class(rv);

		if (class == RV_PIN || class == RV_PINLOCKED) {
			assert_false(rv_mendable(rv));
			assert_false(rv_retry(rv));
		}
		if (class == RV_DATA || class == RV_SUSPECT ||
		    class == RV_ARGUMENT)
			assert_false(rv_lost(rv));
		assert_non_null(rv_next(rv));
	}
}

static void
a_sentence_names_who_what_and_what_next(void **state)
{
	struct rv rv = {CKR_DEVICE_REMOVED, "C_Sign"};
	struct token_trouble why;

	(void)state;
	assert_int_equal(
	    trouble_rv(&why, "card", "cannot sign", rv), TOKEN_EABSENT);
	assert_string_equal(why.text,
	    "card: cannot sign: C_Sign says CKR_DEVICE_REMOVED (0x32); "
	    "insert or reconnect the token");
	assert_int_equal(why.ckr, CKR_DEVICE_REMOVED);
	assert_true(why.retry);
	trouble_clear(&why);
	assert_string_equal(why.text, "");
	/* Nobody need listen. */
	trouble_clear(NULL);
	assert_int_equal(
	    trouble_rv(NULL, "card", "cannot sign", rv), TOKEN_EABSENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_have_names_classes_and_errors),
	    cmocka_unit_test(no_pin_failure_is_ever_mended),
	    cmocka_unit_test(a_sentence_names_who_what_and_what_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
