/*
 * Tells people what is being done, step by step, while it happens. Never of
 * a secret. Knows nothing of what is done.
 */
#ifndef MP_STEP_H
#define MP_STEP_H

#include <stdarg.h>

/* Who is told; `tell` NULL: nobody. The text lives for the call. */
struct mp_step {
	void (*tell)(void *ctx, const char *what);
	void *ctx;
};

/* One sentence without a full stop; cut at MP_TEXT_MAX bytes. */
void mp_step_tell(const struct mp_step *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void mp_step_vtell(const struct mp_step *s, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

#endif
