#include "pkcs11/trouble.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
trouble_clear(struct token_trouble *why)
{
	if (why != NULL)
		memset(why, 0, sizeof(*why));
}

int
trouble_say(
    struct token_trouble *why, int err, bool retry, const char *fmt, ...)
{
	va_list ap;

	if (why == NULL)
		return err;
	why->ckr = 0;
	why->retry = retry;
	va_start(ap, fmt);
	(void)vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return err;
}

int
trouble_rv(
    struct token_trouble *why, const char *who, const char *doing, struct rv rv)
{
	int err = rv_err(rv);

	(void)trouble_say(why, err, rv_retry(rv),
	    "%s: %s: %s says %s (0x%lx); %s", who, doing, rv.call, rv_name(rv),
	    rv.value, rv_next(rv));
	if (why != NULL)
		why->ckr = rv.value;
	return err;
}
