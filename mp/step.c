#include "mp/step.h"

#include <stdio.h>

#include "mp/error.h"

void
mp_step_vtell(const struct mp_step *s, const char *fmt, va_list ap)
{
	char text[MP_TEXT_MAX];

	if (s->tell == NULL)
		return;
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	s->tell(s->ctx, text);
}

void
mp_step_tell(const struct mp_step *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	mp_step_vtell(s, fmt, ap);
	va_end(ap);
}
